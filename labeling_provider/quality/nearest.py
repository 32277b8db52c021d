"""Which shapes of two sets are worth comparing: hundreds of overlapping shapes have too many pairs.

Only shapes with the same label whose extents meet are compared, and each of them only with the :data:`NEAREST` whose
extents are most like its own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from heapq import nsmallest
from typing import Final, NamedTuple

NEAREST: Final = 8
"""Most shapes of the other set that each one is compared with."""


class Extent(NamedTuple):
    """The space that a shape occupies.

    :param label: its class.
    :param low: where it begins on each axis.
    :param high: where it ends.
    """

    label: str
    low: Sequence[float]
    high: Sequence[float]


class Near(NamedTuple):
    """Pairs of shapes that are worth comparing.

    :param pairs: the indexes of the two shapes, in order.
    :param examined: how many pairs were looked at to find them.
    """

    pairs: list[tuple[int, int]]
    examined: int


def near_pairs(first: Sequence[Extent], second: Sequence[Extent], margin: float = 0.0) -> Near:
    """The pairs of shapes that are worth comparing.

    Each shape picks at most :data:`NEAREST` partners, and may be picked by others, so that the pairs are the same in
    either direction.

    :param margin: how far apart two extents may be.
    """
    places: dict[str, tuple[list[int], list[int]]] = {}
    for side, extents in enumerate((first, second)):
        for place, extent in enumerate(extents):
            places.setdefault(extent.label, ([], []))[side].append(place)
    near, examined = set[tuple[int, int]](), 0
    for own, others in places.values():
        pairs, looked_at = _of_one_label(first, second, own, others, margin)
        near |= pairs
        examined += looked_at
    return Near(sorted(near), examined)


def _of_one_label(
    first: Sequence[Extent], second: Sequence[Extent], own: Sequence[int], others: Sequence[int], margin: float
) -> tuple[set[tuple[int, int]], int]:
    ordered = sorted(others, key=lambda place: second[place].low[0])
    lows = [second[place].low[0] for place in ordered]
    widest = max((second[place].high[0] - second[place].low[0] for place in ordered), default=0.0)
    examined = 0
    by_own, by_other = dict[int, list[tuple[float, int]]](), dict[int, list[tuple[float, int]]]()
    for place in own:
        extent = first[place]
        start, end = bisect_left(lows, extent.low[0] - margin - widest), bisect_right(lows, extent.high[0] + margin)
        examined += max(end - start, 0)
        for partner in ordered[start:end]:
            partner_extent = second[partner]
            if _meet(extent, partner_extent, margin):
                apart = _apart(extent, partner_extent)
                by_own.setdefault(place, []).append((apart, partner))
                by_other.setdefault(partner, []).append((apart, place))
    nearest = {(place, partner) for place, near in by_own.items() for _, partner in nsmallest(NEAREST, near)}
    nearest |= {(place, partner) for partner, near in by_other.items() for _, place in nsmallest(NEAREST, near)}
    return nearest, examined


def _meet(first: Extent, second: Extent, margin: float) -> bool:
    return all(
        low <= high + margin and other_low <= own_high + margin
        for low, own_high, other_low, high in zip(first.low, first.high, second.low, second.high, strict=True)
    )


def _apart(first: Extent, second: Extent) -> float:
    """The total distance between the borders of two extents."""
    borders = zip((*first.low, *first.high), (*second.low, *second.high), strict=True)
    return sum(abs(mine - theirs) for mine, theirs in borders)
