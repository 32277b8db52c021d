"""Boxes of several workers become one set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.consolidation import measured
from labeling_provider.service.kinds.bounding_boxes import USUAL, consolidate_boxes, evidence_of_boxes, overlap
from tests.service.kinds.any_order import outcomes
from tests.service.kinds.some_boxes import box


def test_overlap_is_shared_area_by_joint_area() -> None:
    assert overlap(box(0), box(0)) == 1
    assert overlap(box(0), box(5)) == pytest.approx(1 / 3)
    assert overlap(box(0), box(10)) == 0
    assert overlap(box(0, width=0), box(0, width=0)) == 0


def test_boxes_that_a_majority_drew_are_averaged_and_others_dropped() -> None:
    kept = consolidate_boxes([[box(0), box(50)], [box(1)], [box(2), box(90, label="b")]])
    ((mean, confidence),) = kept
    assert mean == {"label": "a", "left": 1.0, "top": 0.0, "width": 10.0, "height": 10.0}
    assert 0.7 < confidence < 1


def test_two_boxes_of_one_worker_are_never_merged() -> None:
    assert len(consolidate_boxes([[box(0), box(1)]])) == 2


def test_as_many_boxes_as_a_line_can_name_are_matched() -> None:
    boxes = [
        {"label": "a", "left": 20 * (number % 40), "top": 20 * (number // 40), "width": 10, "height": 10}
        for number in range(1_600)
    ]
    kept = consolidate_boxes([boxes, boxes[::-1], boxes])
    assert sorted((box["top"], box["left"]) for box, _ in kept) == [(box["top"], box["left"]) for box in boxes]
    assert all(0.95 < confidence <= 1 for _, confidence in kept)


# Few places and sizes, so that equal boxes and equal overlaps are frequent.
BOXES = st.lists(
    st.builds(box, *[st.sampled_from([0, 3, 5, 10])] * 2, *[st.sampled_from([0, 8, 10])] * 2, st.sampled_from("ab")),
    max_size=3,
)


@given(
    st.lists(BOXES, min_size=2, max_size=4), st.lists(st.sampled_from([0.001, 0.0036, 0.02]), min_size=4, max_size=4)
)
def test_the_order_of_the_workers_makes_no_difference(answers: list[list[dict]], off: list[float]) -> None:
    skills = [USUAL._replace(off=share) for share in off]
    assert len(outcomes(answers, skills, consolidate_boxes, evidence_of_boxes)) == 1


def test_the_closest_pairs_come_first() -> None:
    near, far = box(0), box(3.5)
    for order in ([[near], [near], [far, box(0.5)]], [[far, box(0.5)], [near], [near]]):
        kept = consolidate_boxes(order)
        assert [kept_box["left"] for kept_box, _ in kept] == [pytest.approx(0.5 / 3)]
    assert len(consolidate_boxes([[box(0)], [box(4)]])) == 1, "they share 0.43"


def test_who_draws_more_precisely_weighs_more() -> None:
    exact, rough = USUAL._replace(off=0.001), USUAL._replace(off=0.009)
    ((kept_box, _),) = consolidate_boxes([[box(0)], [box(1)]], [exact, rough])
    assert kept_box["left"] == pytest.approx(0.1)


def test_evidence_tells_who_misses_invents_misnames_and_is_off() -> None:
    pictures = [[[box(0)], [box(0)], [box(2, label="b"), box(60)], []] for _ in range(5)]
    careful, _, careless, absent = (
        [sum(column) for column in zip(*own, strict=True)]
        for own in zip(*(evidence_of_boxes(boxes, 2) for boxes in pictures), strict=True)
    )
    there, marked, extra, compared, misnamed, off = range(6)
    assert careless[6:] == [2.5, 0], "two marks in each picture, with different labels"
    assert careful[6:] == [0, 0], "a thing alone says nothing about repeated labels"
    assert absent[marked] == 0 < absent[there]
    assert careful[marked] > 0.9 * careful[there]
    assert careless[extra] > 2 > careful[extra]
    assert careless[misnamed] == pytest.approx(careless[compared])
    assert careless[off] > 3 * careful[off]


@pytest.mark.parametrize("scene", ["photographs", "alike"])
def test_confidences_are_honest_and_seven_workers_are_right(scene: str) -> None:
    """The figures of more pictures: ``make bench-consolidation``."""
    figures = measured("boxes", scene, range(2), workers=7, pictures=25)
    assert figures["ours"] > figures["before"]
    assert figures["ours"] > 0.9
    assert figures["ece"] < 0.05 < figures["ece_before"]
