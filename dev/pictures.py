"""Pictures with their truth, for tests and benchmarks: handwritten digits, and scenes of balls and crates."""

from __future__ import annotations

from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

SCENE_LABELS = ["ball", "crate"]
_WIDTH, _HEIGHT = 160, 120
_COLORS = np.array([[200, 60, 50], [50, 80, 200]])


class Scene(NamedTuple):
    """A picture with what is in it.

    :param boxes: ``{"label", "left", "top", "width", "height"}``, in pixels.
    :param mask: PNG: 0 background, n the n-th label.
    """

    picture: bytes
    boxes: list[dict[str, Any]]
    mask: bytes


def digits() -> list[tuple[bytes, str]]:
    """scikit-learn's 1,797 handwritten digits as PNG of 64 × 64 pixels, with what they are."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pictures = [Image.fromarray((digit * 255 / 16).astype(np.uint8)).resize((64, 64)) for digit in digits.images]
    return [(_png(picture), str(digit)) for picture, digit in zip(pictures, digits.target, strict=True)]


def scene(number: int, *, visible: bool = True) -> Scene:
    """One to three balls and crates on noise; always the same for the same number.

    :param visible: False for a picture in which nothing can be seen of them.
    """
    chance = np.random.default_rng(number)
    background = np.clip(chance.integers(90, 150, 3) + chance.normal(0, 18, (_HEIGHT, _WIDTH, 3)), 0, 255)
    picture, mask = Image.fromarray(background.astype(np.uint8)), Image.new("L", (_WIDTH, _HEIGHT))
    boxes: list[dict[str, Any]] = []
    for _ in range(chance.integers(1, 4)):
        kind, width, height = int(chance.integers(0, 2)), int(chance.integers(20, 45)), int(chance.integers(20, 45))
        left, top = int(chance.integers(2, _WIDTH - width - 2)), int(chance.integers(2, _HEIGHT - height - 2))
        box = {"label": SCENE_LABELS[kind], "left": left, "top": top, "width": width, "height": height}
        if any(_touch(box, other) for other in boxes):
            continue
        boxes.append(box)
        color = tuple(int(part) for part in _COLORS[kind] + chance.integers(-25, 25, 3))
        for drawing, fill in ((picture, color), (mask, kind + 1)):
            if visible or drawing is mask:
                draw = ImageDraw.Draw(drawing)
                (draw.rectangle if kind else draw.ellipse)((left, top, left + width, top + height), fill=fill)
    noisy = np.clip(np.asarray(picture).astype(float) + chance.normal(0, 18, (_HEIGHT, _WIDTH, 3)), 0, 255)
    return Scene(_png(Image.fromarray(noisy.astype(np.uint8))), boxes, _png(mask))


def _touch(box: dict[str, Any], other: dict[str, Any]) -> bool:
    beside = box["left"] > other["left"] + other["width"] + 6 or other["left"] > box["left"] + box["width"] + 6
    above = box["top"] > other["top"] + other["height"] + 6 or other["top"] > box["top"] + box["height"] + 6
    return not (beside or above)


def _png(picture: Image.Image) -> bytes:
    body = BytesIO()
    picture.save(body, "PNG")
    return body.getvalue()
