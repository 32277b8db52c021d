"""Judgements on an object, from a worker, a consolidated label or a golden label, and the distance between two."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Any, Final, NamedTuple

import msgspec

from labeling_provider.manifest import BoxesLabel, ClassesLabel, ClassLabel, EntitiesLabel, Label

_MAX_PARTS: Final = 300


class Judgement(ABC):
    """A judgement on an object. Equal judgements compare equal."""

    @abstractmethod
    def distance(self, other: Judgement) -> float:
        """How far two judgements differ, 0 to 1; 1 if they are of different kinds."""


@dataclass(frozen=True)
class Choice(Judgement):
    """One or several classes. The distance is 1 minus their Jaccard index: 0 or 1 for single classes."""

    names: frozenset[str]

    def distance(self, other: Judgement) -> float:
        """How far two judgements differ, 0 to 1, as defined by the class."""
        if not isinstance(other, Choice):
            return 1
        joint = len(self.names | other.names)
        return 1 - len(self.names & other.names) / joint if joint else 0


class NamedBox(NamedTuple):
    """A box with a class, in pixels."""

    name: str
    left: float
    top: float
    width: float
    height: float

    def overlap(self, other: NamedBox) -> float:
        """The Jaccard index of two boxes: intersection over union of their areas."""
        width = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        height = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        shared = max(width, 0) * max(height, 0)
        joint = self.width * self.height + other.width * other.height - shared
        # The sides come from outside, so areas can overflow to infinity.
        return min(shared / joint, 1) if 0 < joint < inf else 0


@dataclass(frozen=True)
class Boxes(Judgement):
    """Boxes; each is matched with the box of its class that it overlaps most.

    The distance is 1 minus the sum of the matches' Jaccard indices divided by the larger number of boxes.
    """

    boxes: tuple[NamedBox, ...]

    def distance(self, other: Judgement) -> float:
        """How far two judgements differ, 0 to 1, as defined by the class."""
        if not isinstance(other, Boxes):
            return 1
        most = max(len(self.boxes), len(other.boxes))
        return 1 - sum(self._matches(other)) / most if most else 0

    def _matches(self, other: Boxes) -> Iterator[float]:
        pairs = [
            (overlap, own, theirs)
            for own, own_box in enumerate(self.boxes)
            for theirs, their_box in enumerate(other.boxes)
            if own_box.name == their_box.name and (overlap := own_box.overlap(their_box)) > 0
        ]
        own_matched: set[int] = set()
        their_matched: set[int] = set()
        for overlap, own, theirs in sorted(pairs, reverse=True):
            if own not in own_matched and theirs not in their_matched:
                own_matched.add(own)
                their_matched.add(theirs)
                yield overlap


class NamedSpan(NamedTuple):
    """A labeled span of a text, in characters; the end is exclusive."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Spans(Judgement):
    """Labeled spans of a text. The distance is 1 minus the Jaccard index of the labeled characters."""

    spans: tuple[NamedSpan, ...]

    def distance(self, other: Judgement) -> float:
        """How far two judgements differ, 0 to 1, as defined by the class."""
        if not isinstance(other, Spans):
            return 1
        shared = sum(
            max(min(own.end, theirs.end) - max(own.start, theirs.start), 0)
            for own in self.spans
            for theirs in other.spans
            if own.name == theirs.name
        )
        joint = sum(span.end - span.start for span in (*self.spans, *other.spans)) - shared
        return min(max(1 - shared / joint, 0), 1) if joint > 0 else 0


class _Box(msgspec.Struct):
    label: str
    left: float
    top: float
    width: float
    height: float


class _Span(msgspec.Struct):
    label: str
    startOffset: int
    endOffset: int


def _choice(value: Any) -> Judgement:
    return Choice(frozenset([msgspec.convert(value, str)]))


def _choices(value: Any) -> Judgement:
    return Choice(frozenset(msgspec.convert(value, list[str])))


def _boxes(value: Any) -> Judgement:
    boxes = msgspec.convert(value, list[_Box])
    return Boxes(tuple(NamedBox(box.label, box.left, box.top, box.width, box.height) for box in boxes))


def _spans(value: Any) -> Judgement:
    spans = msgspec.convert(value, list[_Span])
    return Spans(tuple(NamedSpan(span.label, span.startOffset, span.endOffset) for span in spans))


_READERS: Final[dict[str, Callable[[Any], Judgement]]] = {
    "label": _choice,
    "labels": _choices,
    "boundingBoxes": _boxes,
    "entities": _spans,
}
"""Readers of a worker's form, by its key (developer guide, "Crowd HTML elements reference")."""


def judgement_of_answer(content: Any) -> Judgement | None:
    """The judgement in a worker's answer.

    :param content: ``answerContent`` of a worker response: forms by element name, possibly in a list of one.
    :return: None if the answer is malformed, or of a kind that can't be compared, such as a mask.
    """
    forms = content[0] if isinstance(content, list) and len(content) == 1 else content
    for form in forms.values() if isinstance(forms, dict) else ():
        for key, read in _READERS.items():
            if isinstance(form, dict) and key in form:
                try:
                    return _bounded(read(form[key]))
                except msgspec.ValidationError:
                    return None
    return None


def judgement_of_label(label: Label) -> Judgement | None:
    """The judgement in a label; None if it is of a kind that can't be compared, such as a mask.

    A label without metadata, as in data from elsewhere, is the name of a class or a list of names.
    """
    if isinstance(label, ClassLabel):
        return Choice(frozenset([label.class_name])) if label.class_name is not None else None
    if isinstance(label, ClassesLabel):
        names = label.class_names
        return Choice(frozenset(names.get(number, str(number)) for number in label.class_ids))
    if isinstance(label, BoxesLabel):
        names = label.class_names
        boxes = [
            NamedBox(names.get(box.class_id, str(box.class_id)), box.left, box.top, box.width, box.height)
            for box in label.boxes
        ]
        return _bounded(Boxes(tuple(boxes)))
    if isinstance(label, EntitiesLabel):
        return _bounded(Spans(tuple(NamedSpan(entity.label, entity.start, entity.end) for entity in label.entities)))
    plain_names = [label.value] if isinstance(label.value, str) else label.value
    if label.metadata is None and isinstance(plain_names, list) and all(isinstance(name, str) for name in plain_names):
        return Choice(frozenset(plain_names))
    return None


def _bounded(judgement: Judgement) -> Judgement | None:
    """The judgement; None if it has too many parts to compare in reasonable time."""
    boxes = judgement.boxes if isinstance(judgement, Boxes) else ()
    spans = judgement.spans if isinstance(judgement, Spans) else ()
    return judgement if len(boxes) + len(spans) <= _MAX_PARTS else None
