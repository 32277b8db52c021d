"""Lines with labels, and their export to a folder."""

from __future__ import annotations

import csv
import io
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from labeling_provider.manifest import Manifests
from labeling_provider.manifest.export import Exported
from tests.memory import MemoryStore

SIZE = {"width": 200, "height": 100, "depth": 3}


def metadata(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "type": f"groundtruth/{kind}",
        "job-name": "labeling-job/marsh",
        "human-annotated": "yes",
        "creation-date": "2024-05-03T09:14:02.318240",
        **more,
    }


def boxed(name: str, *boxes: tuple[int, float, float, float, float], names: Any = None) -> dict[str, Any]:
    """A line with boxes (class, left, top, width, height)."""
    keys = ("class_id", "left", "top", "width", "height")
    annotations = [dict(zip(keys, box, strict=True)) for box in boxes]
    classes = names if names is not None else {"0": "heron", "2": "stork"}
    rated = [{"confidence": 0.75}] * len(boxes)
    return {
        "source-ref": f"s3://marsh/{name}",
        "bird": {"image_size": [SIZE], "annotations": annotations},
        "bird-metadata": metadata("object-detection", **{"class-map": classes, "objects": rated}),
    }


def classed(source: str, number: int, name: str, kind: str = "text-classification") -> dict[str, Any]:
    key = "source-ref" if source.startswith("s3://") else "source"
    return {key: source, "bird": number, "bird-metadata": metadata(kind, **{"class-name": name, "confidence": 0.9})}


def several(source: str, names: dict[str, str]) -> dict[str, Any]:
    rated = dict.fromkeys(names, 0.8)
    about = metadata("text-classification-multilabel", **{"class-map": names, "confidence-map": rated})
    return {"source": source, "bird": [int(number) for number in names], "bird-metadata": about}


def spanned(text: str, *spans: tuple[int, int, str]) -> dict[str, Any]:
    entities = [{"startOffset": start, "endOffset": end, "label": label} for start, end, label in spans]
    return {"source": text, "bird": {"annotations": {"entities": entities}}, "bird-metadata": metadata("text-span")}


def drawn(name: str, kind: str, *shapes: tuple[int, Any], names: Any = None, size: Any = None) -> dict[str, Any]:
    """A line with what people drew: class, and points or, of an instance, the value of its pixels."""
    annotations: list[dict[str, Any]] = []
    for class_id, place in shapes:
        points = [] if kind == "instances" else [{"x": x, "y": y} for x, y in place]
        where: dict[str, Any] = {"vertices": points}
        if kind == "keypoints":
            where = points[0]
        elif kind == "instances":
            where = {"pixel_value": place}
        annotations.append({"class_id": class_id, **where})
    about = {"class-map": names or {"0": "heron", "2": "stork"}, "objects": [{"confidence": 0.75}] * len(shapes)}
    mask = {"mask": f"s3://marsh/{name}.mask.png"} if kind == "instances" else {}
    return {
        "source-ref": f"s3://marsh/{name}",
        "bird": {"image_size": [size or {"width": 200, "height": 100}], kind: annotations, **mask},
        "bird-metadata": {**metadata("x", **about), "type": f"labeling/{kind}"},
    }


SQUARE = [(10, 20), (50, 20), (50, 60), (10, 60)]
TRIANGLE = [(100, 10), (180, 10), (100, 90)]


def pixels() -> Any:
    """Three instances: a ring, a thing of two parts, and one that reaches over the whole height."""
    numbers = np.zeros((100, 200), dtype=np.uint8)
    numbers[10:50, 10:60] = 1
    numbers[20:40, 20:50] = 0
    numbers[60:70, 80:90] = numbers[80:99, 100:120] = 2
    numbers[:, 150:153] = 3
    return numbers


INSTANCES = [(0, 1), (2, 2), (0, 3)]


def segmented(name: str) -> dict[str, Any]:
    """A line with a semantic segmentation: 1 is heron, 2 and 3 are storks and cranes."""
    names = ["BACKGROUND", "heron", "stork", "crane", "nothing"]
    colors = {str(number): {"class-name": name, "hex-color": "#ffffff"} for number, name in enumerate(names)}
    about = metadata("semantic-segmentation", **{"internal-color-map": colors})
    return {"source-ref": f"s3://marsh/{name}", "bird": f"s3://marsh/{name}.mask.png", "bird-metadata": about}


FAILED = {"source-ref": "s3://marsh/failed.jpg", "bird-metadata": metadata("any", **{"failure-reason": "declined"})}

WAITING = {"source-ref": "s3://marsh/waiting.jpg"}


class Exporting:
    """Exports lines to a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bucket = folder, MemoryStore()

    def __call__(
        self, format_name: str, *lines: Any, sets: dict[str, list[Any]] | None = None, **more: Any
    ) -> Exported:
        places = {}
        for name, own in (sets or {"train": list(lines)}).items():
            places[name] = self.folder / f"{name}.in"
            places[name].write_bytes(b"".join(raw(line) for line in own))
        return Manifests(self.bucket).export(places, "bird", format_name, self.folder / "out", **more)

    def read(self, name: str) -> str:
        return (self.folder / "out" / name).read_text()

    def rows(self, name: str) -> list[dict[str, Any]]:
        return list(csv.DictReader(self.read(name).splitlines()))

    def lines(self, name: str) -> list[Any]:
        return [json.loads(line) for line in self.read(name).splitlines()]

    @property
    def names(self) -> list[str]:
        out = self.folder / "out"
        return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())

    def mask(self, name: str, pixels: Any) -> None:
        body = BytesIO()
        Image.fromarray(pixels).save(body, "PNG")
        self.bucket.objects[f"s3://marsh/{name}.mask.png"] = body.getvalue()

    def picture(self, name: str, size: tuple[int, int] = (200, 100)) -> None:
        body = BytesIO()
        Image.new("RGB", size, "navy").save(body, "PNG")
        self.bucket.objects[f"s3://marsh/{name}"] = body.getvalue()


def raw(line: Any) -> bytes:
    return line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"


def reasons(exported: Exported) -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for _, problem in exported.problems]


def load(folder: Path) -> Any:
    from datasets import load_dataset

    return load_dataset(str(folder / "out"), cache_dir=str(folder / "cache"))


def stored_turned(kind: str, orientation: int = 6, padding: int = 0, size: tuple[int, int] = (200, 100)) -> bytes:
    """A picture whose upper left quarter is red as it is stored, and that readers turn."""
    image = Image.new("RGB", size, "white")
    image.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = io.BytesIO()
    image.save(body, kind, exif=exif.tobytes())
    return body.getvalue() + bytes(padding)


def is_red(image: Any, across: float, down: float) -> bool:
    red, green, _ = image.getpixel((int(across * image.width), int(down * image.height)))
    return red > 200 > 100 > green


BOX = (1, 1, 5, 5)
