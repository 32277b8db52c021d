"""People's answers and a model's in one task type: their common form, how far they agree, and what must be reached.

Source of the promises: developer guide, "Automate data labeling".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, ClassVar

from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.service.kinds.base import BoundingBoxes, Kind, Label, SegmentationMasks
from labeling_provider.service.kinds.consolidation.boxes import overlap
from labeling_provider.service.kinds.pictures import image_size, mask_of, stored


class Answers(ABC):
    """The answers of one job.

    :param kind: the job's task type at work.
    """

    promised: ClassVar[float]
    """Mean agreement with people that Ground Truth promises, 0 to 1."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    @abstractmethod
    def of_people(self, value: Any) -> Any | None:
        """The answer in a label that people have made, as it is kept; None if it can't be used.

        :param value: what is under the label attribute.
        """

    def opened(self, kept: Sequence[Any]) -> Sequence[Any]:
        """People's answers in the form of a model's."""
        return kept

    @abstractmethod
    def agreement(self, machine: Any, people: Any) -> float:
        """How well two answers agree, 0 to 1.

        :param people: as it is kept.
        """

    @abstractmethod
    def label(self, answer: Any, confidence: float, line: dict[str, Any], file: str) -> Label:
        """The label that says what a model has answered.

        :param file: name of a file beside the label, without an ending, if it needs one.
        :raises ValueError: if the object is gone.
        """

    def group(self, people: Any) -> Any:
        """People's class, if an answer is one."""
        return None


class _Classes(Answers):
    promised = 0.95

    def of_people(self, value: Any) -> Any | None:
        return value if type(value) is int and 0 <= value < len(self.kind.job.labels) else None

    def agreement(self, machine: Any, people: Any) -> float:
        return float(self._checked(machine) == people)

    def _checked(self, machine: Any) -> int:
        if type(machine) is not int or not 0 <= machine < len(self.kind.job.labels):
            raise TypeError(f"{machine!r} is no class position")
        return machine

    def label(self, answer: Any, confidence: float, line: dict[str, Any], file: str) -> Label:
        return Label(answer, {"class-name": self.kind.job.labels[answer], "confidence": round(confidence, 2)})

    def group(self, people: Any) -> Any:
        return people


class _Boxes(Answers):
    promised = 0.6
    kind: BoundingBoxes

    def of_people(self, value: Any) -> Any | None:
        boxes: Any = value["annotations"]
        return boxes

    def agreement(self, machine: Any, people: Any) -> float:
        """Mean overlap over predicted and missed boxes of a class, then over classes."""
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
        return _mean([_mean(own) for own in values.values()])

    def label(self, answer: Any, confidence: float, line: dict[str, Any], file: str) -> Label:
        names = self.kind.job.labels
        boxes = [{**box, "label": names[box["class_id"]]} for box in answer]
        size = image_size(self.kind.job.object_store, self.kind.source(line))
        return self.kind.label(boxes, [round(confidence, 2)] * len(boxes), size)


class _Masks(Answers):
    """Kept as PNG: the masks of a large job, opened all at once, would fill the memory."""

    promised = 0.7
    kind: SegmentationMasks

    def of_people(self, value: Any) -> Any | None:
        try:
            kept = stored(self.kind.job.object_store, value)
            mask_of(kept)
        except ValueError:
            return None
        return kept

    def opened(self, kept: Sequence[Any]) -> Sequence[Any]:
        return _OpenedMasks(kept)

    def agreement(self, machine: Any, people: Any) -> float:
        """Mean overlap over the classes that either has, background left out."""
        import numpy as np

        (people,) = self.opened([people])
        if machine.shape != people.shape:
            return 0.0
        names = sorted({*np.unique(machine), *np.unique(people)} - {0})
        return _mean(
            [
                float(((machine == name) & (people == name)).sum() / ((machine == name) | (people == name)).sum())
                for name in names
            ]
        )

    def label(self, answer: Any, confidence: float, line: dict[str, Any], file: str) -> Label:
        folder = join_s3_uri(self.kind.job.output, "annotations/consolidated-annotation/output")
        return self.kind.label(answer, round(confidence, 2), join_s3_uri(folder, f"{file}.png"))


class _OpenedMasks(Sequence[Any]):
    """Masks that are opened one by one, when they are looked at.

    :param kept: PNG files.
    """

    def __init__(self, kept: Sequence[bytes]) -> None:
        self._kept = kept

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return _OpenedMasks(self._kept[place])
        return mask_of(self._kept[place])


def _mean(values: Sequence[float]) -> float:
    """Two answers that both see nothing agree."""
    return sum(values) / len(values) if values else 1.0


ANSWERS: dict[str, type[Answers]] = {
    "image-classification": _Classes,
    "text-classification": _Classes,
    "object-detection": _Boxes,
    "semantic-segmentation": _Masks,
}
"""By the algorithm of the task type."""
