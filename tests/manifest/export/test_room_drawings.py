"""Polygons, masks and keypoints as others read them: COCO's library, ``datasets``, and readers of YOLO and VOC."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image, ImageDraw

from tests.manifest.exports import INSTANCES, SQUARE, TRIANGLE, Exporting, drawn, load, pixels, reasons, segmented

WIDTH, HEIGHT = 200, 100


def coco(export: Exporting) -> Any:
    from pycocotools.coco import COCO

    return COCO(str(export.folder / "out/train.json"))


def test_cocos_library_reads_polygons(export: Exporting) -> None:
    exported = export("coco", drawn("a.jpg", "polygons", (0, SQUARE), (2, TRIANGLE)), drawn("b.jpg", "polygons"))
    assert (exported.objects, exported.left_out, exported.notes) == ({"train": 2}, 0, {})
    read = coco(export)
    first, second = read.loadAnns(read.getAnnIds(imgIds=[1]))
    assert (first["category_id"], first["bbox"], first["area"]) == (1, [10, 20, 40, 40], 1600)
    assert (second["category_id"], second["area"], second["iscrowd"]) == (3, 3200, 0)
    wanted = np.zeros((HEIGHT, WIDTH), dtype=bool)
    wanted[20:60, 10:50] = True
    assert (read.annToMask(first) == wanted).all()
    assert read.annToMask(second).sum() == pytest.approx(3200, rel=0.02)
    assert read.getAnnIds(imgIds=[2]) == []


@pytest.mark.parametrize("kind", ["instances", "segmentation"])
def test_cocos_library_reads_masks(export: Exporting, kind: str) -> None:
    numbers = pixels()
    export.mask("a.jpg", numbers)
    line = drawn("a.jpg", "instances", *INSTANCES) if kind == "instances" else segmented("a.jpg")
    exported = export("coco", line)
    assert (exported.objects, exported.left_out, exported.notes) == ({"train": 1}, 0, {})
    read = coco(export)
    annotations = read.loadAnns(read.getAnnIds(imgIds=[1]))
    assert len(annotations) == 3
    for value, annotation in enumerate(annotations, 1):
        assert (read.annToMask(annotation) == (numbers == value)).all()
        rows, columns = np.nonzero(numbers == value)
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert (annotation["bbox"], annotation["area"]) == (box, (numbers == value).sum())
    names = {category["id"]: category["name"] for category in read.loadCats(read.getCatIds())}
    wanted = ["heron", "stork", "heron" if kind == "instances" else "crane"]
    assert [names[annotation["category_id"]] for annotation in annotations] == wanted
    assert (read.loadImgs([1])[0]["width"], read.loadImgs([1])[0]["height"]) == (WIDTH, HEIGHT)


def test_masks_may_have_16_bits(export: Exporting) -> None:
    export.mask("a.jpg", pixels().astype(np.uint16) * 300)
    export("coco", drawn("a.jpg", "instances", (0, 300), (2, 600)))
    read = coco(export)
    assert [int(read.annToMask(annotation).sum()) for annotation in read.loadAnns(read.getAnnIds())] == [1400, 480]


def test_cocos_library_reads_keypoints(export: Exporting) -> None:
    lines = [
        drawn("a.jpg", "keypoints", (0, [(10, 20)]), (2, [(60, 50.5)])),
        drawn("b.jpg", "keypoints", (3, [(5, 5)]), names={"3": "crane"}),
        drawn("c.jpg", "keypoints"),
    ]
    exported = export("coco", *lines)
    assert (exported.objects, exported.left_out) == ({"train": 3}, 0)
    read = coco(export)
    (category,) = read.loadCats(read.getCatIds())
    assert category["keypoints"] == ["heron", "unused-1", "stork", "crane"]
    first, second = read.loadAnns(read.getAnnIds())
    assert first["keypoints"] == [10, 20, 2, 0, 0, 0, 60, 50.5, 2, 0, 0, 0]
    assert (first["num_keypoints"], first["bbox"]) == (2, [10, 20, 50, 30.5])
    assert (second["keypoints"][9:], second["bbox"], second["image_id"]) == ([5, 5, 2], [5, 5, 1, 1], 2)


def test_cocos_own_evaluation_takes_the_keypoints(export: Exporting) -> None:
    from pycocotools.cocoeval import COCOeval

    export("coco", drawn("a.jpg", "keypoints", (0, [(10, 20)]), (1, [(60, 50)]), names={"0": "beak", "1": "tail"}))
    read = coco(export)
    scored = [{**annotation, "score": 0.9} for annotation in read.loadAnns(read.getAnnIds())]
    evaluation = COCOeval(read, read.loadRes(scored), "keypoints")
    evaluation.params.kpt_oks_sigmas = np.array([0.05, 0.05])
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)


def yolo_masks(text: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> list[tuple[int, Any]]:
    """An independent reader: class, and pixels whose centers the outline encloses, four times as fine."""
    masks = []
    for line in text.splitlines():
        number, *values = line.split()
        assert len(values) % 2 == 0
        assert all(0 <= float(value) <= 1 for value in values)
        points = [
            (float(x) * size[0] * 4 - 0.5, float(y) * size[1] * 4 - 0.5)
            for x, y in zip(values[::2], values[1::2], strict=True)
        ]
        image = Image.new("1", (size[0] * 4, size[1] * 4))
        ImageDraw.Draw(image).polygon(points, fill=1)
        masks.append((int(number), np.asarray(image)[2::4, 2::4]))
    return masks


def test_a_yolo_reader_finds_polygons_and_masks(export: Exporting) -> None:
    export("yolo", drawn("a.jpg", "polygons", (0, SQUARE), (2, TRIANGLE)), drawn("b.jpg", "polygons"))
    assert export.read("labels/train/b.txt") == ""
    (first, square), (second, triangle) = yolo_masks(export.read("labels/train/a.txt"))
    assert (first, second) == (0, 2)
    assert square[20:60, 10:50].all()
    assert square.sum() == 1600
    assert triangle.sum() == pytest.approx(3200, rel=0.02)
    numbers = pixels()
    export.mask("a.jpg", numbers)
    exported = export("yolo", drawn("a.jpg", "instances", *INSTANCES))
    assert exported.notes == {"parts_joined": 2}
    for value, (number, mask) in enumerate(yolo_masks(export.read("labels/train/a.txt")), 1):
        assert number == INSTANCES[value - 1][0]
        assert (mask != (numbers == value)).sum() <= 40, "a reader may draw the lines that connect parts"
    assert yaml.safe_load(export.read("data.yaml"))["names"] == {0: "heron", 1: "unused-1", 2: "stork"}


def test_a_yolo_reader_finds_poses(export: Exporting) -> None:
    lines = [drawn("a.jpg", "keypoints", (0, [(10, 20)]), (2, [(60, 50)])), drawn("b.jpg", "keypoints")]
    export("yolo", sets={"train": lines, "test": [drawn("a.jpg", "keypoints", (0, [(200, 100)]))]})
    about = yaml.safe_load(export.read("data.yaml"))
    assert (about["kpt_shape"], about["names"]) == ([3, 3], {0: "object"})
    assert about["kpt_names"] == {0: ["heron", "unused-1", "stork"]}
    number, *values = export.read("labels/train/a.txt").split()
    assert [float(value) for value in values[:4]] == [0.175, 0.35, 0.25, 0.3]
    points = np.array(values[4:], dtype=float).reshape(about["kpt_shape"])
    assert (number, points.tolist()) == ("0", [[0.05, 0.2, 2], [0, 0, 0], [0.3, 0.5, 2]])
    assert export.read("labels/train/b.txt") == ""
    left, top, width, height = (float(value) for value in export.read("labels/test/a.txt").split()[1:5])
    assert (left + width / 2, top + height / 2) == (1, 1), "a box of a pixel, inside the picture"
    assert [row["file_name"] for row in export.rows("train.csv")] == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("kind", ["polygons", "instances", "segmentation"])
def test_a_voc_reader_finds_masks(export: Exporting, kind: str) -> None:
    numbers = pixels()
    if kind == "polygons":
        line = drawn("a.jpg", kind, (0, SQUARE), (2, TRIANGLE))
        wanted = np.zeros_like(numbers)
        wanted[20:60, 10:50] = 1
        rows, columns = np.indices(numbers.shape) + 0.5
        wanted[(columns >= 100) & (rows >= 10) & (columns - 100 < 90 - rows)] = 2
        classes = [1, 3]
    else:
        export.mask("a.jpg", numbers)
        line = drawn("a.jpg", kind, *INSTANCES) if kind == "instances" else segmented("a.jpg")
        wanted, classes = numbers, [1, 3, 1] if kind == "instances" else [2, 3, 4]
    exported = export("pascal-voc", line)
    assert exported.left_out == 0, reasons(exported)
    read = {
        name: np.asarray(Image.open(io.BytesIO((export.folder / f"out/Segmentation{name}/train/a.png").read_bytes())))
        for name in ("Class", "Object")
    }
    assert (read["Object"] == wanted).mean() > 0.999
    table = np.array([0, *classes])
    assert (read["Class"] == table[read["Object"]]).all()
    root = ElementTree.fromstring(export.read("annotations/train/a.xml"))
    names = export.read("classes.txt").splitlines()
    assert root.findtext("segmented") == "1"
    assert [names.index(str(item.findtext("name"))) for item in root.iter("object")] == classes
    assert names[0] == "background"
    palette = Image.open(export.folder / "out/SegmentationClass/train/a.png").getpalette()
    assert palette is not None
    assert [palette[3 * at : 3 * at + 3] for at in (1, 2, 15, 255)] == [
        [128, 0, 0],
        [0, 128, 0],
        [192, 128, 128],
        [224, 224, 192],
    ]


@pytest.mark.parametrize(("kind", "place"), [("polygons", SQUARE), ("polylines", TRIANGLE), ("lines", SQUARE[:2])])
def test_datasets_reads_paths(export: Exporting, kind: str, place: Any) -> None:
    for name in ("a.png", "b.png"):
        export.picture(name)
    export("huggingface", drawn("a.png", kind, (0, place), (2, place)), drawn("b.png", kind, (2, place[:2] * 2)))
    first, _ = load(export.folder)["train"]
    assert first["objects"]["vertices"] == [[list(point) for point in place]] * 2
    assert first["objects"]["category"] == [0, 2]
    assert first["image"].size == (WIDTH, HEIGHT)


def test_datasets_reads_keypoints(export: Exporting) -> None:
    export.picture("a.png")
    export("huggingface", drawn("a.png", "keypoints", (2, [(1, 2.5)]), (2, [(3, 4)])))
    dataset = load(export.folder)["train"]
    assert dataset[0]["objects"] == {"point": [[1, 2.5], [3, 4]], "category": [2, 2]}
    assert dataset.features["objects"]["category"].feature.names == ["unused-0", "unused-1", "stork"]


@pytest.mark.parametrize("kind", ["instances", "segmentation"])
def test_datasets_reads_masks(export: Exporting, kind: str) -> None:
    numbers = pixels()
    export.picture("a.png")
    export.mask("a.png", numbers)
    export("huggingface", drawn("a.png", "instances", *INSTANCES) if kind == "instances" else segmented("a.png"))
    (row,) = load(export.folder)["train"]
    assert (np.asarray(row["mask"]) == numbers).all()
    assert row["image"].size == (WIDTH, HEIGHT)
    wanted = ([1, 2, 3], [0, 2, 0]) if kind == "instances" else ([1, 2, 3, 4], [1, 2, 3, 4])
    assert (row["objects"]["pixel_value"], row["objects"]["category"]) == wanted
