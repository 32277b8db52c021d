"""What somebody said of an object, be it a worker, the consolidated label or a golden one, and how far two differ."""

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
    """What somebody said of an object; equal ones are equal values."""

    @abstractmethod
    def distance(self, other: Judgement) -> float:
        """How far two judgements differ, 0 to 1; those of different kinds wholly."""


@dataclass(frozen=True)
class Choice(Judgement):
    """One class or several; the distance is 1 less their Jaccard index, so of single ones 0 or 1."""

    names: frozenset[str]

    def distance(self, other: Judgement) -> float:
        """See the class."""
        if not isinstance(other, Choice):
            return 1
        joint = len(self.names | other.names)
        return 1 - len(self.names & other.names) / joint if joint else 0


class NamedBox(NamedTuple):
    """A box of a class, in pixels."""

    name: str
    left: float
    top: float
    width: float
    height: float

    def overlap(self, other: NamedBox) -> float:
        """Jaccard index of two boxes: shared area by joint area."""
        width = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        height = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        shared = max(width, 0) * max(height, 0)
        joint = self.width * self.height + other.width * other.height - shared
        # Boxes may be as large as numbers go, and their areas larger.
        return min(shared / joint, 1) if 0 < joint < inf else 0


@dataclass(frozen=True)
class Boxes(Judgement):
    """Boxes; each is matched with the one of its class that it overlaps most.

    The distance is 1 less the matches' Jaccard indices summed, by the number of boxes on the side that has more.
    """

    boxes: tuple[NamedBox, ...]

    def distance(self, other: Judgement) -> float:
        """See the class."""
        if not isinstance(other, Boxes):
            return 1
        most = max(len(self.boxes), len(other.boxes))
        return 1 - sum(self._matches(other)) / most if most else 0

    def _matches(self, other: Boxes) -> Iterator[float]:
        pairs = [
            (overlap, mine, its)
            for mine, one in enumerate(self.boxes)
            for its, another in enumerate(other.boxes)
            if one.name == another.name and (overlap := one.overlap(another)) > 0
        ]
        own: set[int] = set()
        others: set[int] = set()
        for overlap, mine, its in sorted(pairs, reverse=True):
            if mine not in own and its not in others:
                own.add(mine)
                others.add(its)
                yield overlap


class NamedSpan(NamedTuple):
    """Characters of a text that have a label; the end is not part of it."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Spans(Judgement):
    """Labeled stretches of a text; the distance is 1 less the Jaccard index of the labeled characters."""

    spans: tuple[NamedSpan, ...]

    def distance(self, other: Judgement) -> float:
        """See the class."""
        if not isinstance(other, Spans):
            return 1
        shared = sum(
            max(min(one.end, another.end) - max(one.start, another.start), 0)
            for one in self.spans
            for another in other.spans
            if one.name == another.name
        )
        joint = sum(one.end - one.start for one in (*self.spans, *other.spans)) - shared
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
    found = msgspec.convert(value, list[_Box])
    return Boxes(tuple(NamedBox(one.label, one.left, one.top, one.width, one.height) for one in found))


def _spans(value: Any) -> Judgement:
    found = msgspec.convert(value, list[_Span])
    return Spans(tuple(NamedSpan(one.label, one.startOffset, one.endOffset) for one in found))


_READERS: Final[dict[str, Callable[[Any], Judgement]]] = {
    "label": _choice,
    "labels": _choices,
    "boundingBoxes": _boxes,
    "entities": _spans,
}
"""What a worker's form holds, by its key (developer guide, "Crowd HTML elements reference")."""


def judgement_of_answer(content: Any) -> Judgement | None:
    """What a worker said.

    :param content: ``answerContent`` of a worker response: forms by the name of their element, maybe in a list of one.
    :return: None if it is of a kind that can't be compared, such as a mask, or malformed.
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
    """What a label says; None if it is of a kind that can't be compared, such as a mask.

    In one's own data, without metadata, it is the name of a class, or a list of them.
    """
    if isinstance(label, ClassLabel):
        return Choice(frozenset([label.class_name])) if label.class_name is not None else None
    if isinstance(label, ClassesLabel):
        names = label.class_names
        return Choice(frozenset(names.get(number, str(number)) for number in label.class_ids))
    if isinstance(label, BoxesLabel):
        names = label.class_names
        boxes = [
            NamedBox(names.get(one.class_id, str(one.class_id)), one.left, one.top, one.width, one.height)
            for one in label.boxes
        ]
        return _bounded(Boxes(tuple(boxes)))
    if isinstance(label, EntitiesLabel):
        return _bounded(Spans(tuple(NamedSpan(one.label, one.start, one.end) for one in label.entities)))
    own = [label.value] if isinstance(label.value, str) else label.value
    if label.metadata is None and isinstance(own, list) and all(isinstance(name, str) for name in own):
        return Choice(frozenset(own))
    return None


def _bounded(judgement: Judgement) -> Judgement | None:
    """The judgement, unless it has so many parts that a comparison would take for ever."""
    parts = judgement.boxes if isinstance(judgement, Boxes) else ()
    spans = judgement.spans if isinstance(judgement, Spans) else ()
    return judgement if len(parts) + len(spans) <= _MAX_PARTS else None
