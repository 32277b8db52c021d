"""Judgements on an object, from a worker, a consolidated label or a golden label, and the distance between two."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf
from typing import ClassVar, NamedTuple, TypeAlias


class Difference(NamedTuple):
    """How far a judgement is from the right one.

    :param distance: 0 to 1.
    :param id_switches: how often an object switches its partner, in sequences whose objects have ids; else None.
    """

    distance: float
    id_switches: int | None = None


class Judgement(ABC):
    """A judgement on an object. Equal judgements compare equal."""

    compared: ClassVar[int] = 500
    """How many others it is compared with to estimate how far judgements differ by chance."""

    @abstractmethod
    def distance(self, other: Judgement) -> float:
        """How far two judgements differ, 0 to 1; 1 if they are of different kinds."""

    def difference(self, other: Judgement) -> Difference:
        """How far another judgement is from this one, which is right."""
        return Difference(self.distance(other))


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


Sides: TypeAlias = tuple[float, float, float, float]
"""A box's left, top, width and height, in pixels."""


def box_overlap(box: Sides, other: Sides) -> float:
    """The Jaccard index of two boxes, 0 to 1: intersection over union of their areas; 0 if neither has an area."""
    left, top, width, height = box
    other_left, other_top, other_width, other_height = other
    across = min(left + width, other_left + other_width) - max(left, other_left)
    down = min(top + height, other_top + other_height) - max(top, other_top)
    shared = max(across, 0) * max(down, 0)
    joint = width * height + other_width * other_height - shared
    # The sides come from outside, so areas can overflow to infinity.
    return min(shared / joint, 1) if 0 < joint < inf else 0


class NamedBox(NamedTuple):
    """A box with a class, in pixels."""

    name: str
    left: float
    top: float
    width: float
    height: float

    @property
    def sides(self) -> Sides:
        """Where it is, without its class."""
        return self[1:]


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
        larger = max(len(self.boxes), len(other.boxes))
        return 1 - sum(matched(self._alike(other))) / larger if larger else 0

    def _alike(self, other: Boxes) -> Iterator[tuple[float, int, int]]:
        for own, own_box in enumerate(self.boxes):
            for theirs, their_box in enumerate(other.boxes):
                if own_box.name == their_box.name and (overlap := box_overlap(own_box.sides, their_box.sides)) > 0:
                    yield overlap, own, theirs


def matched(alike: Iterable[tuple[float, int, int]]) -> Iterator[float]:
    """How alike the matching parts of two judgements are, most alike first; each part has at most one match.

    :param alike: for pairs of parts, how alike they are, 0 to 1, and their positions.
    """
    own_matched: set[int] = set()
    their_matched: set[int] = set()
    for likeness, own, theirs in sorted(alike, reverse=True):
        if own not in own_matched and theirs not in their_matched:
            own_matched.add(own)
            their_matched.add(theirs)
            yield likeness


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
