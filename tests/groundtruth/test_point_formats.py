"""The formats of point clouds."""

from __future__ import annotations

import pytest

from labeling_provider.groundtruth.point_formats import POINT_FORMATS, format_of_file


def test_all_documented_formats_are_there() -> None:
    """Source: developer guide, "Create a Point Cloud Frame Input Manifest File", ``format``."""
    fields = ("xyz", "xyzi", "xyzrgb", "xyzirgb")
    assert set(POINT_FORMATS) == {f"{kind}/{names}" for kind in ("binary", "text") for names in fields}
    assert {name: form.name for name, form in POINT_FORMATS.items()} == {name: name for name in POINT_FORMATS}
    assert POINT_FORMATS["binary/xyzirgb"].record == 28


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a/1.bin", "binary/xyzi"), ("1.TXT", "text/xyzi"), ("1.pcd", None), ("bin", None), ("", None)],
)
def test_without_a_format_the_ending_says_it(name: str, expected: str | None) -> None:
    assert format_of_file(name) == (POINT_FORMATS[expected] if expected else None)
