"""Models for classification learn classes, even one alone, and keep no more examples than they can bear."""

from __future__ import annotations

import pytest

from labeling_provider.service.learning.models import load_arrays, pack, unpack
from tests.service.learning.some_examples import IMAGE, TEXT, examples, new


@pytest.mark.parametrize(("algorithm", "min_share"), [(TEXT, 0.85), (IMAGE, 0.85)])
def test_classes_are_learned(algorithm: str, min_share: float) -> None:
    labels, data, answers = examples(algorithm, 400)
    model = new(algorithm, labels)
    inputs = [model.read(item) for item in data]
    model.train(inputs[:200], answers[:200])
    predictions = model.predict(inputs[200:])
    right = [said.answer == answer for said, answer in zip(predictions, answers[200:], strict=True)]
    assert sum(right) / len(right) > min_share
    sure = sorted(zip((said.score for said in predictions), right, strict=True), reverse=True)
    assert sum(is_right for _, is_right in sure[:100]) > sum(is_right for _, is_right in sure[100:]), (
        "scores grow with certainty"
    )


@pytest.mark.parametrize("algorithm", [TEXT, IMAGE])
def test_a_model_keeps_no_more_examples_than_it_can_bear(algorithm: str) -> None:
    labels, data, answers = examples(algorithm, 60)
    model = new(algorithm, labels)
    model.max_examples = 20  # type: ignore[attr-defined]
    model.train([model.read(item) for item in data], answers)
    (kept,) = load_arrays(model.save(), "classes")
    assert len(kept) == 20
    assert len(set(kept)) > 3, "they are chosen from all"


@pytest.mark.parametrize("algorithm", [TEXT, IMAGE])
def test_one_class_alone_can_be_learned(algorithm: str) -> None:
    labels, data, _answers = examples(algorithm, 10)
    model = new(algorithm, labels)
    inputs = [model.read(item) for item in data]
    model.train(inputs, [2] * len(inputs))
    assert {said.answer for said in model.predict(inputs)} == {2}


@pytest.mark.parametrize("algorithm", [TEXT, IMAGE])
def test_labels_may_change_their_order_and_come_and_go(algorithm: str) -> None:
    labels, data, answers = examples(algorithm, 120)
    earlier = new(algorithm, labels)
    inputs = [earlier.read(item) for item in data]
    earlier.train(inputs[:100], answers[:100])
    others = ["new", *reversed(labels[1:])]
    later = new(algorithm, others)
    unpack(pack(earlier, algorithm), later)
    later.train(inputs[100:101], [others.index(labels[answers[100]]) if answers[100] else 0])
    known = [number for number in range(101, 120) if answers[number] != 0]
    predictions = later.predict([inputs[number] for number in known])
    right = [others[said.answer] == labels[answers[number]] for said, number in zip(predictions, known, strict=True)]
    assert sum(right) / len(right) > 0.7
