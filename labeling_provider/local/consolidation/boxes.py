"""One set of boxes out of several workers' boxes: match by overlap, keep what a majority drew, average.

Source: developer guide, "Annotation consolidation" (matching by Jaccard index, averaging the matched boxes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_MATCH: Final = 0.5


@dataclass
class _Group:
    """Boxes of different workers that seem to mean the same thing."""

    boxes: list[dict[str, Any]] = field(default_factory=list)
    workers: set[int] = field(default_factory=set)

    def mean(self) -> dict[str, float]:
        sides = ("left", "top", "width", "height")
        return {side: sum(box[side] for box in self.boxes) / len(self.boxes) for side in sides}

    def label(self) -> str:
        return str(Counter(box["label"] for box in self.boxes).most_common(1)[0][0])


def overlap(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Jaccard index of two boxes given as left, top, width and height: shared area by joint area."""
    width = min(one["left"] + one["width"], other["left"] + other["width"]) - max(one["left"], other["left"])
    height = min(one["top"] + one["height"], other["top"] + other["height"]) - max(one["top"], other["top"])
    shared = max(width, 0) * max(height, 0)
    joint = one["width"] * one["height"] + other["width"] * other["height"] - shared
    return shared / joint if joint > 0 else 0.0


def consolidate_boxes(answers: Sequence[Sequence[dict[str, Any]]]) -> list[tuple[dict[str, Any], float]]:
    """Boxes that at least half of the workers drew, with a confidence each.

    :param answers: per worker the list of ``{label, left, top, width, height}``, in pixels.
    :return: averaged boxes with their label, and the share of workers that drew it times how well they agree.
    """
    groups: list[_Group] = []
    for worker, boxes in enumerate(answers):
        for box in boxes:
            fitting = [
                (overlap(box, group.mean()), -index)
                for index, group in enumerate(groups)
                if worker not in group.workers
            ]
            best, index = max(fitting, default=(0.0, 0))
            if best >= _MATCH:
                group = groups[-index]
            else:
                group = _Group()
                groups.append(group)
            group.boxes.append(box)
            group.workers.add(worker)
    kept = []
    for group in groups:
        if 2 * len(group.workers) < len(answers):
            continue
        mean = group.mean()
        agreement = sum(overlap(box, mean) for box in group.boxes) / len(group.boxes)
        same_label = sum(box["label"] == group.label() for box in group.boxes) / len(group.boxes)
        confidence = len(group.workers) / len(answers) * agreement * same_label
        kept.append(({"label": group.label(), **mean}, confidence))
    return kept
