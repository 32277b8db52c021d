"""What all formats share: names of files, numbers of classes, and pictures as their labels have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from labeling_provider.manifest.pictures import BEGINNING_BYTES
from tests.manifest.exports import SIZE, Exporting, boxed, classed, is_red, reasons, stored_turned

OWN = [
    "metadata.jsonl",
    "metadata.csv",
    "METADATA.JSONL",
    "metadata.parquet",
    "metadata.jpg",
    "README.md",
    "data.yaml",
    "classes.txt",
    "labels.json",
    "train.json",
    "train.csv",
    "train.jsonl",
    "train",
    "train.manifest",
]


@pytest.mark.parametrize("format_name", ["coco", "yolo", "pascal-voc", "huggingface"])
def test_no_picture_takes_the_place_of_another_file(export: Exporting, format_name: str) -> None:
    names = [*OWN, *[f"again/{name}" for name in OWN], "Café.jpg", "cafe\u0301.jpg"]
    sets = {name: [boxed(name, (0, 1, 1, 5, 5)) for name in names] for name in ("train", "labels", "metadata")}
    for number, name in enumerate(names):
        export.bucket.objects[f"s3://marsh/{name}"] = b"picture %d" % number
    exported = export(format_name, sets=sets, copy_pictures=True)
    assert exported.objects == dict.fromkeys(sets, len(names))
    bodies = [(export.folder / "out" / name).read_bytes() for name in export.names]
    for number in range(len(names)):
        assert bodies.count(b"picture %d" % number) == len(sets)
    folded = [name.casefold() for name in export.names]
    assert len(set(folded)) == len(folded)
    if format_name == "huggingface":
        for name in sets:
            assert [row["objects"] for row in export.lines(f"{name}/metadata.jsonl")] == [
                {"bbox": [[1.0, 1.0, 5.0, 5.0]], "category": [0]}
            ] * len(names)


def turned_label(line: dict[str, Any], width: int, height: int) -> dict[str, Any]:
    line["bird"]["image_size"] = [{**SIZE, "width": width, "height": height}]
    return line


def as_readers_see(path: Path) -> Any:
    """A picture as cv2, datasets, browsers and Ultralytics show it."""
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


@pytest.mark.parametrize("padding", [0, 3 * BEGINNING_BYTES])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("format_name", ["coco", "huggingface"])
def test_readers_see_a_picture_as_its_label_has_it(
    export: Exporting, format_name: str, kind: str, padding: int
) -> None:
    name = f"a.{kind.lower()}"
    export.bucket.objects[f"s3://marsh/{name}"] = stored_turned(kind, padding=padding)
    place = "train" if format_name == "huggingface" else "images/train"
    exported = export(format_name, boxed(name, (0, 0, 0, 100, 50)), copy_pictures=True)
    assert exported.notes == {"pictures_kept_unturned": 1}
    seen = as_readers_see(export.folder / f"out/{place}/{name}")
    assert seen.size == (200, 100)
    assert is_red(seen, 0.1, 0.1)
    label = turned_label(boxed(name, (0, 50, 0, 50, 100)), 100, 200)
    exported = export(format_name, label, copy_pictures=True)
    assert exported.notes == {"pictures_turned": 1}
    seen = as_readers_see(export.folder / f"out/{place}/{name}")
    assert seen.size == Image.open(export.folder / f"out/{place}/{name}").size == (100, 200)
    assert is_red(seen, 0.9, 0.1)


def test_a_picture_of_another_size_than_its_label_says_is_told(export: Exporting) -> None:
    export.picture("a.png", (400, 200))
    export.picture("b.png")
    exported = export("coco", boxed("a.png", (0, 1, 1, 5, 5)), boxed("b.png"), copy_pictures=True)
    assert (exported.objects, exported.notes) == ({"train": 2}, {"pictures_of_another_size": 1})


def test_a_crooked_picture_that_must_be_turned_is_left_out_and_told(export: Exporting) -> None:
    body = stored_turned("JPEG")
    export.bucket.objects["s3://marsh/a.jpg"] = body[: body.index(b"\xff\xda") + 4]
    lines = [turned_label(boxed("a.jpg"), 100, 200), boxed("a.jpg")]
    exported = export("coco", *lines, copy_pictures=True)
    assert (exported.objects, exported.left_out) == ({"train": 1}, 1)
    assert "can't be read as a picture" in reasons(exported)[0][1]
    (image,) = json.loads(export.read("train.json"))["images"]
    assert (image["width"], image["height"]) == (200, 100)


def test_files_that_are_no_pictures_are_copied_as_they_are(export: Exporting) -> None:
    body = b"II*\0" + b"tiff" * 100_000
    export.bucket.objects["s3://marsh/a.tif"] = body
    exported = export("yolo", boxed("a.tif"), copy_pictures=True)
    assert (exported.objects, exported.notes) == ({"train": 1}, {})
    assert (export.folder / "out/images/train/a.tif").read_bytes() == body


def test_classes_that_disagree_are_told_or_numbered_anew(export: Exporting) -> None:
    lines = [classed("a", 0, "heron"), classed("b", 0, "stork"), classed("c", 1, "heron"), classed("d", 2, "stork")]
    exported = export("csv", *lines)
    assert (exported.objects, exported.left_out) == ({"train": 2}, 2)
    assert reasons(exported) == [
        (2, "bird: class 0 is 'stork' here, but class 0 is 'heron' elsewhere; pass the classes in order"),
        (3, "bird: class 1 is 'heron' here, but 'heron' is class 0 elsewhere; pass the classes in order"),
    ]
    exported = export("csv", *lines, classes=["stork", "heron"])
    assert [(row["class_name"], row["class_id"]) for row in export.rows("train.csv")] == [
        ("heron", "1"),
        ("stork", "0"),
        ("heron", "1"),
        ("stork", "0"),
    ]
    exported = export("csv", *lines, classes=["heron"])
    assert (exported.objects, exported.left_out) == ({"train": 2}, 2)
    assert reasons(exported)[0] == (2, "bird: 'stork' is not one of the given classes")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("..", "object"),
        (".hidden", "hidden"),
        ("a/b\\..\\c.jpg", "b_.._c.jpg"),
        ("a\x00\n\u202eb.jpg", "a_b.jpg"),
        ("ü" * 400 + ".jpg", "ü" * 73 + ".jpg"),
        ("folder/", "folder"),
        ("-rf.jpg", "rf.jpg"),
    ],
)
def test_names_of_files_stay_in_the_folder(export: Exporting, key: str, name: str) -> None:
    export.bucket.objects[f"s3://marsh/{key}"] = b"picture"
    exported = export("coco", boxed(key), copy_pictures=True)
    assert exported.objects == {"train": 1}
    assert [path for path in export.names if path.startswith("images/")] == [f"images/train/{name}"]


def test_annotations_of_pictures_with_one_stem_stay_apart(export: Exporting) -> None:
    export("yolo", boxed("a.jpg", (0, 1, 1, 5, 5)), boxed("a.png"), boxed("A.png"))
    assert [path for path in export.names if path.startswith("labels/")] == [
        "labels/train/A-3.txt",
        "labels/train/a-2.txt",
        "labels/train/a.txt",
    ]
