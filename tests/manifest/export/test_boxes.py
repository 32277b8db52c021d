"""Boxes as COCO, YOLO and Pascal VOC have them."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from PIL import Image

from tests.manifest.exports import BOX, FAILED, WAITING, Exporting, boxed, reasons


def test_coco_is_read_by_its_own_library(export: Exporting) -> None:
    from pycocotools.coco import COCO

    lines = [boxed("a.jpg", (0, 10, 20, 30, 40), (2, 0, 0, 50, 10.5)), FAILED, boxed("b.jpg"), WAITING]
    exported = export("coco", *lines)
    assert (exported.objects, exported.failed, exported.unlabeled, exported.left_out) == ({"train": 2}, 1, 1, 0)
    assert exported.classes == ["heron", "unused-1", "stork"]
    read = COCO(str(export.folder / "out/train.json"))
    assert {category["id"]: category["name"] for category in read.loadCats(read.getCatIds())} == {
        1: "heron",
        3: "stork",
    }
    first, second = read.loadImgs(read.getImgIds())
    assert (first["file_name"], first["width"], first["height"]) == ("a.jpg", 200, 100)
    assert second["coco_url"] == "s3://marsh/b.jpg"
    boxes = read.loadAnns(read.getAnnIds(imgIds=[first["id"]]))
    assert [(box["category_id"], box["bbox"], box["area"]) for box in boxes] == [
        (1, [10, 20, 30, 40], 1200),
        (3, [0, 0, 50, 10.5], 525),
    ]
    assert read.getAnnIds(imgIds=[second["id"]]) == []


def test_each_set_has_its_file_and_all_have_the_same_numbers(export: Exporting) -> None:
    sets = {"train": [boxed("a.jpg", (0, 1, 1, 5, 5))], "test": [boxed("a.jpg", (2, 1, 1, 5, 5))], "none": []}
    exported = export("coco", sets=sets)
    assert exported.objects == {"train": 1, "test": 1, "none": 0}
    (box,) = json.loads(export.read("test.json"))["annotations"]
    assert box["category_id"] == 3
    assert json.loads(export.read("none.json"))["annotations"] == []


def test_boxes_are_cut_at_the_edge_and_told(export: Exporting) -> None:
    beyond = [(0, 190, 90, 40, 40), (0, -5, -5, 10, 10), (0, 200, 0, 9, 9), (0, 5, 5, 0, 9), (0, 0, 0, 200, 100)]
    exported = export("coco", boxed("a.jpg", *beyond))
    assert exported.notes == {"boxes_cut": 2, "boxes_left_out": 2}
    boxes = [box["bbox"] for box in json.loads(export.read("train.json"))["annotations"]]
    assert boxes == [[190, 90, 10, 10], [0, 0, 5, 5], [0, 0, 200, 100]]


@pytest.mark.parametrize("format_name", ["coco", "huggingface"])
def test_boxes_inside_keep_their_own_numbers(export: Exporting, format_name: str) -> None:
    # Means over workers: 10.27 + 30 - 10.27 is not 30.
    export.picture("a.jpg")
    export(format_name, boxed("a.jpg", (0, 9.75, 10.27, 40, 30)), copy_pictures=True)
    if format_name == "coco":
        (box,) = [box["bbox"] for box in json.loads(export.read("train.json"))["annotations"]]
    else:
        (box,) = export.lines("train/metadata.jsonl")[0]["objects"]["bbox"]
    assert box == [9.75, 10.27, 40, 30]


def test_yolo(export: Exporting) -> None:
    for name in ("x/a.png", "y/a.png"):
        export.picture(name)
    lines = [boxed("x/a.png", (2, 50, 25, 100, 50)), boxed("y/a.png")]
    exported = export("yolo", sets={"train": lines, "validation": []}, copy_pictures=True)
    assert exported.objects == {"train": 2, "validation": 0}
    assert export.read("labels/train/a.txt") == "2 0.500000 0.500000 0.500000 0.500000\n"
    assert export.read("labels/train/a-2.txt") == ""
    assert Image.open(export.folder / "out/images/train/a-2.png").size == (200, 100)
    assert export.rows("train.csv")[1] == {"file_name": "a-2.png", "object": "s3://marsh/y/a.png"}
    assert yaml.safe_load(export.read("data.yaml")) == {
        "train": "images/train",
        "val": "images/validation",
        "names": {0: "unused-0", 1: "unused-1", 2: "stork"},
    }


def test_pascal_voc(export: Exporting) -> None:
    export("pascal-voc", boxed("a&b<c.jpg", (0, 10, 20, 30, 40), (2, 199.2, 0, 0.2, 0.2)))
    root = ElementTree.fromstring(export.read("annotations/train/a_b_c.xml"))
    assert (root.findtext("filename"), root.findtext("path")) == ("a_b_c.jpg", "s3://marsh/a&b<c.jpg")
    assert [root.findtext(f"size/{side}") for side in ("width", "height", "depth")] == ["200", "100", "3"]
    corners = [
        [box.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")] for box in root.iter("object")
    ]
    assert corners == [["11", "21", "40", "60"], ["200", "1", "200", "1"]]
    assert [box.findtext("name") for box in root.iter("object")] == ["heron", "stork"]


def test_a_name_that_xml_can_not_hold_is_told(export: Exporting) -> None:
    exported = export("pascal-voc", boxed("a.jpg", (0, 1, 1, 5, 5), names={"0": "he\x00ron"}))
    assert (exported.objects, exported.left_out) == ({"train": 0}, 1)
    assert "XML does not allow the class name" in reasons(exported)[0][1]


def categories(export: Exporting, set_name: str) -> list[tuple[int, str]]:
    return [
        (category["id"], category["name"]) for category in json.loads(export.read(f"{set_name}.json"))["categories"]
    ]


def test_all_sets_of_coco_have_the_categories_of_the_whole_export(export: Exporting) -> None:
    sets = {
        "train": [boxed("a.jpg", (2, *BOX))],
        "test": [boxed("b.jpg", (0, *BOX))],
        "validation": [boxed("c.jpg", (7, *BOX), names={"7": "crane", "8": "swan"})],
        "none": [],
    }
    exported = export("coco", sets=sets)
    assert [categories(export, name) for name in sets] == [[(1, "heron"), (3, "stork"), (8, "crane")]] * 4
    assert exported.classes[:3] == ["heron", "unused-1", "stork"]
    export("coco", sets=sets, classes=["swan", "stork", "heron", "crane"])
    wanted = [(1, "swan"), (2, "stork"), (3, "heron"), (4, "crane")]
    assert [categories(export, name) for name in sets] == [wanted] * 4
    for name, number in (("train", 2), ("test", 3), ("validation", 4)):
        (box,) = json.loads(export.read(f"{name}.json"))["annotations"]
        assert box["category_id"] == number


@pytest.mark.parametrize("format_name", ["coco", "yolo", "pascal-voc", "sagemaker-pipe"])
def test_classes_are_those_of_the_boxes_and_not_of_the_class_map(export: Exporting, format_name: str) -> None:
    everything = {str(number): f"class {number}" for number in range(80)}
    exported = export(format_name, boxed("a.jpg", (3, *BOX), names=everything), classes=["class 5", "class 3"])
    assert (exported.objects, exported.left_out, exported.classes) == ({"train": 1}, 0, ["class 5", "class 3"])
    exported = export(format_name, boxed("a.jpg", (3, *BOX), names=everything))
    assert exported.classes == ["unused-0", "unused-1", "unused-2", "class 3"]


@pytest.mark.parametrize("format_name", ["coco", "yolo", "pascal-voc"])
@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((10**400, 10**400), {"left": 0.5, "width": 10**399}),
        ((200, 100), {"left": 0.5, "width": 10**399}),
        ((200, 100), {"left": 1e308, "width": 1e308}),
        ((200, -(10**400)), {}),
    ],
)
def test_numbers_beyond_all_pictures_are_told(export: Exporting, format_name: str, size: Any, box: Any) -> None:
    line = boxed("a.jpg", (0, *BOX))
    line["bird"]["image_size"] = [{"width": size[0], "height": size[1], "depth": 3}]
    line["bird"]["annotations"][0].update(box)
    exported = export(format_name, boxed("b.jpg", (0, *BOX)), line)
    assert (exported.objects, exported.left_out) == ({"train": 1}, 1)
    ((number, message),) = reasons(exported)
    assert number == 2
    assert len(message) < 200
