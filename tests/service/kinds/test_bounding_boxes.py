"""Boxes of several workers become one set."""

from __future__ import annotations

import pytest

from labeling_provider.service.kinds.bounding_boxes import consolidate_boxes, overlap


def box(left: float, top: float = 0, width: float = 10, height: float = 10, label: str = "a") -> dict:
    return {"label": label, "left": left, "top": top, "width": width, "height": height}


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
    assert {confidence for _, confidence in kept} == {1.0}
