"""Models that tell the class of each pixel."""

from __future__ import annotations

from io import BytesIO
from typing import cast

import numpy as np
import pytest
from PIL import Image

from labeling_provider.service.learning.models import Model, pack, unpack
from tests.service.learning.some_examples import BOXES, MASKS, examples, new


def test_labels_may_change_their_order_and_come_and_go() -> None:
    labels, data, answers = examples(MASKS, 50)
    earlier = new(MASKS, labels)
    inputs = [earlier.read(item) for item in data]
    earlier.train(inputs[:30], answers[:30])
    later = new(MASKS, ["new", *reversed(labels[1:])])
    unpack(pack(earlier, MASKS), later)
    later.train(inputs[:1], [np.zeros_like(answers[0])])
    crates = [number for number in range(30, 50) if set(np.unique(answers[number])) == {0, 2}]
    assert crates
    painted = later.predict([inputs[number] for number in crates])
    assert all(2 in np.unique(prediction.answer) and 1 not in np.unique(prediction.answer) for prediction in painted)


def trained(algorithm: str, count: int) -> tuple[Model, list[bytes | str]]:
    labels, data, answers = examples(algorithm, count)
    model = new(algorithm, labels)
    model.train([model.read(item) for item in data], answers)
    return model, data


@pytest.mark.parametrize("algorithm", [BOXES, MASKS])
def test_answers_are_in_pixels_of_the_original(algorithm: str) -> None:
    model, data = trained(algorithm, 12)
    small = model.read(data[0])
    enlarged = Image.open(BytesIO(cast(bytes, data[0]))).resize((3 * small.width, 3 * small.height))
    body = BytesIO()
    enlarged.save(body, "PNG")
    said, of_large = (prediction.answer for prediction in model.predict([small, model.read(body.getvalue())]))
    if algorithm == MASKS:
        assert (said.shape, of_large.shape) == ((small.height, small.width), (3 * small.height, 3 * small.width))
        return
    assert said, "there is something in it"
    right, right_of_large = (max(box["left"] + box["width"] for box in boxes) for boxes in (said, of_large))
    assert right_of_large == pytest.approx(3 * right, rel=0.1)
