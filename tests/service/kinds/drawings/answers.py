"""Answers of people who draw, as the page's elements send them."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

SIZE = {"width": 200, "height": 100}
LABELS = {"heron": 0, "stork": 1}
SQUARE = [(10, 10), (50, 10), (50, 50), (10, 50)]


def drawn(name: str, *shapes: tuple[str, list[tuple[float, float]]], element: str = "drawing", **more: Any) -> Any:
    """The answer of an element on a picture of 200 × 100."""
    value: list[Any] = []
    for label, points in shapes:
        at = [{"x": x, "y": y} for x, y in points]
        value.append({"label": label, **at[0]} if name == "keypoints" else {"label": label, "vertices": at})
    return {element: {name: value, "inputImageProperties": SIZE, **more}}


def masked(*boxes: tuple[str, int, int, int, int], colors: list[str] | None = None) -> Any:
    """The answer of ``crowd-instance-segmentation``: instances that are boxes (left, top, right, bottom)."""
    pixels = np.full((SIZE["height"], SIZE["width"], 3), 255, dtype=np.uint8)
    colors = colors or [f"#{40 * number + 10:02x}7f0e" for number in range(len(boxes))]
    for (_, left, top, right, bottom), color in zip(boxes, colors, strict=True):
        pixels[top:bottom, left:right] = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
    body = BytesIO()
    Image.fromarray(pixels).save(body, "PNG")
    instances = [{"label": box[0], "color": color} for box, color in zip(boxes, colors, strict=True)]
    picture = {"pngImageData": base64.b64encode(body.getvalue()).decode()}
    return {"drawing": {"labeledImage": picture, "instances": instances, "inputImageProperties": SIZE}}
