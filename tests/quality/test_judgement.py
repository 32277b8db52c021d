"""What somebody said of an object, and how far two differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.quality import Judgement
from labeling_provider.quality.judgement import Sides, box_overlap
from tests.quality.said import chose, drew, marked, said


@pytest.mark.parametrize(
    ("first", "another", "distance"),
    [
        (chose("a"), chose("a"), 0),
        (chose("a"), chose("b"), 1),
        (chose("a"), said({"labels": ["a"]}), 0),
        (chose("a", "b"), chose("b", "c"), 2 / 3),
        (said({"labels": []}), said({"labels": []}), 0),
        (drew(("a", 0, 0, 10, 10)), drew(("a", 0, 0, 10, 10)), 0),
        (drew(("a", 0, 0, 10, 10)), drew(("b", 0, 0, 10, 10)), 1),
        (drew(("a", 0, 0, 10, 10)), drew(("a", 5, 0, 10, 10)), 2 / 3),
        (drew(("a", 0, 0, 10, 10), ("a", 50, 0, 10, 10)), drew(("a", 50, 0, 10, 10)), 0.5),
        (drew(("a", 0, 0, 10, 10), ("a", 1, 0, 10, 10)), drew(("a", 1, 0, 10, 10), ("a", 0, 0, 10, 10)), 0),
        (drew(), drew(), 0),
        (marked(("a", 0, 10)), marked(("a", 5, 10)), 0.5),
        (marked(("a", 0, 10)), marked(("b", 0, 10)), 1),
        (marked(), marked(), 0),
        (marked(), drew(), 1),
        (drew(), chose("a"), 1),
        (chose("a"), marked(), 1),
    ],
)
def test_how_far_two_judgements_differ(first: Judgement, another: Judgement, distance: float) -> None:
    assert first.distance(another) == pytest.approx(distance)
    assert another.distance(first) == pytest.approx(distance)


@pytest.mark.parametrize(
    ("other", "overlap"),
    [((0, 0, 10, 10), 1), ((5, 0, 10, 10), 1 / 3), ((10, 0, 10, 10), 0), ((0, 0, 1e200, 1e200), 0)],
)
def test_boxes_overlap_by_their_areas(other: Sides, overlap: float) -> None:
    assert box_overlap((0, 0, 10, 10), other) == pytest.approx(overlap)


@pytest.mark.parametrize("empty", [(0, 0, 0, 0), (0, 0, 0, 10), (0, 0, 10, -10)])
def test_boxes_without_an_area_do_not_overlap(empty: Sides) -> None:
    assert box_overlap(empty, empty) == 0


NUMBERS = st.floats(-100, 100)

JUDGEMENTS = st.one_of(
    st.lists(st.sampled_from("abc"), max_size=3).map(lambda names: said({"labels": names})),
    st.lists(st.tuples(st.sampled_from("ab"), NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=4).map(lambda x: drew(*x)),
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(-9, 9), st.integers(-9, 9)), max_size=4).map(
        lambda x: marked(*x)
    ),
)


@given(JUDGEMENTS, JUDGEMENTS)
def test_a_distance_is_between_0_and_1_and_the_same_both_ways(first: Judgement, another: Judgement) -> None:
    distance = first.distance(another)
    assert 0 <= distance <= 1
    assert another.distance(first) == pytest.approx(distance)
