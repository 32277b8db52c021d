"""Which pairs of shapes are worth comparing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.quality.nearest import NEAREST, Extent, near_pairs


def square(left: float, top: float = 0, side: float = 10, label: str = "van") -> Extent:
    return Extent(label, (left, top), (left + side, top + side))


SQUARES = st.lists(
    st.builds(square, st.integers(0, 60), st.integers(0, 60), st.integers(0, 30), st.sampled_from(["van", "bus"])),
    max_size=12,
)


def meet(first: Extent, other: Extent, margin: float) -> bool:
    axes = zip(first.low, first.high, other.low, other.high, strict=True)
    return first.label == other.label and all(a <= d + margin and c <= b + margin for a, b, c, d in axes)


@given(SQUARES, SQUARES, st.integers(0, 5))
def test_few_shapes_are_compared_with_all_that_they_meet(first: Any, second: Any, margin: int) -> None:
    expected = [
        (own, other)
        for own, mine in enumerate(first)
        for other, theirs in enumerate(second)
        if meet(mine, theirs, margin)
    ]
    pairs = near_pairs(first, second, margin).pairs
    assert set(pairs) <= set(expected)
    if len(first) <= NEAREST or len(second) <= NEAREST:
        assert pairs == expected
    assert near_pairs(second, first, margin).pairs == sorted((other, own) for own, other in pairs)


def test_of_many_over_each_other_each_is_compared_with_those_most_like_it() -> None:
    squares = [square(left / 10) for left in range(300)]
    near = near_pairs(squares, squares[::-1])
    assert len(near.pairs) <= 2 * NEAREST * 300
    assert {(own, 299 - own) for own in range(300)} <= set(near.pairs)
    assert near.examined <= 300 * 300


def test_one_that_is_nobodys_nearest_is_compared_for_its_own_sake() -> None:
    crowd = [square(place / 10) for place in range(20)]
    pairs = near_pairs(crowd, [*crowd, square(8)]).pairs
    assert sum(other == 20 for _, other in pairs) == NEAREST


def test_what_is_far_apart_is_not_even_looked_at() -> None:
    squares = [square(40 * place) for place in range(500)]
    near = near_pairs(squares, squares)
    assert near.pairs == [(place, place) for place in range(500)]
    assert near.examined < 1_500
