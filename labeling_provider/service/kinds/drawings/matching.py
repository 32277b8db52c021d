"""Finds the shapes of different workers that stand for the same thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """A shape of a worker.

    :param worker: position of the worker.
    :param shape: position among the worker's shapes.
    """

    worker: int
    shape: int


class Pair(NamedTuple):
    """Two shapes of different workers that may stand for the same thing.

    :param similarity: 0 to 1.
    """

    similarity: float
    first: Place
    second: Place


def groups(labels: Sequence[Sequence[int]], pairs: Iterable[Pair]) -> list[list[Place]]:
    """Groups of shapes that stand for the same thing, with at most one shape of each worker, kept if at least half of
    the workers drew it.

    The most similar shapes are joined first; those with the same label before those with different ones. So the order
    of the workers makes no difference.

    :param labels: for each worker, the class of each shape.
    :param pairs: the pairs that are similar enough.
    """
    group = {
        place: [place]
        for worker, own in enumerate(labels)
        for place in (Place(worker, shape) for shape in range(len(own)))
    }

    def rank(pair: Pair) -> tuple[bool, float, Place, Place]:
        differ = labels[pair.first.worker][pair.first.shape] != labels[pair.second.worker][pair.second.shape]
        return differ, -pair.similarity, pair.first, pair.second

    for pair in sorted(pairs, key=rank):
        one, other = group[pair.first], group[pair.second]
        if {place.worker for place in one}.isdisjoint(place.worker for place in other):
            one.extend(other)
            group.update(dict.fromkeys(other, one))
    distinct = {id(members): members for members in group.values()}.values()
    return [sorted(members) for members in distinct if 2 * len(members) >= len(labels)]


def voted(labels: Sequence[Sequence[int]], members: Sequence[Place]) -> tuple[int, float]:
    """The class that most members of a group have, the first one if several do, and the share that has it."""
    ((label, count),) = Counter(labels[place.worker][place.shape] for place in members).most_common(1)
    return label, count / len(members)
