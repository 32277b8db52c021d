"""Files of point clouds: what is read, and what is wrong where."""

from __future__ import annotations

import contextlib
import math
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.point_formats import POINT_FORMATS
from labeling_provider.manifest import point_clouds
from labeling_provider.manifest.point_clouds import (
    PointCloud,
    PointCloudError,
    beginning_problem,
    binary_point_cloud,
    read_point_classes,
    read_point_cloud,
    size_problem,
)

URI = "s3://yard/lidar/1.bin"
POINTS = [(1.5, -2.25, 0.5, 0.75, 255, 128, 0), (-4e3, 5e-3, 6, 1, 0, 7.4, 254.6)]
ORDER = "xyzirgb"


def rows(fields: str) -> list[list[float]]:
    return [[point[ORDER.index(field)] for field in fields] for point in POINTS]


def packed(*points: list[float]) -> bytes:
    return b"".join(struct.pack(f"<{len(point)}f", *point) for point in points)


@pytest.mark.parametrize("name", POINT_FORMATS)
def test_each_format_is_read(name: str) -> None:
    form = POINT_FORMATS[name]
    body = packed(*rows(form.fields))
    if not form.is_binary:
        body = "\r\n".join(" \t".join(map(str, row)) for row in rows(form.fields)).encode() + b"\n\n"
    cloud = read_point_cloud(body, form, URI)
    assert cloud.positions.dtype == np.float32
    np.testing.assert_array_equal(cloud.positions, np.array([point[:3] for point in POINTS], dtype=np.float32))
    assert (cloud.intensity is None) == ("i" not in form.fields)
    if cloud.intensity is not None:
        assert cloud.intensity.tolist() == [0.75, 1]
    assert (cloud.colors is None) == ("r" not in form.fields)
    if cloud.colors is not None:
        assert cloud.colors.tolist() == [[255, 128, 0], [0, 7, 255]]
    assert beginning_problem(body, form, len(body)) == ""


NAN, HUGE = math.nan, math.inf


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("binary/xyzi", b"", "it is empty"),
        ("binary/xyzi", packed([1, 2, 3, 4])[:-1], "it has 15 bytes, which is not a multiple of 16"),
        ("binary/xyz", packed([1, 2, 3], [1, NAN, 3]), r"byte 16 \(point 2\): y is nan"),
        ("binary/xyzi", packed([1, 2, 3, HUGE]), r"byte 12 \(point 1\): i is inf"),
        ("binary/xyzrgb", packed([1, 2, 3, 0, 0, 256]), r"byte 20 \(point 1\): b is 256.0; a color is from 0 to 255"),
        ("text/xyz", b"\n \r\n", "it has no points"),
        ("text/xyz", b"1 2 3\n\n1 2\n", "line 3 has 2 numbers; text/xyz has 3: x y z"),
        ("text/xyzi", b"1 2 3\n1 2 3\n", "line 1 has 3 numbers; text/xyzi has 4"),
        ("text/xyz", b"1 2 3\n1 nan 3\n", "line 2: y is nan, which is not a number"),
        ("text/xyz", b"1 2 1e39\n", "line 1: z is 1e39, which is not a number of 4 bytes"),
        ("text/xyz", b"1 2 0x10\n", "line 1: z is 0x10"),
        ("text/xyz", b"1 2 1_0\n", "line 1: z is 1_0"),
        ("text/xyz", "1 2 ٣\n".encode(), "line 1: z is "),
        ("text/xyzrgb", b"1 2 3 0 -1 0\n", "line 1: g is -1; a color is from 0 to 255"),
        ("text/xyz", b"# .PCD v0.7\nVERSION 0.7\n", "line 1: x is #"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_or_byte(name: str, body: bytes, words: str) -> None:
    with pytest.raises(PointCloudError, match=rf"^{URI}: {words}"):
        read_point_cloud(body, POINT_FORMATS[name], URI)
    assert beginning_problem(body, POINT_FORMATS[name], len(body))


def test_a_file_that_is_too_large_is_told_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert size_problem(16 * 10_000_001, POINT_FORMATS["binary/xyzi"]).startswith("it has 10,000,001 points; at most")
    assert size_problem(1_000_000_001, POINT_FORMATS["text/xyz"]).startswith("it has 1,000,000,001 bytes; at most")
    assert size_problem(16 * 10_000_000, POINT_FORMATS["binary/xyzi"]) == ""
    monkeypatch.setattr(point_clouds, "MAX_POINTS", 3)
    with pytest.raises(PointCloudError, match="line 4: it has more than 3 points"):
        read_point_cloud(b"1 2 3\n" * 4, POINT_FORMATS["text/xyz"], URI)


def test_the_beginning_of_a_file_is_enough_to_see_that_it_is_in_another_format() -> None:
    text, binary = POINT_FORMATS["text/xyzi"], POINT_FORMATS["binary/xyzi"]
    assert beginning_problem(b"1 2 3 4\n5 6 7", text, 10_000) == ""
    assert beginning_problem(b"1 2 3\n5 6 7", text, 10_000) == "line 1 has 3 numbers; text/xyzi has 4: x y z i"
    assert beginning_problem(b"1" * 100, text, 10_000) == "line 1 is longer than 100 bytes"
    assert beginning_problem(packed([1, 2, 3, 4]) + b"\xff\xff", binary, 16_000) == ""
    assert beginning_problem(packed([1, 2, NAN, 4]) + b"\xff\xff", binary, 16_000).startswith("byte 8 (point 1): z is")


def test_classes_of_points_are_read_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_point_classes(zlib.compress(bytes([0, 3, 1])), URI) == bytes([0, 3, 1])
    monkeypatch.setattr(point_clouds, "MAX_POINTS", 1_000)
    for body, words in (
        (b"no zlib", "is not a zlib file"),
        (zlib.compress(bytes(3))[:-5], "breaks off after 3 points"),
        (b"", "breaks off after 0 points"),
        (zlib.compress(bytes(1_001)), "has more than 1,000 points"),
        (zlib.compress(bytes(10_000_000)), "has more than 1,000 points"),
    ):
        with pytest.raises(PointCloudError, match=f"{URI} {words}"):
            read_point_classes(body, URI)


@pytest.mark.parametrize("name", [name for name in POINT_FORMATS if name.startswith("binary")])
def test_what_is_written_is_read(name: str) -> None:
    form = POINT_FORMATS[name]
    body = packed(*rows(form.fields))
    cloud = read_point_cloud(body, form, URI)
    written, form_written = binary_point_cloud(cloud)
    assert form_written == form
    # Colors were rounded.
    assert (written == body) == ("r" not in form.fields)
    again = read_point_cloud(written, form, URI)
    for own, other in zip(cloud, again, strict=True):
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize(
    ("cloud", "words"),
    [
        (PointCloud(np.zeros((0, 3), np.float32), None, None), "can't be written: it is empty"),
        (
            PointCloud(np.array([[0, NAN, 0]], np.float32), None, None),
            r"can't be written: byte 4 \(point 1\): y is nan",
        ),
        (PointCloud(np.zeros((2, 2), np.float32), None, None), "has 2 numbers for each point, but xyz is expected"),
        (PointCloud(np.zeros((2, 3), np.float32), np.zeros(3, np.float32), None), "have different numbers of points"),
    ],
)
def test_what_cant_be_written_is_told(cloud: PointCloud, words: str) -> None:
    with pytest.raises(PointCloudError, match=words):
        binary_point_cloud(cloud)


@given(st.binary(max_size=84) | st.text(alphabet="0123456789.-+e \n\tnaif#_", max_size=60).map(str.encode))
def test_whatever_a_file_holds_is_read_or_told(body: bytes) -> None:
    for form in POINT_FORMATS.values():
        with contextlib.suppress(PointCloudError):
            cloud = read_point_cloud(body, form, URI)
            assert np.isfinite(cloud.positions).all()
            assert beginning_problem(body, form, len(body)) == ""
