"""Boxes in pictures that are linked to cuboids: what is read, and what is wrong where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling_provider.manifest.linked_boxes import read_linked_boxes
from labeling_provider.manifest.sequences import SequenceError

URI = "s3://yard/out/SeqLabel.json"


def box(left: int, who: str = "a", **more: Any) -> dict[str, Any]:
    place = {"left": left, "top": 12, "width": 90, "height": 44}
    return {"class-id": 0, "object-id": who, "object-name": f"Car:{who}", **place, **more}


def camera(*frames: tuple[Any, list[Any]]) -> dict[str, Any]:
    return {
        "tracking-annotations": [{"frame-no": number, "frame": "1.jpg", "annotations": own} for number, own in frames]
    }


def test_boxes_are_read_by_frame_and_camera() -> None:
    """Source: developer guide, "3D-2D Object Tracking Output"."""
    document = {
        "camera-10": camera((0, [box(7)])),
        "camera-0": camera(("1", [box(3), box(4, "b")]), (0, [])),
        "lidar": {"tracking-annotations": []},
        "camera-left": "of somebody else",
    }
    for given in (document, json.dumps(document)):
        frames = read_linked_boxes(given, URI, {0: "Car"})
        assert [(frame.place, frame.camera, [box.geometry["left"] for box in frame.boxes]) for frame in frames] == [
            (0, 0, []),
            (0, 10, [7]),
            (1, 0, [3, 4]),
        ]
    (first, _) = frames[2].boxes
    assert (first.label, first.object_id, first.object_name) == ("Car", "a", "Car:a")
    assert read_linked_boxes({"tracking-annotations": []}, URI, {}) == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "camera-0: tracking-annotations is missing"),
        (camera((0, []), (0, [])), "camera-0: a frame-no is 0, which another frame has"),
        (camera((-1, [])), "camera-0: a frame-no is -1, which no cloud of the sequence has"),
        (camera((0, [box(1, width=0)])), r"camera-0: .*width is 0"),
        (camera((0, [box(1, **{"class-id": 4})])), "camera-0: .*class-id"),
        ({"tracking-annotations": [{"frame-no": 0, "keypoints": [{"class-id": 0, "x": 1, "y": 1, "object-id": "a"}]}]},
         "camera-0: it has shapes other than boxes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(given: Any, words: str) -> None:
    with pytest.raises(SequenceError, match=f"{URI}: {words}"):
        read_linked_boxes({"camera-0": given}, URI, {0: "Car"})
