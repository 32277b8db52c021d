"""What is beyond the edge, and what is wrong, of boxes, polygons, keypoints and masks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image

from tests.manifest.exports import SQUARE, TRIANGLE, Exporting, drawn, pixels, reasons, segmented, stored_turned

WIDTH, HEIGHT = 200, 100


@pytest.mark.parametrize("format_name", ["coco", "yolo", "pascal-voc", "huggingface"])
def test_polygons_are_cut_at_the_edge_and_told(export: Exporting, format_name: str) -> None:
    export.picture("a.png")
    beyond = [(x + 170, y - 40) for x, y in SQUARE]
    gone, flat = [(x + 500, y) for x, y in SQUARE], [(1, 1), (5, 5), (9, 9)]
    exported = export(format_name, drawn("a.png", "polygons", (0, beyond), (0, gone), (2, flat)))
    assert exported.notes["shapes_cut"] == 1
    assert exported.notes["shapes_left_out"] == 2
    if format_name == "coco":
        (annotation,) = json.loads(export.read("train.json"))["annotations"]
        assert (annotation["bbox"], annotation["area"]) == ([180, 0, 20, 20], 400)


@pytest.mark.parametrize("format_name", ["coco", "yolo"])
def test_points_outside_are_left_out_and_two_of_a_class_are_told(export: Exporting, format_name: str) -> None:
    lines = [
        drawn("a.jpg", "keypoints", (0, [(201, 1)]), (2, [(1, 1)])),
        drawn("b.jpg", "keypoints", (0, [(1, 1)]), (0, [(9, 9)])),
    ]
    exported = export(format_name, *lines)
    assert (exported.objects, exported.notes) == ({"train": 1}, {"shapes_left_out": 1})
    ((number, message),) = reasons(exported)
    assert (number, "keypoints[1]: 'heron' occurs twice" in message) == (2, True)


@pytest.mark.parametrize("format_name", ["coco", "yolo", "pascal-voc"])
def test_an_export_has_one_kind_of_label(export: Exporting, format_name: str) -> None:
    lines = [drawn("a.jpg", "polygons", (0, SQUARE)), drawn("b.jpg", "instances", (0, 1)), drawn("c.jpg", "lines")]
    exported = export(format_name, *lines)
    assert (exported.objects, exported.left_out) == ({"train": 1}, 2)
    complaints = [message for _, message in reasons(exported)]
    assert "an export has one kind of label" in complaints[0]
    assert "can't store labels of labeling/lines" in complaints[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda bucket, line: bucket.clear(), "a.jpg.mask.png"),
        (
            lambda bucket, line: bucket.update({"s3://marsh/a.jpg.mask.png": b"no picture"}),
            "can't be read as a picture",
        ),
        (lambda bucket, line: line["bird"]["image_size"][0].update(width=7), "has 200 × 100 pixels"),
        (lambda bucket, line: line["bird"]["instances"][0].update(pixel_value=70_000), "pixel_value"),
        (lambda bucket, line: line["bird-metadata"].update({"class-map": {}}), "has no name"),
    ],
)
def test_masks_that_can_not_be_read_are_told(export: Exporting, change: Any, message: str) -> None:
    export.mask("a.jpg", pixels())
    line = drawn("a.jpg", "instances", (0, 1))
    change(export.bucket.objects, line)
    exported = export("coco", line)
    ((_, complaint),) = reasons(exported)
    assert message in complaint
    assert exported.objects == {"train": 0}


def test_a_thing_without_pixels_is_left_out_and_told(export: Exporting) -> None:
    export.mask("a.jpg", pixels())
    exported = export("coco", drawn("a.jpg", "instances", (0, 1), (0, 9)))
    assert (exported.objects, exported.notes) == ({"train": 1}, {"shapes_left_out": 1})


def test_copies_are_turned_as_the_label_has_it(export: Exporting) -> None:
    """``image_size`` decides which way up a picture is, of drawings as of boxes."""
    for turned, note in ((False, "pictures_kept_unturned"), (True, "pictures_turned")):
        size = (HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT)
        export.bucket.objects["s3://marsh/a.jpg"] = stored_turned("JPEG")
        line = drawn("a.jpg", "polygons", (0, TRIANGLE), size=dict(zip(("width", "height"), size, strict=True)))
        exported = export("coco", line, copy_pictures=True)
        assert exported.notes[note] == 1
        with Image.open(export.folder / "out/images/train/a.jpg") as copy:
            assert copy.size == size
            assert copy.getexif().get(0x0112, 1) == 1
    export.mask("a.jpg", pixels())
    assert export("coco", segmented("a.jpg"), copy_pictures=True).notes == {"pictures_kept_unturned": 1}
    export.mask("a.jpg", pixels().T.copy())
    assert export("coco", segmented("a.jpg"), copy_pictures=True).notes == {"pictures_turned": 1}


@pytest.mark.parametrize("format_name", ["coco", "yolo", "pascal-voc", "huggingface"])
@pytest.mark.parametrize("value", [10**400, -(10**10), 1e308])
def test_numbers_beyond_all_pictures_are_told(export: Exporting, format_name: str, value: Any) -> None:
    for name in ("a.png", "b.png"):
        export.picture(name)
    lines = [drawn("a.png", "polygons", (0, SQUARE)), drawn("b.png", "polygons", (0, [*SQUARE, (1, value)]))]
    exported = export(format_name, *lines)
    assert exported.objects == {"train": 1}
    ((number, message),) = reasons(exported)
    assert (number, len(message) < 200) == (2, True)
    lines[1] = drawn("b.png", "polygons", (0, SQUARE), size={"width": value, "height": 100})
    assert export(format_name, *lines).left_out == 1


def test_masks_of_voc_are_not_larger_than_pictures_may_be(export: Exporting) -> None:
    lines = [drawn("a.jpg", "polygons", (0, SQUARE), size={"width": 10**6, "height": 10**6})]
    lines.append(drawn("b.jpg", "polygons", (254, SQUARE), names={"254": "last"}))
    exported = export("pascal-voc", *lines)
    complaints = [message for _, message in reasons(exported)]
    assert "at most 100,000,000 pixels can be masks" in complaints[0]
    assert "a mask has at most 254 classes and instances" in complaints[1]
