"""Finds the marks of different workers that stand for the same thing: boxes, spans and shapes alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_MAX_COMPARED: Final = 128
"""Most marks of another worker that one is compared with: those that begin nearest to it."""
_MAX_PARTNERS: Final = 4
"""Most marks of another worker that one may stand for: the most similar ones."""


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
    """All groups of shapes that stand for the same thing, with at most one shape of each worker.

    The most similar shapes are joined first; those with the same label before those with different ones. So the order
    of the workers makes no difference, unless pairs are equally similar.

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
        first, second = group[pair.first], group[pair.second]
        if {place.worker for place in first}.isdisjoint(place.worker for place in second):
            first.extend(second)
            group.update(dict.fromkeys(second, first))
    return [sorted(members) for members in {id(members): members for members in group.values()}.values()]


def of_half(matched: Iterable[list[Place]], workers: int) -> list[list[Place]]:
    """The groups to which at least half of the workers belong."""
    return [members for members in matched if 2 * len(members) >= workers]


def voted(labels: Sequence[Sequence[int]], members: Sequence[Place]) -> tuple[int, float]:
    """The most frequent class in a group, the first one in a tie, and its share."""
    ((label, count),) = Counter(labels[place.worker][place.shape] for place in members).most_common(1)
    return label, count / len(members)


def close_pairs(extents: Sequence[Floats], min_similarity: float) -> Iterator[Pair]:
    """The pairs of boxes or spans of different workers whose Jaccard index is high enough.

    The time is bounded: see :data:`_MAX_COMPARED` and :data:`_MAX_PARTNERS`.

    :param extents: for each worker, an array with a row for each mark: where it begins on each axis, then where it
        ends.
    :param min_similarity: the lowest Jaccard index, above 0.
    """
    for worker in range(len(extents)):
        for another in range(worker + 1, len(extents)):
            if len(extents[worker]) and len(extents[another]):
                for row, column, similarity in similar_rows(extents[worker], extents[another], min_similarity):
                    yield Pair(similarity, Place(worker, row), Place(another, column))


def jaccard(first: Floats, second: Floats) -> Any:
    """The Jaccard index of boxes or spans, 0 to 1; 0 for those without an area.

    :param first: extents; the last axis holds where each begins on each axis, then where it ends.
    :param second: others, of a shape that broadcasts.
    """
    import numpy as np

    half = first.shape[-1] // 2
    sides = np.minimum(first[..., half:], second[..., half:]) - np.maximum(first[..., :half], second[..., :half])
    shared = np.maximum(sides, 0.0).prod(axis=-1)
    joint = _area(first) + _area(second) - shared
    return np.divide(shared, joint, out=np.zeros(shared.shape), where=joint > 0)


def _area(extents: Floats) -> Any:
    import numpy as np

    half = extents.shape[-1] // 2
    return np.maximum(extents[..., half:] - extents[..., :half], 0.0).prod(axis=-1)


def similar_rows(
    first: Floats, second: Floats, min_similarity: float, max_rows: int = _MAX_PARTNERS
) -> Iterator[tuple[int, int, float]]:
    """Rows of two arrays of extents whose Jaccard index is at least this, and the index.

    :param max_rows: most rows of the second array for one of the first: the most similar ones.
    """
    import numpy as np

    windows = [_window(first, second, axis, min_similarity) for axis in range(first.shape[1] // 2)]
    order, begin, count = min(windows, key=lambda window: int(window[2].sum()))
    rows = np.repeat(np.arange(len(first)), count)
    columns = order[np.arange(len(rows)) - np.repeat(np.cumsum(count) - count - begin, count)]
    similar = jaccard(first[rows], second[columns])
    enough = similar >= min_similarity
    rows, columns, similar = rows[enough], columns[enough], similar[enough]
    ranked = np.lexsort((columns, -similar, rows))
    rows, columns, similar = rows[ranked], columns[ranked], similar[ranked]
    few = np.arange(len(rows)) - np.searchsorted(rows, rows) < max_rows
    yield from zip(rows[few].tolist(), columns[few].tolist(), similar[few].tolist(), strict=True)


def _window(first: Floats, second: Floats, axis: int, min_similarity: float) -> tuple[Any, Any, Any]:
    """Which marks begin near enough to each of others on one axis to be similar enough.

    :return: the order of the second ones by where they begin; for each of the first ones the position in it where its
        window begins, and how many are in it.
    """
    import numpy as np

    order = np.argsort(second[:, axis], kind="stable")
    starts = second[order, axis]
    start = first[:, axis]
    size = np.maximum(first[:, first.shape[1] // 2 + axis] - start, 0.0)
    # On each axis, similar extents share at least this part of the longer one.
    low = np.searchsorted(starts, start - (1 / min_similarity - 1) * size)
    high = np.searchsorted(starts, start + (1 - min_similarity) * size, side="right")
    middle = np.searchsorted(starts, start)
    low = np.maximum(low, middle - _MAX_COMPARED // 2)
    return order, low, np.clip(high - low, 0, _MAX_COMPARED)
