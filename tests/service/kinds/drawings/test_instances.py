"""Masks of single things."""

from __future__ import annotations

from io import BytesIO
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labeling_provider.service.kinds.drawings.instances import Masks, consolidate_masks, png_of, read_masks
from labeling_provider.service.kinds.kind import AnswerError
from tests.service.kinds.drawings.answers import LABELS, masked


def read(*boxes: Any) -> Masks:
    return read_masks(masked(*boxes), LABELS)


def test_each_color_is_an_instance() -> None:
    masks = read(("heron", 10, 10, 20, 20), ("heron", 30, 10, 40, 30), ("stork", 60, 0, 61, 1))
    assert (masks.labels, masks.size) == ([0, 0, 1], (200, 100))
    assert np.bincount(masks.numbers.ravel()).tolist() == [20_000 - 301, 100, 200, 1]
    assert masks.numbers[29, 39] == 2
    assert read().labels == []


def test_a_pixel_is_what_most_of_those_who_drew_the_thing_gave_it() -> None:
    workers = [
        read(("heron", 10, 10, 50, 50), ("stork", 100, 10, 140, 50)),
        read(("stork", 100, 10, 140, 50), ("heron", 12, 10, 52, 50)),
        read(("heron", 14, 10, 54, 50), ("heron", 150, 60, 190, 90)),
    ]
    for order in permutations(workers):
        masks, confidences = consolidate_masks(order)
        places = {label: np.argwhere(masks.numbers == number) for number, label in enumerate(masks.labels, 1)}
        assert {label: (*at.min(axis=0)[::-1], *at.max(axis=0)[::-1]) for label, at in places.items()} == {
            0: (12, 10, 51, 49),
            1: (100, 10, 139, 49),
        }
        rated = dict(zip(masks.labels, confidences, strict=True))
        assert rated[0] == pytest.approx((1 + 38 / 42 * 2) / 3)
        assert rated[1] == pytest.approx(2 / 3)


def test_where_things_meet_the_larger_share_wins() -> None:
    first = read(("heron", 0, 0, 50, 50), ("stork", 50, 0, 100, 50))
    other = read(("heron", 0, 0, 54, 50), ("stork", 54, 0, 100, 50))
    masks, _ = consolidate_masks([first, other, other])
    assert (masks.numbers == other.numbers).all()
    alone, confidences = consolidate_masks([first])
    assert (alone.numbers == first.numbers).all()
    assert confidences == [1, 1]


def test_half_of_those_who_drew_a_thing_are_not_enough_for_a_pixel() -> None:
    workers = [read(("heron", 0, 0, 50, 50)), read(("heron", 0, 0, 54, 50))]
    for order in (workers, workers[::-1]):
        masks, confidences = consolidate_masks(order)
        assert (masks.numbers == workers[0].numbers).all()
        assert confidences == [pytest.approx((1 + 50 / 54) / 2)]


def test_things_without_pixels_are_no_things() -> None:
    hidden = masked(("heron", 0, 0, 9, 9), ("stork", 0, 0, 9, 9))
    masks, confidences = consolidate_masks([read_masks(hidden, LABELS)])
    assert (masks.labels, len(confidences)) == ([1], 1)
    assert set(np.unique(masks.numbers).tolist()) == {0, 1}


@pytest.mark.parametrize("count", [0, 2, 255, 256, 400])
def test_the_number_of_an_instance_is_the_value_of_its_pixels(count: int) -> None:
    numbers = np.arange(500, dtype=np.uint16).reshape(20, 25) % (count + 1)
    with Image.open(BytesIO(png_of(Masks([0] * count, numbers.astype(np.uint16))))) as image:
        assert (np.asarray(image) == numbers).all()
        assert image.mode == ("P" if count < 256 else "I;16")


def other_than(**values: Any) -> Any:
    answer = masked(("heron", 1, 1, 5, 5))
    answer["drawing"].update(values)
    return answer


BAD: list[tuple[Any, str]] = [
    ({}, "0 elements of the answer have a list of instances"),
    (other_than(instances=[{"label": "heron"}]), "instances[0].color is a NoneType"),
    (other_than(instances=[{"label": "heron", "color": "red"}]), "instances[0].color is 'red'"),
    (other_than(instances=[{"label": "crane", "color": "#000000"}]), "instances[0].label is 'crane'"),
    (other_than(instances=[{"label": "heron", "color": "#00000A"}, {"label": "heron", "color": "#00000a"}]), "another"),
    (other_than(instances=[3]), "instances[0].color is a NoneType"),
    (other_than(instances=[{"label": "heron", "color": f"#{color:06x}"} for color in range(1001)]), "more than 1,000"),
    (other_than(labeledImage=None), "labeledImage.pngImageData is not a PNG"),
    (other_than(labeledImage={"pngImageData": "no picture"}), "labeledImage.pngImageData is not a PNG"),
    (other_than(labeledImage={"pngImageData": "aGVsbG8="}), "labeledImage.pngImageData is not a PNG"),
]


@pytest.mark.parametrize(("answer", "message"), BAD, ids=range(len(BAD)))
def test_what_can_not_be_used_is_told(answer: Any, message: str) -> None:
    with pytest.raises(AnswerError) as caught:
        read_masks(answer, LABELS)
    assert message in str(caught.value)
