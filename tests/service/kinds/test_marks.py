"""Which marks of several workers are a thing, and what it is called; told by boxes, whose marks are easy to see."""

from __future__ import annotations

import pytest

from labeling_provider.service.kinds.bounding_boxes import USUAL, consolidate_boxes, evidence_of_boxes
from labeling_provider.service.kinds.skills import Skill, SkillBook
from tests.service.kinds.some_boxes import box


def test_a_thing_that_people_read_in_two_ways_is_kept_once_even_if_one_of_them_drew_it_twice() -> None:
    whole, part = box(0), box(0, width=4.5)
    one_twice = [[whole, box(0, width=9)], *[[whole]] * 4, *[[part]] * 3]
    assert [kept_box["width"] for kept_box, _ in consolidate_boxes(one_twice)] == [pytest.approx(10, abs=0.5)]
    assert len(consolidate_boxes([[whole, part]] * 4 + [[whole], [part]])) == 2, "most made both: two things"


def test_what_a_careless_worker_alone_has_drawn_is_dropped_and_what_a_good_one_has_is_kept() -> None:
    good, careless = Skill(0.97, 0.02, 0.02, 0.0036), Skill(0.6, 0.4, 0.2, 0.0036)
    assert len(consolidate_boxes([[box(0)], []], [good, careless])) == 1
    assert consolidate_boxes([[], [box(0)]], [good, careless]) == []


def test_of_nobody_and_of_nothing_nothing_is_made() -> None:
    assert consolidate_boxes([]) == consolidate_boxes([[], []]) == evidence_of_boxes([], 2) == []


@pytest.mark.parametrize("side", [0, 10])
def test_many_boxes_in_one_place_are_no_endless_work(side: int) -> None:
    many = [box(0, width=side, height=side) for _ in range(1_000)]
    assert consolidate_boxes([many, many, []]) is not None


def test_what_looks_like_something_else_is_named_less_surely_the_more_workers_disagree() -> None:
    def sure(*labels: str) -> float:
        ((kept_box, confidence),) = consolidate_boxes([[box(0, label=label)] for label in labels])
        assert kept_box["label"] == "a"
        return confidence

    assert sure("a", "a", "a") > 0.95
    assert sure("a", "a", "a", "a", "a", "b") > 0.93, "one who errs"
    assert 0.5 < sure("a", "a", "a", "b", "b") < sure("a", "a", "a", "a", "b") < 0.95


def test_where_workers_are_undecided_labels_of_other_things_tell_more() -> None:
    def named(answers: str, repeats: float) -> str:
        drawn = [[box(0, label=label), box(50, label="b"), box(90, label="b")] for label in answers]
        kept = consolidate_boxes(drawn, [USUAL._replace(misnamed=0.02, repeats=repeats)] * len(drawn))
        (label,) = [kept_box["label"] for kept_box, _ in kept if kept_box["left"] < 50]
        return label

    assert named("aabb", 3) == named("abab", 3) == named("aaabb", 3) == "b"
    assert named("aabb", 0.1) == named("aabbb", 0.1) == "a"
    assert named("aabb", 1) == "a", "in the order of labels"
    assert named("aaaabb", 9) == "a", "they outweigh no two votes"


def test_labels_that_things_share_are_learned_from_pictures() -> None:
    alike, mixed = [box(place, label="a") for place in (0, 30, 60)], [box(30 * n, label="abc"[n]) for n in range(3)]

    def repeats(boxes: list[dict]) -> float:
        evidence = evidence_of_boxes([boxes] * 2, 4)
        return SkillBook(USUAL, 100).skills([list(zip("xy", evidence, strict=True))] * 100)("x").repeats

    assert repeats(alike) == pytest.approx(4, abs=0.5)
    assert repeats(mixed) < 0.2
    assert repeats(alike[:1]) == 1
