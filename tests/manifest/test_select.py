"""Which lines are kept, and in which set an object is for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling_provider.groundtruth.objects import LineState
from labeling_provider.manifest import Filter, Manifests, Split
from tests.manifest.lines import BOXES, MIXED, PAGES, image, label, load, store


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (Filter(), [0, 1, 2, 3, 4, 5]),
        (Filter(state=LineState.LABELED), [0, 1, 4, 5]),
        (Filter(state=LineState.FAILED), [3]),
        (Filter(state=LineState.UNLABELED), [2]),
        (Filter(by="people"), [0, 4, 5]),
        (Filter(by="machine"), [1]),
        (Filter(min_confidence=0.4), [0, 1]),
        (Filter(below_confidence=0.4), [4, 5]),
        (Filter(min_confidence=0.3, below_confidence=0.8), [0, 5]),
        (Filter(classes=frozenset({"heron"})), [0, 5]),
        (Filter(classes=frozenset({"heron"}), min_confidence=0.4), [0]),
    ],
)
def test_lines_are_kept_by_their_label(manifests: Manifests, tmp_path: Path, keep: Filter, kept: list[int]) -> None:
    source = store(tmp_path / "in.manifest", MIXED)
    counts = manifests.filter(source, "bird", keep, tmp_path / "kept", tmp_path / "rest")
    assert load(tmp_path / "kept") == [MIXED[number] for number in kept]
    assert load(tmp_path / "rest") == [line for number, line in enumerate(MIXED) if number not in kept]
    assert counts["kept"] == len(kept)
    assert counts.total() == len(MIXED)


def test_sets_have_their_shares_of_every_class_and_nobody_ever_moves(manifests: Manifests, tmp_path: Path) -> None:
    split = Split({"train": 0.7, "validation": 0.2, "test": 0.1})
    lines = [image(number, **label(0 if number % 10 else 1)) for number in range(5000)]
    places = {name: tmp_path / name for name in split.names}
    counts = manifests.split(store(tmp_path / "in", lines), split, places, "bird").sets
    assert sum(part.objects for part in counts.values()) == 5000
    for name, share in {"train": 0.7, "validation": 0.2, "test": 0.1}.items():
        assert counts[name].classes["heron"] / 4500 == pytest.approx(share, abs=0.03)
        assert counts[name].classes["stork"] / 500 == pytest.approx(share, abs=0.06)
    before = {name: {line["source-ref"] for line in load(path)} for name, path in places.items()}
    grown = [*(image(number) for number in range(4000, 6000)), *reversed(lines[:3000])]
    manifests.split(store(tmp_path / "in", grown), split, places)
    for name, path in places.items():
        elsewhere = set().union(*(before[other] for other in before if other != name))
        assert not elsewhere & {line["source-ref"] for line in load(path)}
    other = {name: tmp_path / f"other-{name}" for name in split.names}
    manifests.split(tmp_path / "in", Split({"train": 0.7, "validation": 0.2, "test": 0.1}, seed="x"), other)
    assert load(other["test"]) != load(places["test"])


@pytest.mark.parametrize("fractions", [{"a": 0.5, "b": 0.6}, {"a": 1.5, "b": -0.5}, {"a": 0.5}, {}])
def test_shares_that_are_none_are_refused(fractions: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        Split(fractions)


def test_a_picture_without_a_stork_passes_no_filter_for_storks(manifests: Manifests, tmp_path: Path) -> None:
    every = {"0": "heron", "1": "stork"}
    lines = [
        image(0, bird=BOXES, **{"bird-metadata": {"class-map": every, "objects": []}}),
        image(1, bird=[1], **{"bird-metadata": {"class-map": every, "confidence-map": {"0": 0.1, "1": 0.9}}}),
        image(2, bird={**BOXES, "annotations": []}, **{"bird-metadata": {"class-map": every, "objects": []}}),
    ]
    source = store(tmp_path / "in", lines)
    assert manifests.filter(source, "bird", Filter(classes=frozenset({"stork"})), tmp_path / "out")["kept"] == 1
    assert load(tmp_path / "out") == [lines[1]]
    division = manifests.split(source, Split({"all": 1}), {"all": tmp_path / "all"}, "bird")
    assert division.sets["all"].classes == {"heron": 1, "stork": 1}


def test_pages_of_a_document_stay_in_one_set_unless_they_are_told_apart(manifests: Manifests, tmp_path: Path) -> None:
    source = store(tmp_path / "in", [{**PAGES[0], "page": number} for number in range(300)])
    places = {name: tmp_path / name for name in "ab"}
    together = manifests.split(source, Split({"a": 0.5, "b": 0.5}), places).sets
    assert sorted(part.objects for part in together.values()) == [0, 300]
    apart = manifests.split(source, Split({"a": 0.5, "b": 0.5}, object_keys=["source-ref", "page"]), places).sets
    assert min(part.objects for part in apart.values()) > 100


def test_objects_that_are_only_a_source_keep_the_set_that_they_have_always_had(
    manifests: Manifests, tmp_path: Path
) -> None:
    lines = [*(image(number) for number in range(6)), *({"source": f"text {number}"} for number in range(6))]
    places = {name: tmp_path / name for name in ("train", "test")}
    manifests.split(store(tmp_path / "in", lines), Split({"train": 0.5, "test": 0.5}, seed="7"), places)
    assert [lines.index(line) for line in load(places["test"])] == [0, 1, 2, 5, 6, 11]
