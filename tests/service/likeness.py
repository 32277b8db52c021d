"""How like each other boxes are, for tests that compare labels with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Box = dict[str, Any]


def boxes_of(label: dict[str, Any], labels: Sequence[str]) -> list[Box]:
    """The boxes of a label, each with the name of its class."""
    return [{**box, "label": labels[box["class_id"]]} for box in label["annotations"]]


def likeness(boxes: Sequence[Box], truth: Sequence[Box]) -> float:
    """The mean intersection over union of boxes and those of the truth, best pairs of a class first.

    :return: 0 to 1; a box without a partner on either side counts as 0.
    """
    if not boxes and not truth:
        return 1.0
    pairs = sorted(
        ((shared(box, other), n, m) for n, box in enumerate(boxes) for m, other in enumerate(truth)), reverse=True
    )
    total, taken, matched = 0.0, set[int](), set[int]()
    for share, n, m in pairs:
        if n not in taken and m not in matched:
            taken.add(n)
            matched.add(m)
            total += share
    return total / max(len(boxes), len(truth))


def shared(box: Box, other: Box) -> float:
    """The intersection over union of two boxes; 0 if they are of different classes."""
    if box["label"] != other["label"]:
        return 0.0
    width, height = (
        min(box[start] + box[size], other[start] + other[size]) - max(box[start], other[start])
        for start, size in (("left", "width"), ("top", "height"))
    )
    common = max(width, 0) * max(height, 0)
    return float(common / (box["width"] * box["height"] + other["width"] * other["height"] - common))
