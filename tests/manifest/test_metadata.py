"""What a label and its metadata say together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling_provider.manifest import (
    Label,
    check_manifest,
    scan_labels,
)

EVERY_CLASS = {"0": "heron", "1": "stork", "2": "egret"}

FRAME = {"frame-no": 0, "frame": "0.jpg"}


def drawn(*numbers: int | str, key: str = "class_id") -> list[dict[str, Any]]:
    return [{key: number, "left": 1, "top": 1, "width": 2, "height": 2} for number in numbers]


@pytest.mark.parametrize(
    ("value", "about", "classes"),
    [
        ({"annotations": drawn(1, 1, 0), "image_size": []}, {"class-map": EVERY_CLASS}, ("stork", "heron")),
        ({"annotations": [], "image_size": []}, {"class-map": EVERY_CLASS}, ()),
        ({"annotations": drawn(7), "image_size": []}, {"class-map": EVERY_CLASS}, ("7",)),
        ([2, 0], {"class-map": EVERY_CLASS, "confidence-map": {"0": 0.9, "2": 0.9}}, ("egret", "heron")),
        ([], {"class-map": EVERY_CLASS}, ()),
        (1, {"class-map": EVERY_CLASS}, ("stork",)),
        ("1", {"class-map": EVERY_CLASS}, ("stork",)),
        (0, {"class-name": "heron", "class-map": EVERY_CLASS}, ("heron",)),
        ({"annotations": drawn("2", key="class-id")}, {"class_map": EVERY_CLASS}, ("egret",)),
        (
            {"tracking-annotations": [{**FRAME, "polygons": [{"class-id": "1", "vertices": []}]}, {**FRAME}]},
            {"class-map": EVERY_CLASS},
            ("stork",),
        ),
        (
            {"lidar": {"detection-annotations": [{**FRAME, "annotations": drawn("0", key="class-id")}]}, "camera-0": 1},
            {"class-map": EVERY_CLASS},
            ("heron",),
        ),
        ({"polygons": [{"label": "reed", "vertices": []}], "inputImageProperties": {"width": 1}}, {}, ("reed",)),
        (
            {"annotations": {"labels": [{"label": "Port"}, {"label": "Vessel"}], "entities": [{"label": "Vessel"}]}},
            {},
            ("Vessel",),
        ),
        (
            "s3://out/1.png",
            {"internal-color-map": {"0": {"class-name": "BACKGROUND"}, "1": {"class-name": "water"}}},
            ("water",),
        ),
        ("s3://out/1.zlib", {"color-map": {"0": {"class-name": "road"}}}, ("road",)),
        ("s3://out/SeqLabel.json", {"class-map": EVERY_CLASS}, ("heron", "stork", "egret")),
        ({"annotations": 7, "polygons": [3, {"label": 1}, {"class-id": True}]}, {"class-map": EVERY_CLASS}, ()),
        (12, {"type": "groundtruth/custom"}, ()),
    ],
)
def test_classes_are_those_of_the_annotations(value: Any, about: dict[str, Any], classes: tuple[str, ...]) -> None:
    assert Label("y", value, about).classes == classes
    line = json.dumps({"source": "a", "y": value, "y-metadata": about}).encode()
    ((_, scanned),) = scan_labels([line], "y")
    assert scanned.classes == classes
    assert check_manifest([line], label_attribute="y", metadata=True).classes == dict.fromkeys(classes, 1)


def test_a_label_is_as_sure_as_the_classes_that_it_has() -> None:
    about = {"class-map": EVERY_CLASS, "confidence-map": {"0": 0.9, "1": 0.0, "2": 0.7}}
    ((_, line),) = scan_labels([json.dumps({"source": "a", "y": [0, 2], "y-metadata": about}).encode()], "y")
    assert line.confidence == 0.7
