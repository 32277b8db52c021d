"""Colors of labels. ``tests/frontend/test_build.py`` compares them with those of the worker pages."""

from __future__ import annotations

from labeling_provider.groundtruth.label_colors import label_colors


def test_the_first_colors_are_amazons_and_no_two_labels_have_the_same() -> None:
    colors = label_colors([f"l{number}" for number in range(254)])
    assert list(colors.values())[:4] == ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728"]
    assert colors["l9"] == "#17becf"
    assert len(set(colors.values()) - {"#000000", "#ffffff"}) == 254


def test_a_label_keeps_its_color_when_others_follow() -> None:
    assert label_colors(["cat"]).items() <= label_colors(["cat", "dog"]).items()
