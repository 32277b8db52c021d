"""What a training comes to, without a job around it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dev.pictures import digits
from labeling_provider.service.kinds.choices import SingleChoice
from labeling_provider.service.learning.learner import Learner, LearningSample, Material
from labeling_provider.service.learning.models import BUILT_IN, import_model

LABELS = [str(digit) for digit in range(10)]
ALGORITHM = "image-classification"
UNKNOWN = 7


@pytest.fixture(scope="module")
def objects() -> list[LearningSample]:
    return [LearningSample(number, {}, int(digit)) for number, (_, digit) in enumerate(digits())]


@pytest.fixture(scope="module")
def learner() -> Learner:
    pictures = [picture for picture, _ in digits()]
    model = import_model(BUILT_IN[ALGORITHM])
    kind = SingleChoice(SimpleNamespace(labels=LABELS, workers_per_object=3))  # type: ignore[arg-type]
    # The objects tell their data by a reader of their own, as a job's would by their manifest lines.
    return Learner(lambda: model(LABELS, 1), kind, lambda line: pictures[line["number"]])


def material(
    objects: list[LearningSample], examples: list[LearningSample], validation: list[LearningSample]
) -> Material:
    taken = {item.object_id for item in (*examples, *validation)}
    material = Material(
        [LearningSample(item.object_id, {"number": item.object_id}, item.answer) for item in examples],
        [LearningSample(item.object_id, {"number": item.object_id}, item.answer) for item in validation],
        [],
        [LearningSample(item.object_id, {"number": item.object_id}) for item in objects if item.object_id not in taken],
    )
    material.group_sizes.update(item.answer for item in validation)
    return material


def test_a_model_waits_for_a_class_that_it_has_not_met(learner: Learner, objects: list[LearningSample]) -> None:
    known = [item for item in objects if item.answer != UNKNOWN]
    strangers = [item for item in objects if item.answer == UNKNOWN]
    given = material(objects, known[:300], [*known[300:900], *strangers[:20]])
    assert learner.train(given, patient=True).threshold is None
    impatient = learner.train(given, patient=False)
    assert impatient.threshold is not None
    # Unlike every class that it knows, they look less sure to it than the others.
    scores = {item.object_id: impatient.scores[item.object_id] for item in strangers[20:]}
    above = sum(score >= impatient.threshold for score in scores.values())
    assert above <= 0.2 * len(scores)
    met = material(objects, [*known[:300], *strangers[20:40]], [*known[300:900], *strangers[:20]])
    assert learner.train(met, patient=True).threshold is not None


def test_scores_are_of_the_objects_without_a_label(learner: Learner, objects: list[LearningSample]) -> None:
    given = material(objects, objects[:200], objects[200:400])
    outcome = learner.train(given)
    assert outcome.scores.keys() == {item.object_id for item in given.unlabeled}
    assert outcome.judged.keys() == {item.object_id for item in given.validation}
    assert outcome.agreement is not None
    assert outcome.agreement > 0.9
    right: list[Any] = [item.agreement for item in outcome.judged.values()]
    assert outcome.agreement == pytest.approx(sum(right) / len(right))


def test_there_is_nothing_to_learn_from_nothing(learner: Learner, objects: list[LearningSample]) -> None:
    outcome = learner.train(material(objects, [], objects[:50]))
    assert (outcome.model, outcome.threshold, outcome.scores) == (None, None, {})
    unmeasured = learner.train(material(objects, objects[:50], []))
    assert (unmeasured.agreement, unmeasured.threshold) == (None, None)
