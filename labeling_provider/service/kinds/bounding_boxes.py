"""Boxes around things in a picture: form element ``crowd-bounding-box``.

The boxes of several workers are matched by overlap, and those of things that are probably there are averaged. Boxes of
workers who draw more precisely weigh more.
Source: developer guide, "Annotation consolidation" (matching by Jaccard index, averaging the matched boxes).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Final

from labeling_provider.manifest import Label
from labeling_provider.quality.judgement import Sides, box_overlap
from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds import marks
from labeling_provider.service.kinds.kind import Answered, AnswerError, Auditable, Content, Learnable, ObjectLabel, runs
from labeling_provider.service.kinds.skills import Evidence, Skill
from labeling_provider.service.kinds.stored_data import image_size

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DrawnBox = dict[str, Any]
"""``label``, or ``class_id`` in labels and models' answers; ``left``, ``top``, ``width`` and ``height`` in pixels."""

MAX_BOXES: Final = 2_000
"""Most boxes in one answer."""
_MATCH: Final = 0.4
_LURES: Final = 0.08
"""How many places in a picture look like a thing, per thing that is there."""
USUAL: Final = Skill(recall=0.9, extra=0.06, misnamed=0.05, off=0.0036)
"""A worker about whom nothing is known; how far boxes are off is the mean square of their edges' offsets, as shares of
the sides."""
_MAX_OFF: Final = 0.3
"""Larger offsets of an edge, as a share of the side, count as this much."""
_ABOUT_RIGHT: Final = 0.75
"""Least overlap with the right box at which simulated workers leave a box alone."""
_SIDES: Final = ("left", "top", "width", "height")
_MAX_PIXELS: Final = 1e9


@runs("bounding-box")
class BoundingBoxes(Auditable, Learnable):
    """Answers and the truth are lists of boxes with a ``label``. In labels, boxes have a ``class_id`` instead."""

    promised = 0.6
    usual = USUAL

    def _boxes(self, value: Any) -> list[DrawnBox]:
        """Parse a list of boxes.

        :raises AnswerError: if it is malformed, or a label is unknown.
        """
        boxes = _read_boxes(value, self.key)
        for number, box in enumerate(boxes):
            self.known_class(box["label"], f"boundingBoxes[{number}].label")
        return boxes

    def read_answer(self, content: Content, line: dict[str, Any]) -> list[DrawnBox]:
        return self._boxes(self.form(content).get("boundingBoxes"))

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        try:
            boxes = self._boxes(truth)
        except AnswerError:
            return None
        width, height, _ = self._size(line)
        drawn = [_drawn(box, rng, width, height) for box in boxes]
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
        return self._form(drawn, width, height)

    def _form(self, boxes: list[DrawnBox], width: int, height: int) -> Content:
        return {self.key: {"boundingBoxes": boxes, "inputImageProperties": {"width": width, "height": height}}}

    def form_of(self, answer: Any, line: dict[str, Any]) -> Content:
        width, height, _ = self._size(line)
        return self._form(answer, width, height)

    def fault(self, label: Label, truth: Any) -> str | None:
        try:
            true = _read_boxes(truth, self.key)
        except AnswerError:
            return None
        former = label.plain
        right = len(_about_right(former, true))
        missing, wrong = len(true) - right, len(former) - right
        return f"Boxes to correct: {max(missing, wrong)}." if missing or wrong else ""

    def former_answer(self, label: Label) -> list[DrawnBox]:
        return list(label.plain)

    def is_same(self, answer: Any, other: Any) -> bool:
        return bool(answer == other)

    def corrected(self, former: Any, line: dict[str, Any], truth: Any, rng: Random) -> list[DrawnBox] | None:
        try:
            true = self._boxes(truth)
        except AnswerError:
            return None
        width, height, _ = self._size(line)
        right = _about_right(former, true)
        drawn = (_drawn(box, rng, width, height) for place, box in enumerate(true) if place not in right.values())
        return [*(box for place, box in enumerate(former) if place in right), *drawn]

    def _size(self, line: dict[str, Any]) -> tuple[int, int, int]:
        try:
            return image_size(self.job.object_store, self.source(line))
        except ValueError as error:
            raise ObjectFailure(str(error)) from None

    def evidence(self, answers: Sequence[list[DrawnBox]]) -> Sequence[Evidence]:
        return evidence_of_boxes(answers, len(self.job.labels))

    def label_of(
        self, answers: Sequence[list[DrawnBox]], skills: Sequence[Skill], answered: Answered, stamp: str
    ) -> ObjectLabel:
        kept = consolidate_boxes(answers, skills)
        confidences = [self.confidence(confidence) for _, confidence in kept]
        return self._label([box for box, _ in kept], confidences, self._size(answered.line))

    def _label(
        self, boxes: Sequence[DrawnBox], confidences: Sequence[float], size: tuple[int, int, int]
    ) -> ObjectLabel:
        """The label for some boxes.

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
            "class-map": {str(class_id): self.job.labels[class_id] for class_id in used},
        }
        return ObjectLabel(value, metadata)

    def answer_in(self, value: Any) -> Any:
        return value["annotations"]

    def agreement(self, machine: Any, people: Any) -> float:
        """The mean overlap over the predicted and missed boxes of each class, then over classes; 1 without any box."""
        values: dict[int, list[float]] = defaultdict(list)
        missed = list(people)
        for box in machine:
            same = [candidate for candidate in missed if candidate["class_id"] == box["class_id"]]
            best = max(same, key=lambda candidate: overlap(candidate, box), default=None)
            shared = overlap(best, box) if best else 0.0
            values[box["class_id"]].append(shared)
            if best and shared:
                missed.remove(best)
        for box in missed:
            values[box["class_id"]].append(0.0)
        means = [sum(own) / len(own) for own in values.values()]
        return sum(means) / len(means) if means else 1.0

    def label_by_machine(self, answer: Any, confidence: float, line: dict[str, Any], file: str) -> ObjectLabel:
        boxes = [{**box, "label": self.job.labels[box["class_id"]]} for box in answer]
        size = image_size(self.job.object_store, self.source(line))
        return self._label(boxes, [round(confidence, 2)] * len(boxes), size)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MAX_PIXELS


def _read_boxes(value: Any, key: str) -> list[DrawnBox]:
    """Parse a list of boxes, with any labels.

    :param key: the name of the form's element.
    :raises AnswerError: if it is malformed, or there are too many.
    """
    if not isinstance(value, list) or not all(isinstance(box, dict) for box in value):
        raise AnswerError(f"{key}.boundingBoxes is missing or not a list of boxes.")
    if len(value) > MAX_BOXES:
        raise AnswerError(f"{key}.boundingBoxes has more than {MAX_BOXES:,} boxes.")
    for number, box in enumerate(value):
        for side in _SIDES:
            if not _is_number(box.get(side)):
                raise AnswerError(f"{key}.boundingBoxes[{number}].{side} is not a number of pixels.")
    return [{"label": box.get("label"), **{side: box[side] for side in _SIDES}} for box in value]


def _about_right(boxes: Sequence[DrawnBox], true: Sequence[DrawnBox]) -> dict[int, int]:
    """Boxes that are about right: their positions, each with the position of its own right box."""
    import numpy as np

    others = np.array([[box[side] for side in _SIDES] for box in true], dtype=float).reshape(-1, len(_SIDES))
    free = np.ones(len(true), dtype=bool)
    right: dict[int, int] = {}
    for place, box in enumerate(boxes if true else ()):
        same = np.array([other["label"] == box["label"] for other in true])
        near = np.where(free & same, _overlaps(box, others), 0.0)
        best = int(near.argmax())
        if near[best] >= _ABOUT_RIGHT:
            free[best] = False
            right[place] = best
    return right


def _drawn(box: DrawnBox, rng: Random, width: int, height: int) -> DrawnBox:
    """A box as workers draw it: nobody draws to the exact pixel, so it is off by up to 2 % of its sides."""
    moved = _moved(box, rng, 0.02, width, height)
    return {side: value if side == "label" else round(value, 1) for side, value in moved.items()}


def _moved(box: DrawnBox, rng: Random, share: float, width: int, height: int) -> DrawnBox:
    """The box moved by up to a share of its sides, but within the picture."""
    left = box["left"] + rng.uniform(-share, share) * box["width"]
    top = box["top"] + rng.uniform(-share, share) * box["height"]
    return {
        **box,
        "left": min(max(left, 0), max(width - box["width"], 0)),
        "top": min(max(top, 0), max(height - box["height"], 0)),
    }


def overlap(box: DrawnBox, other: DrawnBox) -> float:
    """See :func:`~labeling_provider.quality.judgement.box_overlap`."""
    return box_overlap(_sides_of(box), _sides_of(other))


def _sides_of(box: DrawnBox) -> Sides:
    return box["left"], box["top"], box["width"], box["height"]


def consolidate_boxes(
    answers: Sequence[Sequence[DrawnBox]], skills: Sequence[Skill] | None = None
) -> list[tuple[DrawnBox, float]]:
    """The boxes of things that are probably there, each with its confidence. One worker's boxes stay as they are.

    :param answers: for each worker, a list of ``{label, left, top, width, height}``, in pixels.
    :param skills: how well each of them works, see :func:`evidence_of_boxes`; None if all work alike.
    :return: averaged boxes with their label, each with the probability that a thing with this label is there, 0 to 1.
    """
    return [
        (
            {
                "label": mark.label,
                "left": mark.extent[0],
                "top": mark.extent[1],
                "width": mark.extent[2] - mark.extent[0],
                "height": mark.extent[3] - mark.extent[1],
            },
            mark.confidence,
        )
        for mark in marks.consolidate(answers, skills, _RULES)
    ]


def evidence_of_boxes(answers: Sequence[Sequence[DrawnBox]], class_count: int) -> list[Evidence]:
    """What the boxes in a picture reveal about each worker.

    :param answers: as for :func:`consolidate_boxes`.
    :param class_count: how many labels the job has.
    """
    return marks.evidence(answers, class_count, _RULES)


def _extents(boxes: Sequence[DrawnBox]) -> npt.NDArray[np.float64]:
    """Where each box of a worker begins and ends on each axis."""
    import numpy as np

    sides = np.array([[box[side] for side in _SIDES] for box in boxes], dtype=np.float64).reshape(-1, len(_SIDES))
    return np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:]], axis=1)


def _mean(extents: Any, there: Any, off: Any) -> tuple[Any, Any]:
    """The mean boxes of groups; the more precise a worker, the more weight. See :class:`.marks.Rules`."""
    import numpy as np

    weights = there * (off.min() / off)
    means = (weights[..., None] * extents).sum(axis=1) / weights.sum(axis=1)[:, None]
    return means, np.ones(len(means))


def _off(extents: Any, there: Any) -> Any:
    """How far boxes are off from the means of the others' boxes. See :data:`USUAL`."""
    import numpy as np

    kept = there[..., None] * extents
    others = (kept.sum(axis=1, keepdims=True) - kept) / np.maximum(there.sum(axis=1) - 1, 1)[:, None, None]
    sides = np.maximum(others[..., 2:] - others[..., :2], 1e-6)
    shares = np.minimum(np.abs(extents - others) / np.concatenate([sides, sides], axis=2), _MAX_OFF)
    return (shares**2).mean(axis=2)


_RULES: Final = marks.Rules(_extents, _MATCH, _LURES, USUAL, _mean, _off)


def _overlaps(box: DrawnBox, others: Any) -> Any:
    """The Jaccard index of a box with each of the others: an array of n values.

    :param others: an array of n × 4, with the columns of :data:`_SIDES`.
    """
    import numpy as np

    left, top, width, height = others.T
    across = np.minimum(box["left"] + box["width"], left + width) - np.maximum(box["left"], left)
    down = np.minimum(box["top"] + box["height"], top + height) - np.maximum(box["top"], top)
    shared = np.maximum(across, 0) * np.maximum(down, 0)
    joint = box["width"] * box["height"] + width * height - shared
    return np.divide(shared, joint, out=np.zeros(len(others)), where=joint > 0)
