"""Labels of cuboids: what is read, what is wrong where, and how they are turned."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from labeling_provider.manifest import CuboidsLabel, LabelError
from labeling_provider.manifest.cuboids import (
    LabeledCuboid,
    cuboids_document,
    cuboids_of,
    inverse,
    read_tracked_cuboids,
    times,
    tracked_cuboids_document,
    turn,
)
from labeling_provider.manifest.sequences import SequenceError
from tests.manifest.scenes import changed

URI = "s3://yard/out/SeqLabel.json"
CUBOID = {
    "label-category-attributes": {"Occlusion": "Partial"},
    "object-name": "Car:1",
    "class-id": 0,
    "center-x": -2.6,
    "center-y": 125,
    "center-z": 0.3,
    "length": 4,
    "width": 1.8,
    "height": 1.3,
    "roll": 0,
    "pitch": 0,
    "yaw": 1.65,
}
TRACKED = {**CUBOID, "object-id": "ae5dc770-0000-11ea-b57d-67c51a0561a1"}
LABEL = {"tracking-annotations": [{"frame-number": 0, "frame-name": "0.bin", "annotations": [TRACKED]}]}


def test_amazons_labels_are_read() -> None:
    """Source: developer guide, "3D Point Cloud Object Tracking Output" and "3D-2D Object Tracking Output"."""
    camera = {"tracking-annotations": [{"frame-no": 0, "frame": "0.jpg", "annotations": []}]}
    for document in (LABEL, {"lidar": LABEL, "camera-0": camera}):
        (frame,) = read_tracked_cuboids(json.dumps(document), URI, {0: "Car"})
        assert (frame.number, frame.name, frame.attributes) == (0, "0.bin", {})
        (cuboid,) = frame.cuboids
        assert cuboid[:4] == ("Car", (-2.6, 125, 0.3), (4, 1.8, 1.3), (0, 0, 1.65))
        assert cuboid[4:] == (TRACKED["object-id"], "Car:1", {"Occlusion": "Partial"})
    (alone,) = cuboids_of(CuboidsLabel("cars", {"annotations": [CUBOID]}, {"class_map": {"0": "Car"}}))
    assert alone == cuboid._replace(object_id="")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("tracking-annotations", "gone", "missing required field `tracking-annotations`"),
        ("tracking-annotations.0.frame-number", "x", r"tracking-annotations\[0\].frame-number is 'x'"),
        ("tracking-annotations.0.annotations.0.yaw", "x", r"`\$.tracking-annotations\[0\].annotations\[0\].yaw`"),
        ("tracking-annotations.0.annotations.0.width", 0, r"annotations\[0\].width is 0; a cuboid has"),
        ("tracking-annotations.0.annotations.0.center-z", 1e10, r"annotations\[0\].center-z is 10000000000.0, which"),
        ("tracking-annotations.0.annotations.0.class-id", 7, r"annotations\[0\].class-id is '7', which is not a class"),
        ("tracking-annotations.0.annotations.0.object-id", "", r"annotations\[0\].object-id is ''; write one"),
        ("tracking-annotations.0.annotations", [TRACKED] * 2, r"annotations\[1\].object-id is 'ae5dc770"),
        ("tracking-annotations.0.annotations", [TRACKED] * 501, "501 cuboids; at most 500"),
        ("tracking-annotations.0.annotations.0.\ud800", 1, "a key is not valid Unicode"),
        ("tracking-annotations", LABEL["tracking-annotations"] * 501, "501 frames; at most 500"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(path: str, value: Any, words: str) -> None:
    with pytest.raises(SequenceError, match=words) as raised:
        read_tracked_cuboids(json.dumps(changed(LABEL, path, value)), URI, {0: "Car"})
    assert str(raised.value).startswith(f"{URI}: ")


def test_what_is_wrong_in_a_line_is_told_with_its_key() -> None:
    label = CuboidsLabel("cars", {"annotations": [CUBOID, {**CUBOID, "height": -1}]}, {"class-map": {"0": "Car"}})
    with pytest.raises(LabelError, match=r"cars.annotations\[1\].height is -1"):
        cuboids_of(label)


def test_what_is_written_is_read() -> None:
    frames = read_tracked_cuboids(
        json.dumps(changed(LABEL, "tracking-annotations.0.frame-attributes", {"a": 1})), URI, {3: "", 0: "Car"}
    )
    document = tracked_cuboids_document(frames, {"Car": 7})
    assert read_tracked_cuboids(json.dumps(document), URI, {7: "Car"}) == frames
    alone = tuple(cuboid._replace(object_id="") for cuboid in frames[0].cuboids)
    value = cuboids_document(alone, {"Car": 7})
    assert cuboids_of(CuboidsLabel("cars", value, {"class_map": {"7": "Car"}})) == alone


ANGLES = st.tuples(*[st.floats(-math.pi, math.pi)] * 3)
VECTORS = st.tuples(*[st.floats(-100, 100)] * 3)


@given(ANGLES, ANGLES, VECTORS)
def test_cuboids_turn_as_scipy_turns(angles: Any, others: Any, vector: Any) -> None:
    heading, other = (LabeledCuboid("", (0, 0, 0), (1, 1, 1), given, "", "", {}).heading for given in (angles, others))
    # About z first, then about the new y, then about the new x.
    first, second = (Rotation.from_euler("ZYX", given[::-1]) for given in (angles, others))
    np.testing.assert_allclose(turn(heading, vector), first.apply(vector), atol=1e-9)
    np.testing.assert_allclose(turn(times(heading, other), vector), (first * second).apply(vector), atol=1e-9)
    np.testing.assert_allclose(turn(inverse(heading), turn(heading, vector)), vector, atol=1e-9)


def test_the_length_lies_along_the_heading() -> None:
    corners = LabeledCuboid("", (10, 20, 30), (4, 2, 1), (0, 0, math.pi / 2), "", "", {}).corners
    np.testing.assert_allclose(np.ptp(corners, axis=0), (2, 4, 1))
    np.testing.assert_allclose(np.mean(corners, axis=0), (10, 20, 30))
    assert len(set(corners)) == 8
