"""The caller's own forms."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from labeling_provider.groundtruth.ready_functions import ready_function_arn
from labeling_provider.service.kinds.kind import Answered, AnswerError, WorkerAnswer
from tests.service.kinds.some_jobs import make_kind

LINE = {"source": "a"}


def test_a_mistake_is_what_fits_another_object() -> None:
    kind, chance = make_kind("custom"), Random(1)
    truths = [{"form": {"number": number}} for number in range(5)]
    assert kind.simulate(LINE, truths[0], False, chance) == truths[0], "there is no other yet"
    for truth in truths:
        assert kind.simulate(LINE, truth, True, chance) == truth
    for truth in truths:
        assert kind.simulate(LINE, truth, False, chance) in [other for other in truths if other != truth]
    assert kind.simulate(LINE, "no form", True, chance) is None


def test_what_becomes_of_answers_is_the_callers() -> None:
    kind = make_kind("custom")
    assert (
        kind.consolidate([Answered(0, LINE, [WorkerAnswer("private.a", {"form": 1})])], "2026-01-02T03:04:05.000006")
        is None
    )


def test_answers_for_a_ready_function_are_checked_before_they_are_accepted() -> None:
    kind = make_kind("custom")
    answer = {
        "drawing": {"keypoints": [{"label": "ant", "x": 1, "y": 2}], "inputImageProperties": {"width": 9, "height": 9}}
    }
    wrong = {"drawing": {"keypoints": [{"label": "ant", "x": 1}]}}
    kind.check_answer(wrong, LINE)
    ready = type(kind)(replace(kind.job, consolidation_function=ready_function_arn("keypoints", "us-east-1")))
    ready.check_answer(answer, LINE)
    with pytest.raises(AnswerError, match="inputImageProperties needs a width"):
        ready.check_answer(wrong, LINE)
