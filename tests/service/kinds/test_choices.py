"""Choosing classes."""

from __future__ import annotations

import pytest

from labeling_provider.service.kinds import estimation
from labeling_provider.service.kinds.choices import SingleChoice
from labeling_provider.service.kinds.kind import Answered, Kind, WorkerAnswer
from tests.service.kinds.some_jobs import make_kind

STAMP = "2026-01-02T03:04:05.000006"


def answered(kind: Kind, *forms: dict, object_id: int = 0) -> Answered:
    """An object with the forms of workers ``private.0``, ``private.1``, and so on."""
    answers = [WorkerAnswer(f"private.{number}", {kind.key: form}) for number, form in enumerate(forms)]
    return Answered(object_id, {"source": "a"}, answers)


def test_what_most_workers_chose_is_the_label() -> None:
    kind = make_kind("text-classification")
    batch = [answered(kind, {"label": "bee"}, {"label": "cow"}, {"label": "bee"})]
    consolidated = kind.consolidate(batch, STAMP)
    assert consolidated is not None
    assert (consolidated.labels[0].value, consolidated.labels[0].metadata["class-name"]) == (1, "bee")
    assert 0.5 < consolidated.labels[0].metadata["confidence"] <= 0.99


def test_answers_that_can_not_be_used_count_for_nothing() -> None:
    kind = make_kind("text-classification")
    batch = [
        answered(kind, {"label": "gnu"}, {"label": "dog"}, {}, object_id=4),
        answered(kind, {"label": "gnu"}, object_id=5),
    ]
    consolidated = kind.consolidate(batch, STAMP)
    assert consolidated is not None
    assert {object_id: label.value for object_id, label in consolidated.labels.items()} == {4: 3}
    assert kind.consolidate([answered(kind, {"label": "gnu"})], STAMP) == ({}, {})


def test_any_class_that_a_worker_chose_is_in_the_label_with_its_own_confidence() -> None:
    kind = make_kind("text-classification-multilabel")
    forms = [{"labels": ["ant", "dog"]}, {"labels": ["ant"]}, {"labels": ["ant"]}]
    consolidated = kind.consolidate([answered(kind, *forms), answered(kind, {"labels": []}, object_id=1)], STAMP)
    assert consolidated is not None
    assert [consolidated.labels[object_id].value for object_id in (0, 1)] == [[0, 3], []]
    confidences = consolidated.labels[0].metadata["confidence-map"]
    assert confidences["0"] > 0.5 > confidences["3"]
    assert consolidated.labels[0].metadata["class-map"] == {"0": "ant", "3": "dog"}


def test_labels_stand_in_the_order_of_their_confidence() -> None:
    kind = make_kind("text-classification-multilabel")
    forms = [{"labels": ["ant", "dog"]}, {"labels": ["dog"]}, {"labels": ["dog", "cow"]}]
    consolidated = kind.consolidate([answered(kind, *forms)], STAMP)
    assert consolidated is not None
    label = consolidated.labels[0]
    assert label.value == [3, 0, 2]
    assert list(label.metadata["class-map"]) == list(label.metadata["confidence-map"]) == ["3", "0", "2"]
    confidences = list(label.metadata["confidence-map"].values())
    assert confidences == sorted(confidences, reverse=True)


def test_one_worker_gives_no_confidence() -> None:
    for name, form in (
        ("text-classification", {"label": "ant"}),
        ("text-classification-multilabel", {"labels": ["ant"]}),
    ):
        kind = make_kind(name, workers=1)
        consolidated = kind.consolidate([answered(kind, form)], STAMP)
        assert consolidated is not None
        metadata = consolidated.labels[0].metadata
        assert metadata.get("confidence", metadata.get("confidence-map", {}).get("0")) == 0.0


def test_old_votes_make_room_for_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimation, "MAX_VOTES", 50)
    kind = make_kind("text-classification")
    for start in range(0, 400, 40):
        batch = [answered(kind, {"label": "cow"}, {"label": "cow"}, object_id=start + number) for number in range(40)]
        consolidated = kind.consolidate(batch, STAMP)
        assert consolidated is not None
        assert [label.value for label in consolidated.labels.values()] == [2] * 40


def test_a_class_of_a_model_agrees_or_not_and_must_be_one() -> None:
    kind = make_kind("image-classification")
    assert isinstance(kind, SingleChoice)
    assert (kind.agreement(2, 2), kind.agreement(1, 2)) == (1.0, 0.0)
    assert [kind.answer_in(value) for value in (0, 3, 4, -1, True, "ant", None)] == [0, 3, None, None, None, None, None]
    for wrong in (4, -1, "ant", 1.0):
        with pytest.raises(TypeError, match="not a class position"):
            kind.agreement(wrong, 1)
