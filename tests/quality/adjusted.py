"""Adjusted labels and the answers to them, for tests."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

from PIL import Image

from tests.memory import MemoryStore

Box = tuple[str, float, float, float, float]
SIDES = ("left", "top", "width", "height")
CLASSES = ["heron", "stork"]


def boxes(attribute: str, *drawn: Box, **about: Any) -> dict[str, Any]:
    """A label of boxes."""
    annotations = [{"class_id": CLASSES.index(name), **dict(zip(SIDES, sides, strict=True))} for name, *sides in drawn]
    value = {"image_size": [{"width": 100, "height": 80, "depth": 3}], "annotations": annotations}
    metadata = {"type": "groundtruth/object-detection", "class-map": dict(enumerate(CLASSES)), **about}
    return {attribute: value, f"{attribute}-metadata": metadata}


def box_answer(worker: str, *drawn: Box, **form: Any) -> dict[str, Any]:
    given = [{"label": name, **dict(zip(SIDES, sides, strict=True))} for name, *sides in drawn]
    return {"workerId": worker, "answerContent": {"boundingBox": {"boundingBoxes": given, **form}}}


def picture(*areas: tuple[Any, int, int, int, int], mode: str = "L", size: tuple[int, int] = (10, 10)) -> bytes:
    """A PNG with areas of some colors: left, top, right, bottom."""
    image = Image.new(mode, size)
    for color, *area in areas:
        image.paste(color, tuple(area))
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def mask(bucket: MemoryStore, attribute: str, body: bytes, names: dict[int, str], **about: Any) -> dict[str, Any]:
    """A label of a mask, which is stored."""
    uri = f"s3://marsh/{attribute}-{len(bucket.objects)}.png"
    bucket.objects[uri] = body
    colors = {str(number): {"class-name": name, "hex-color": "#112233"} for number, name in names.items()}
    return {
        attribute: uri,
        f"{attribute}-metadata": {"type": "groundtruth/semantic-segmentation", "internal-color-map": colors, **about},
    }


def mask_answer(worker: str, body: bytes, colors: dict[str, str], **form: Any) -> dict[str, Any]:
    given = {
        "labeledImage": {"pngImageData": base64.b64encode(body).decode()},
        "labelMappings": {name: {"color": color} for name, color in colors.items()},
        **form,
    }
    return {"workerId": worker, "answerContent": {"crowd-semantic-segmentation": given}}
