"""One set of boxes out of several workers' boxes: match by overlap, keep what a majority drew, average.

Source: developer guide, "Annotation consolidation" (matching by Jaccard index, averaging the matched boxes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

_MATCH: Final = 0.5
_SIDES: Final = ("left", "top", "width", "height")


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
    import numpy as np

    count = sum(map(len, answers))
    sums, sizes = np.zeros((count, len(_SIDES))), np.zeros(count)
    latest = np.full(count, -1)
    groups: list[list[dict[str, Any]]] = []
    for worker, boxes in enumerate(answers):
        for box in boxes:
            found = len(groups)
            means = sums[:found] / sizes[:found, None]
            # A worker has one box in a group.
            fitting = np.where(latest[:found] == worker, -1.0, _overlaps(box, means))
            best = int(fitting.argmax()) if found else 0
            if not found or fitting[best] < _MATCH:
                best = found
                groups.append([])
            groups[best].append(box)
            sums[best] += [box[side] for side in _SIDES]
            sizes[best] += 1
            latest[best] = worker
    kept = []
    for group, total in zip(groups, sums, strict=False):
        if 2 * len(group) < len(answers):
            continue
        mean = dict(zip(_SIDES, (total / len(group)).tolist(), strict=True))
        label, named = Counter(box["label"] for box in group).most_common(1)[0]
        agreement = sum(overlap(box, mean) for box in group) / len(group)
        confidence = len(group) / len(answers) * agreement * named / len(group)
        kept.append(({"label": str(label), **mean}, confidence))
    return kept


def _overlaps(box: dict[str, Any], others: Any) -> Any:
    """Jaccard index of a box with each of others, given as an array of n × 4, its columns as :data:`_SIDES`."""
    import numpy as np

    left, top, width, height = others.T
    across = np.minimum(box["left"] + box["width"], left + width) - np.maximum(box["left"], left)
    down = np.minimum(box["top"] + box["height"], top + height) - np.maximum(box["top"], top)
    shared = np.maximum(across, 0) * np.maximum(down, 0)
    joint = box["width"] * box["height"] + width * height - shared
    return np.divide(shared, joint, out=np.zeros(len(others)), where=joint > 0)
