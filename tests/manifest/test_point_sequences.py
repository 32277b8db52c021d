"""Frames and sequences of point clouds: what is read, and what is wrong where."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest.point_sequences import (
    Pose,
    point_frame_line,
    point_sequence_document,
    read_point_frame,
    read_point_sequence,
)
from labeling_provider.manifest.sequences import SequenceError
from tests.manifest.scenes import FRAME, IMAGE, LINE, POSE, as_body, changed, sequence

URI = "s3://yard/seq/seq.json"
WHERE = "s3://yard/in.manifest line 7"


def test_a_line_describes_a_point_cloud() -> None:
    frame = read_point_frame(LINE, WHERE)
    assert (frame.uri, frame.format.name, frame.timestamp) == ("s3://yard/lidar/1.bin", "binary/xyzi", 1566861644.75)
    assert frame.pose == Pose((-2.5, 116.25, 1.8), (0, 0, 0.6, 0.8))
    (image,) = frame.images
    assert image.uri == "s3://yard/cameras/images/1.jpg"
    assert (image.model, image.focal, image.center, image.skew) == ("pinhole", (847.5, 850), (576, 317), 0)
    assert (image.radial, image.tangential) == ((0.25, 0, 0, 0), (0.125, 0))
    # It was rounded, and has the length 1 again.
    assert image.pose.heading == pytest.approx((math.sqrt(0.5), 0, 0, -math.sqrt(0.5)), abs=1e-12)


def test_a_line_needs_only_a_time() -> None:
    line = {"source-ref": "s3://yard/1.TXT", "source-ref-metadata": {"unix-timestamp": 5}}
    frame = read_point_frame(line, WHERE)
    assert (frame.format.name, frame.pose, frame.images, frame.number) == ("text/xyzi", None, (), None)
    named = {"source-ref": "s3://yard/1.xyz", "source-ref-metadata": {"unix-timestamp": 5, "format": "text/xyzrgb"}}
    assert read_point_frame(named, WHERE).format.name == "text/xyzrgb"


def test_a_sequence_keeps_the_order_of_its_file() -> None:
    document = sequence({"frame": "b.bin"}, {"frame": "a.txt", "frame-no": None, "format": "text/xyz"})
    sequence_read = read_point_sequence(as_body(document), URI)
    assert [(frame.name, frame.uri, frame.number, frame.format.name) for frame in sequence_read.frames] == [
        ("b.bin", "s3://yard/seq/b.bin", 0, "binary/xyzi"),
        ("a.txt", "s3://yard/seq/a.txt", None, "text/xyz"),
    ]
    # Without a folder of their own, pictures are in that of the sequence.
    assert sequence_read.frames[0].images[0].uri == "s3://yard/seq/images/1.jpg"
    own = read_point_sequence(as_body(sequence({"prefix": "s3://yard/cameras/"})), URI)
    assert own.frames[0].images[0].uri == "s3://yard/cameras/images/1.jpg"


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("seq-no", None, "seq-no is null"),
        ("prefix", "s3://yard/seq", "prefix is 's3://yard/seq'; write an S3 folder"),
        ("number-of-frames", 3, "number-of-frames is 3, but frames has 2"),
        ("frames", "x", "frames is 'x'; write a list"),
        ("frames.1", 7, r"frames\[1\] is a number; write an object"),
        ("frames.1.frame", "gone", r"frames\[1\].frame is missing; write the path"),
        ("frames.1.frame", "../1.bin", r"frames\[1\].frame is '../1.bin'; write the path"),
        ("frames.1.frame", "lidar/0.bin", r"frames\[1\].frame is 'lidar/0.bin', as in frames\[0\]"),
        ("frames.1.frame", "seq.json", r"frames\[1\].frame is 'seq.json', the sequence file itself"),
        ("frames.1.frame", "other.json", r"frames\[1\].frame is 'other.json'; write the points as"),
        ("frames.1.frame", "1.PCD", r"frames\[1\].frame is '1.PCD'; write the points as a text"),
        ("frames.1.frame", "1.xyz", r"frames\[1\].format is missing, and '1.xyz' does not end with .bin or .txt"),
        ("frames.1.frame-no", "1", r"frames\[1\].frame-no is '1'"),
        ("frames.1.format", "binary/zyx", r"frames\[1\].format is 'binary/zyx'; use one of binary/xyz, "),
        ("frames.1.format", ["binary/xyz"], r"frames\[1\].format is a list; use one of"),
        ("frames.1.unix-timestamp", "gone", r"frames\[1\].unix-timestamp is missing"),
        ("frames.1.unix-timestamp", 100.5, r"frames\[1\].unix-timestamp is 100.5, not later than"),
        ("frames.1.unix-timestamp", 10**400, r"frames\[1\].unix-timestamp is a number; write"),
        ("frames.1.images.0.fx", 10**400, r"images\[0\].fx is a number; write"),
        ("frames.1.images.0.k1", 1e300, r"images\[0\].k1 is a number; write"),
        ("frames.1.ego-vehicle-pose", [], r"frames\[1\].ego-vehicle-pose is a list; write position and heading"),
        ("frames.1.ego-vehicle-pose.position", "gone", r"ego-vehicle-pose.position is missing; write an object with x"),
        ("frames.1.ego-vehicle-pose.position.z", 1e12, r"ego-vehicle-pose.position.z is 1000000000000.0; write"),
        ("frames.1.ego-vehicle-pose.heading.qw", "gone", r"ego-vehicle-pose.heading.qw is missing"),
        ("frames.1.ego-vehicle-pose.heading.qw", 0.1, r"ego-vehicle-pose.heading has the length 0.608; a quaternion"),
        ("frames.1.prefix", "s3://yard", r"frames\[1\].prefix is 's3://yard'"),
        ("frames.1.images", {}, r"frames\[1\].images is an object; write a list of at most 8"),
        ("frames.1.images", [IMAGE] * 9, r"frames\[1\].images is 9 images; write a list of at most 8"),
        ("frames.1.images.0", None, r"frames\[1\].images\[0\] is null"),
        ("frames.1.images.0.image-path", "1.gif", r"images\[0\].image-path is '1.gif'; write a path that ends with"),
        ("frames.1.images.0.cx", "gone", r"images\[0\].cx is missing; write a number"),
        ("frames.1.images.0.fy", -1, r"images\[0\].fy is -1; a focal length is above 0"),
        ("frames.1.images.0.camera-model", "wide", r"images\[0\].camera-model is 'wide'; use pinhole or fisheye"),
        ("frames.1.images.0.camera-model", "fisheye", r"images\[0\].p1 is 0.125, but a fisheye camera has only k1, k2"),
        ("frames.1.images.0.k4", "0", r"images\[0\].k4 is '0'; write a number"),
        ("frames.1.images.0.heading", "gone", r"images\[0\].heading is missing; write an object with qx"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(path: str, value: Any, words: str) -> None:
    with pytest.raises(SequenceError, match=words) as raised:
        read_point_sequence(as_body(changed(sequence(), path, value)), URI)
    assert str(raised.value).startswith(f"{URI}: ")
    assert len(raised.value.problems) == 1


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("source-ref", "https://yard/1.bin", "source-ref is 'https://yard/1.bin'; write the S3 URI of a point cloud"),
        ("source-ref", "s3://yard", "source-ref is 's3://yard'"),
        ("source-ref", "s3://yard/seq.json", "source-ref is 's3://yard/seq.json'; write the points as"),
        ("source-ref-metadata", "gone", "source-ref-metadata is missing; write an object such as"),
        ("source-ref-metadata.unix-timestamp", "now", "source-ref-metadata.unix-timestamp is 'now'"),
        ("source-ref-metadata.prefix", "gone", "source-ref-metadata.prefix is missing; it is the S3 folder of the"),
    ],
)
def test_what_is_wrong_in_a_line_is_told_with_its_key(path: str, value: Any, words: str) -> None:
    with pytest.raises(SequenceError, match=rf"^{WHERE}: {words}"):
        read_point_frame(changed(LINE, path, value), WHERE)


def test_hostile_files_end_in_one_short_error() -> None:
    many = sequence(*[{"frame": f"{place}.json", "images": [{}] * 8} for place in range(600)])
    nan = as_body(changed(sequence(), "frames.0.ego-vehicle-pose.position.x", math.nan))
    for body in (as_body(many), nan, b"[]", b"\xff", b"[" * 100_000, b" " * 16_000_001, b'{"frames": [{}'):
        with pytest.raises(SequenceError) as raised:
            read_point_sequence(body, URI)
        assert len(raised.value.problems) <= 10
        assert len(str(raised.value)) < 2_000
    with pytest.raises(SequenceError, match="line 1: it is not JSON|NaN is not a number"):
        read_point_sequence(nan, URI)


def test_what_is_written_is_read() -> None:
    fisheye = {**IMAGE, "camera-model": "fisheye", "p1": 0, "skew": 1.5, "image-path": "images/side/1.png"}
    changes: list[dict[str, Any]] = [{}, {"images": None, "ego-vehicle-pose": None}, {"images": [IMAGE, fisheye]}]
    changes.append({"prefix": "s3://yard/cameras/", "frame-no": 70, "format": "text/xyzrgb"})
    frames = read_point_sequence(as_body(sequence(*changes)), URI).frames
    document = point_sequence_document(1, "s3://yard/seq/", frames)
    assert read_point_sequence(as_body(document), URI).frames == frames
    for frame in frames:
        line = point_frame_line(frame)
        assert read_point_frame(line, WHERE) == frame._replace(name=frame.uri, number=None)
    apart = [frames[0].images[0]._replace(uri=uri) for uri in ("s3://yard/a/1.jpg", "s3://yard/b/1.jpg")]
    with pytest.raises(ValueError, match="the pictures of s3://yard/seq/lidar/0.bin are not in one S3 folder"):
        point_frame_line(frames[0]._replace(images=tuple(apart)))


KEYS = [*sequence(), *FRAME, *IMAGE, *POSE, "x", "qx", "frame", "format", "source-ref", "source-ref-metadata"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["1.bin", "s3://a/b/", "", "\ud800"]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inside, max_size=4),
    max_leaves=12,
)
PLACES = st.sampled_from(["frames", "prefix", "frames.0", *(f"frames.0.{key}" for key in sequence()["frames"][0])])


@given(ANYTHING, PLACES)
def test_whatever_a_file_holds_is_read_or_told(value: Any, place: str) -> None:
    for document in (value, changed(sequence(), place, value)):
        with contextlib.suppress(SequenceError):
            read_point_sequence(json.dumps(document), URI)
    for line in (value, changed(LINE, "source-ref-metadata", value)):
        if isinstance(line, dict):
            with contextlib.suppress(SequenceError):
                read_point_frame(line, WHERE)
