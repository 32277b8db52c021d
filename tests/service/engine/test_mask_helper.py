"""Masks for people who draw, by a function of the service's owner."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labeling_provider.service.engine.functions import Functions
from labeling_provider.service.engine.mask_helper import MASK_FUNCTION, MaskHelper, NoMask
from labeling_provider.service.work.workforce import PROMPTS, Function
from tests.service.in_process import Memory
from tests.service.kinds.some_jobs import HEIGHT, WIDTH, make_kind

KIND = make_kind("semantic-segmentation")
LINE = {"source-ref": "s3://lab/picture"}
BOX = {"left": 3, "top": 4, "width": 10, "height": 5}
FUNCTION = Function("tests.functions:mask_of_box", 20)


@pytest.fixture(scope="module")
def functions() -> Iterator[Functions]:
    known = Functions({MASK_FUNCTION: FUNCTION}, Memory())
    yield known
    known.close()


@pytest.fixture(scope="module")
def helper(functions: Functions) -> MaskHelper:
    return MaskHelper(functions, PROMPTS)


def test_a_box_is_answered_with_a_mask_and_the_box_around_it(helper: MaskHelper) -> None:
    mask = helper.mask(KIND, LINE, "private.a", {"box": BOX, "points": [{"x": 5, "y": 6, "inside": True}]})
    assert mask[:4] == (3, 4, 10, 5)
    assert (np.asarray(Image.open(BytesIO(mask.png))) == np.full((5, 10), 255)).all()


def test_whatever_is_not_0_belongs_to_the_thing_in_a_mask_of_16_bits_too(helper: MaskHelper) -> None:
    mask = helper.mask(KIND, LINE, "private.a", {"box": BOX, "points": [{"x": 6, "y": 6}]})
    assert mask[:4] == (3, 4, 10, 5)
    assert (np.asarray(Image.open(BytesIO(mask.png))) == 255).all()


def test_a_function_is_asked_only_by_what_it_takes(functions: Functions) -> None:
    helper = MaskHelper(functions, ("box", "extreme_points"))
    with pytest.raises(NoMask, match="takes box and extreme_points, not points"):
        helper.mask(KIND, LINE, "private.a", {"box": BOX, "points": [{"x": 5, "y": 6}]})
    assert helper.mask(KIND, LINE, "private.a", {"box": BOX}).width == 10


BAD: list[tuple[Any, str]] = [
    ({}, "Give points, a box or extreme_points"),
    ({"points": []}, "list of 1 to 100 points"),
    ({"points": [{"x": 1, "y": 1}] * 101}, "list of 1 to 100 points"),
    ({"points": "x"}, "list of 1 to 100 points"),
    ({"points": [3]}, "points[0] must have x and y"),
    ({"points": [{"x": WIDTH + 1, "y": 1}]}, "inside the picture"),
    ({"points": [{"x": float("nan"), "y": 1}]}, "inside the picture"),
    ({"points": [{"x": True, "y": 1}]}, "points[0] must have x and y"),
    ({"extreme_points": [{"x": 1, "y": 1}] * 3}, "extreme_points must be 4 points"),
    ({"box": {**BOX, "width": 0}}, "box must have left"),
    ({"box": {**BOX, "left": 10**400}}, "box must have left"),
    ({"box": [1, 2, 3, 4]}, "box must have left"),
    ({"points": [{"x": 1, "y": 1}]}, "The service's log says why"),
    ({"points": [{"x": 2, "y": 1}]}, "The service's log says why"),
    ({"points": [{"x": 7, "y": 1}]}, "The service's log says why"),
    ({"points": [{"x": 3, "y": 1}]}, "did not return a picture"),
    ({"points": [{"x": 4, "y": 1}]}, f"The mask has {WIDTH + 1} × {HEIGHT} pixels"),
    ({"points": [{"x": 5, "y": 1}]}, "Nothing was found there"),
]


@pytest.mark.parametrize(("asked", "message"), BAD, ids=range(len(BAD)))
def test_what_has_no_mask_is_told(helper: MaskHelper, asked: Any, message: str) -> None:
    with pytest.raises(NoMask) as caught:
        helper.mask(KIND, LINE, "private.a", asked)
    assert message in str(caught.value)
    assert helper.mask(KIND, LINE, "private.a", {"box": BOX}).width == 10, "and the next one is made"


def test_a_task_without_a_picture_has_no_mask(helper: MaskHelper) -> None:
    for line, message in (({"source": "text"}, "no picture in S3"), ({"source-ref": "s3://lab/gone"}, "no object at")):
        with pytest.raises(NoMask, match=message):
            helper.mask(make_kind("custom"), line, "private.a", {"box": BOX})


def test_a_person_asks_for_one_mask_at_a_time(helper: MaskHelper, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    real = helper._mask

    def waits(*given: Any) -> Any:
        begun.set()
        go_on.wait(20)
        return real(*given)

    monkeypatch.setattr(helper, "_mask", waits)
    first = threading.Thread(target=helper.mask, args=(KIND, LINE, "private.a", {"box": BOX}))
    first.start()
    begun.wait(20)
    with pytest.raises(NoMask, match="still being made"):
        helper.mask(KIND, LINE, "private.a", {"box": BOX})
    go_on.set()
    assert helper.mask(KIND, LINE, "private.b", {"box": BOX}).height == 5
    first.join(20)
