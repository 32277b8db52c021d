"""Boxes around things in a picture: the form's element ``crowd-bounding-box``.

Several workers' boxes are matched by overlap; what a majority drew is kept and averaged.
Source: developer guide, "Annotation consolidation" (matching by Jaccard index, averaging the matched boxes).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from labeling_provider.service.errors import ObjectFailure
from labeling_provider.service.kinds.kind import Answered, AnswerError, Content, Label, Learnable, OneByOne, runs
from labeling_provider.service.kinds.stored_data import image_size

Box = dict[str, Any]
"""``label`` (in labels and models' answers ``class_id``), ``left``, ``top``, ``width`` and ``height``, in pixels."""

_MATCH: Final = 0.5
_SIDES: Final = ("left", "top", "width", "height")
_MAX_PIXELS: Final = 1e9


@runs("bounding-box")
class BoundingBoxes(OneByOne, Learnable):
    """An answer, as the truth, is a list of boxes with labels; what is kept of labels has class positions instead."""

    promised = 0.6

    def _boxes(self, value: Any) -> list[Box]:
        """Well-formed boxes of known labels.

        :raises AnswerError: if the value is no list of boxes.
        """
        if not isinstance(value, list) or not all(isinstance(box, dict) for box in value):
            raise AnswerError(f"{self.key}.boundingBoxes is missing or no list of boxes.")
        for number, box in enumerate(value):
            where = f"boundingBoxes[{number}]"
            for side in _SIDES:
                if not _is_number(box.get(side)):
                    raise AnswerError(f"{self.key}.{where}.{side} is no number of pixels.")
            self.known_class(box.get("label"), f"{where}.label")
        return [{"label": box["label"], **{side: box[side] for side in _SIDES}} for box in value]

    def read_answer(self, content: Content, line: dict[str, Any]) -> list[Box]:
        return self._boxes(self.form(content).get("boundingBoxes"))

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        try:
            boxes = self._boxes(truth)
        except AnswerError:
            return None
        width, height, _ = self._size(line)
        # Nobody draws to the pixel: a right box is off by up to 2 % of its side.
        drawn = [
            {side: value if side == "label" else round(value, 1) for side, value in box.items()}
            for box in (_moved(box, rng, 0.02, width, height) for box in boxes)
        ]
        if not right and drawn:
            wrong = rng.randrange(len(drawn))
            if rng.random() < 0.25:
                del drawn[wrong]
            elif rng.random() < 0.3 and len(self.job.labels) > 1:
                drawn[wrong]["label"] = self.another_label(drawn[wrong]["label"], rng)
            else:
                drawn[wrong] = _moved(drawn[wrong], rng, 0.8, width, height)
        elif not right:
            box = {"label": rng.choice(self.job.labels), "left": 0.0, "top": 0.0}
            drawn.append({**box, "width": width / 4, "height": height / 4})
        return {self.key: {"boundingBoxes": drawn, "inputImageProperties": {"width": width, "height": height}}}

    def _size(self, line: dict[str, Any]) -> tuple[int, int, int]:
        try:
            return image_size(self.job.object_store, self.source(line))
        except ValueError as error:
            raise ObjectFailure(str(error)) from None

    def label_of(self, answers: Sequence[list[Box]], answered: Answered, stamp: str) -> Label:
        kept = consolidate_boxes(answers)
        confidences = [self.confidence(confidence) for _, confidence in kept]
        return self._label([box for box, _ in kept], confidences, self._size(answered.line))

    def _label(self, boxes: Sequence[Box], confidences: Sequence[float], size: tuple[int, int, int]) -> Label:
        """The label of boxes.

        :param confidences: 0 to 1, one for each box.
        :param size: the image's width, height and number of channels.
        """
        used = sorted({self.positions[box["label"]] for box in boxes})
        value = {
            "image_size": [dict(zip(("width", "height", "depth"), size, strict=True))],
            "annotations": [
                {"class_id": self.positions[box["label"]], **{side: round(box[side], 2) for side in _SIDES}}
                for box in boxes
            ],
        }
        metadata = {
            "objects": [{"confidence": confidence} for confidence in confidences],
            "class-map": {str(one): self.job.labels[one] for one in used},
        }
        return Label(value, metadata)

    def answer_in(self, value: Any) -> Any:
        return value["annotations"]

    def agreement(self, machine: Any, people: Any) -> float:
        """Mean overlap over predicted and missed boxes of a class, then over classes; 1 if both see nothing."""
        values: dict[int, list[float]] = defaultdict(list)
        missed = list(people)
        for box in machine:
            same = [one for one in missed if one["class_id"] == box["class_id"]]
            best = max(same, key=lambda one: overlap(one, box), default=None)
            shared = overlap(best, box) if best else 0.0
            values[box["class_id"]].append(shared)
            if best and shared:
                missed.remove(best)
        for one in missed:
            values[one["class_id"]].append(0.0)
        means = [sum(own) / len(own) for own in values.values()]
        return sum(means) / len(means) if means else 1.0

    def label_by_machine(self, answer: Any, confidence: float, line: dict[str, Any], file: str) -> Label:
        boxes = [{**box, "label": self.job.labels[box["class_id"]]} for box in answer]
        size = image_size(self.job.object_store, self.source(line))
        return self._label(boxes, [round(confidence, 2)] * len(boxes), size)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MAX_PIXELS


def _moved(box: Box, rng: Random, share: float, width: int, height: int) -> Box:
    """A box somewhere near, inside the picture: off by up to a share of its sides."""
    left = box["left"] + rng.uniform(-share, share) * box["width"]
    top = box["top"] + rng.uniform(-share, share) * box["height"]
    return {
        **box,
        "left": min(max(left, 0), max(width - box["width"], 0)),
        "top": min(max(top, 0), max(height - box["height"], 0)),
    }


def overlap(one: Box, other: Box) -> float:
    """Jaccard index of two boxes given as left, top, width and height: shared area by joint area."""
    width = min(one["left"] + one["width"], other["left"] + other["width"]) - max(one["left"], other["left"])
    height = min(one["top"] + one["height"], other["top"] + other["height"]) - max(one["top"], other["top"])
    shared = max(width, 0) * max(height, 0)
    joint = one["width"] * one["height"] + other["width"] * other["height"] - shared
    return shared / joint if joint > 0 else 0.0


def consolidate_boxes(answers: Sequence[Sequence[Box]]) -> list[tuple[Box, float]]:
    """Boxes that at least half of the workers drew, with a confidence each.

    :param answers: per worker the list of ``{label, left, top, width, height}``, in pixels.
    :return: averaged boxes with their label, and the share of workers that drew it times how well they agree.
    """
    import numpy as np

    count = sum(map(len, answers))
    sums, sizes = np.zeros((count, len(_SIDES))), np.zeros(count)
    latest = np.full(count, -1)
    groups: list[list[Box]] = []
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


def _overlaps(box: Box, others: Any) -> Any:
    """Jaccard index of a box with each of others, given as an array of n × 4, its columns as :data:`_SIDES`."""
    import numpy as np

    left, top, width, height = others.T
    across = np.minimum(box["left"] + box["width"], left + width) - np.maximum(box["left"], left)
    down = np.minimum(box["top"] + box["height"], top + height) - np.maximum(box["top"], top)
    shared = np.maximum(across, 0) * np.maximum(down, 0)
    joint = box["width"] * box["height"] + width * height - shared
    return np.divide(shared, joint, out=np.zeros(len(others)), where=joint > 0)
