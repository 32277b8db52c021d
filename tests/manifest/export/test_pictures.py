"""Pictures that an export copies: names of their own, and as their labels have them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from labeling_provider.manifest.pictures import BEGINNING_BYTES
from tests.manifest.exports import SIZE, Exporting, boxed, classed, load, reasons

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
    sets = {name: [boxed(one, (0, 1, 1, 5, 5)) for one in names] for name in ("train", "labels", "metadata")}
    for number, name in enumerate(names):
        export.bucket.objects[f"s3://marsh/{name}"] = b"picture %d" % number
    found = export(format_name, sets=sets, copy_pictures=True)
    assert found.objects == dict.fromkeys(sets, len(names))
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


def test_hugging_face_reads_pictures_of_any_name(export: Exporting) -> None:
    names = ["metadata.jsonl", "metadata.csv", "a", "b.PNG", "c.dat", "d.zip", "e.jpg.zip"]
    for name in names:
        export.picture(name)
    export("huggingface", *[boxed(name, (0, 1, 1, 5, 5)) for name in names])
    read = load(export.folder)["train"]
    assert read.num_rows == len(names)
    assert all(row["image"].size == (200, 100) for row in read)


def test_hugging_face_reads_sets_with_whole_and_with_broken_numbers(export: Exporting) -> None:
    for name in ("1.png", "2.png"):
        export.picture(name)
    sets = {"train": [boxed("1.png", (0, 1, 1, 5, 5))], "test": [boxed("2.png", (0, 1.5, 1, 5, 5))]}
    export("huggingface", sets=sets)
    read = load(export.folder)
    assert read["train"][0]["objects"]["bbox"] == [[1, 1, 5, 5]]
    assert read["test"][0]["objects"]["bbox"] == [[1.5, 1, 5, 5]]


def test_sets_that_hugging_face_can_not_read_together_are_told(export: Exporting) -> None:
    for name in ("1.png", "2.png"):
        export.picture(name)
    sets = {"train": [boxed("1.png", (0, 1, 1, 5, 5))], "test": [boxed("2.png")]}
    found = export("huggingface", sets=sets)
    assert (found.objects, found.notes) == ({"train": 1, "test": 1}, {"sets_without_boxes": 1})
    with pytest.raises(ValueError, match="different features"):
        load(export.folder)
    assert export("huggingface", sets={"train": [boxed("1.png")], "test": [boxed("2.png")]}).notes == {}
    assert load(export.folder)["test"].num_rows == 1


def stored_turned(kind: str, orientation: int = 6, padding: int = 0, size: tuple[int, int] = (200, 100)) -> bytes:
    """A picture whose upper left quarter is red as it is stored, and that readers turn."""
    image = Image.new("RGB", size, "white")
    image.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = io.BytesIO()
    image.save(body, kind, exif=exif.tobytes())
    return body.getvalue() + bytes(padding)


def turned_label(line: dict[str, Any], width: int, height: int) -> dict[str, Any]:
    line["bird"]["image_size"] = [{**SIZE, "width": width, "height": height}]
    return line


def as_readers_see(path: Path) -> Any:
    """A picture as cv2, datasets, browsers and Ultralytics show it."""
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def is_red(image: Any, across: float, down: float) -> bool:
    red, green, _ = image.getpixel((int(across * image.width), int(down * image.height)))
    return red > 200 > 100 > green


@pytest.mark.parametrize("padding", [0, 3 * BEGINNING_BYTES])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("format_name", ["coco", "huggingface"])
def test_readers_see_a_picture_as_its_label_has_it(
    export: Exporting, format_name: str, kind: str, padding: int
) -> None:
    name = f"a.{kind.lower()}"
    export.bucket.objects[f"s3://marsh/{name}"] = stored_turned(kind, padding=padding)
    place = "train" if format_name == "huggingface" else "images/train"
    found = export(format_name, boxed(name, (0, 0, 0, 100, 50)), copy_pictures=True)
    assert found.notes == {"pictures_kept_unturned": 1}
    seen = as_readers_see(export.folder / f"out/{place}/{name}")
    assert seen.size == (200, 100)
    assert is_red(seen, 0.1, 0.1)
    label = turned_label(boxed(name, (0, 50, 0, 50, 100)), 100, 200)
    found = export(format_name, label, copy_pictures=True)
    assert found.notes == {"pictures_turned": 1}
    seen = as_readers_see(export.folder / f"out/{place}/{name}")
    assert seen.size == Image.open(export.folder / f"out/{place}/{name}").size == (100, 200)
    assert is_red(seen, 0.9, 0.1)


def test_pictures_with_classes_are_as_workers_saw_them(export: Exporting) -> None:
    export.bucket.objects["s3://marsh/a.jpg"] = stored_turned("JPEG")
    export("huggingface", classed("s3://marsh/a.jpg", 0, "heron", "image-classification"))
    image = load(export.folder)["train"][0]["image"]
    assert image.size == (200, 100)
    assert is_red(image.convert("RGB"), 0.1, 0.1)


def test_a_picture_of_another_size_than_its_label_says_is_told(export: Exporting) -> None:
    export.picture("a.png", (400, 200))
    export.picture("b.png")
    found = export("coco", boxed("a.png", (0, 1, 1, 5, 5)), boxed("b.png"), copy_pictures=True)
    assert (found.objects, found.notes) == ({"train": 2}, {"pictures_of_another_size": 1})


def test_a_crooked_picture_that_must_be_turned_is_left_out_and_told(export: Exporting) -> None:
    body = stored_turned("JPEG")
    export.bucket.objects["s3://marsh/a.jpg"] = body[: body.index(b"\xff\xda") + 4]
    lines = [turned_label(boxed("a.jpg"), 100, 200), boxed("a.jpg")]
    found = export("coco", *lines, copy_pictures=True)
    assert (found.objects, found.left_out) == ({"train": 1}, 1)
    assert "can't be read as a picture" in reasons(found)[0][1]
    (image,) = json.loads(export.read("train.json"))["images"]
    assert (image["width"], image["height"]) == (200, 100)


def test_files_that_are_no_pictures_are_copied_as_they_are(export: Exporting) -> None:
    body = b"II*\0" + b"tiff" * 100_000
    export.bucket.objects["s3://marsh/a.tif"] = body
    found = export("yolo", boxed("a.tif"), copy_pictures=True)
    assert (found.objects, found.notes) == ({"train": 1}, {})
    assert (export.folder / "out/images/train/a.tif").read_bytes() == body
