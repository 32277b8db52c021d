"""The colors of a job's labels in masks and their metadata. The worker pages' ``colors.ts`` follows the same rule.

Source: worker pages and labels of real jobs have the first colors of ``label_colors.json``, in this order, which are
those of D3's category10 palette. Amazon documents neither them nor what follows after the tenth.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from math import floor
from pathlib import Path
from typing import Final

_FIRST: Final[tuple[str, ...]] = tuple(json.loads(Path(__file__).with_suffix(".json").read_text("utf-8")))
_EMPTY: Final = "#000000"
"""Readers that drop opacity read empty pixels as black."""
_GOLDEN_ANGLE: Final = 137.508
"""Degrees between two hues, which keeps each far from those before it."""
_LIGHTNESS: Final = (0.45, 0.3, 0.65)
_SATURATION: Final = 0.7


def label_colors(labels: Sequence[str]) -> dict[str, str]:
    """A color for each label, such as ``#1f77b4``. No two are the same, and none is black.

    :param labels: the job's labels, in its order.
    """
    colors: dict[str, str] = {}
    taken = {_EMPTY}
    for place, label in enumerate(labels):
        color = _color_at(place)
        if color in taken:
            color = next(further for further in map(_color_at, count(len(labels))) if further not in taken)
        colors[label] = color
        taken.add(color)
    return colors


def _color_at(place: int) -> str:
    """The usual color of the label at a place of the list."""
    if place < len(_FIRST):
        return _FIRST[place]
    hue, light = (place * _GOLDEN_ANGLE) % 360, _LIGHTNESS[place % 3]

    def part(at: int) -> int:
        turned = (at + hue / 30) % 12
        return floor(
            255 * (light - _SATURATION * min(light, 1 - light) * max(-1, min(turned - 3, 9 - turned, 1))) + 0.5
        )

    return f"#{part(0):02x}{part(8):02x}{part(4):02x}"
