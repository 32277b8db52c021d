"""Models that tell the class of each pixel."""

from __future__ import annotations

import numpy as np

from labeling_provider.service.learning.models import pack, unpack
from tests.service.learning.some_examples import MASKS, examples, new


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
