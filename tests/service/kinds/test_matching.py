"""Which shapes stand for the same thing."""

from __future__ import annotations

from itertools import permutations

from labeling_provider.service.kinds.matching import Pair, Place, groups, of_half, voted


def pair(similarity: float, place: tuple[int, int], other: tuple[int, int]) -> Pair:
    return Pair(similarity, Place(*place), Place(*other))


def test_a_worker_has_one_shape_in_a_group() -> None:
    pairs = [pair(0.9, (0, 0), (1, 0)), pair(0.8, (0, 1), (1, 0)), pair(0.7, (0, 1), (2, 0))]
    assert groups([[0, 0], [0], [0]], pairs) == [[(0, 0), (1, 0)], [(0, 1), (2, 0)]]


def test_the_same_label_comes_before_a_better_fit() -> None:
    pairs = [pair(0.9, (0, 0), (1, 0)), pair(0.6, (0, 0), (1, 1))]
    assert sorted(groups([[0], [1, 0]], pairs)) == [[(0, 0), (1, 1)], [(1, 0)]]


def test_what_fewer_than_half_drew_is_left_out() -> None:
    both = groups([[0], [0], [], []], [pair(0.9, (0, 0), (1, 0))])
    assert both == [[(0, 0), (1, 0)]]
    assert of_half(both, 4) == both
    assert of_half(both, 5) == []
    assert of_half(groups([[0]], []), 1) == [[(0, 0)]]
    assert groups([[], []], []) == []


def test_the_order_of_the_workers_makes_no_difference() -> None:
    fits = {frozenset(("a", "b")): 0.9, frozenset(("b", "c")): 0.8, frozenset(("a", "c")): 0.6}
    results = set()
    for order in permutations("abc"):
        place = {name: (worker, 0) for worker, name in enumerate(order)}
        pairs = [pair(fit, *sorted(place[name] for name in names)) for names, fit in fits.items()]
        results.add(
            frozenset(frozenset(order[member.worker] for member in group) for group in groups([[0]] * 3, pairs))
        )
    assert results == {frozenset([frozenset("abc")])}


def test_votes() -> None:
    assert voted([[2], [1], [1]], [Place(0, 0), Place(1, 0), Place(2, 0)]) == (1, 2 / 3)
