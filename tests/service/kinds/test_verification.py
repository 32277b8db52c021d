"""Verifying labels: a verdict, and what workers have to say."""

from __future__ import annotations

from random import Random

import pytest

from labeling_provider.service.kinds.kind import Answered, AnswerError, WorkerAnswer
from tests.service.kinds.some_jobs import make_kind

LINE = {"source-ref": "s3://lab/picture"}
KEY = "crowd-image-classifier"


def test_comments_go_beside_the_verdict_if_there_are_any() -> None:
    kind = make_kind("verification-bounding-box")
    forms = [
        {"label": "bee", "workerComment": "Misses the wing."},
        {"label": "bee", "workerComment": ""},
        {"label": "gnu", "workerComment": "Not counted."},
        {"label": "bee", "workerComment": 3},
        {"label": "ant", "workerComment": "Fine."},
    ]
    answers = [WorkerAnswer(f"private.{number}", {KEY: form}) for number, form in enumerate(forms)]
    silent = Answered(1, LINE, [WorkerAnswer("private.0", {KEY: {"label": "ant"}})])
    found = kind.consolidate([Answered(0, LINE, answers), silent], "2026-01-02T03:04:05.000006")
    assert found is not None
    assert (found.labels[0].value, found.labels[0].metadata["class-name"]) == (1, "bee")
    assert found.labels[0].metadata["worker-feedback"] == [{"comment": "Misses the wing."}, {"comment": "Fine."}]
    assert "worker-feedback" not in found.labels[1].metadata


def test_a_comment_is_text() -> None:
    kind = make_kind("verification-semantic-segmentation")
    kind.check_answer({KEY: {"label": "ant", "workerComment": "x"}}, LINE)
    with pytest.raises(AnswerError, match="workerComment is a list"):
        kind.check_answer({KEY: {"label": "ant", "workerComment": ["x"]}}, LINE)


@pytest.mark.parametrize("truth", ["cow", {"label": "cow"}, {"label": "cow", "comment": "Why?"}])
def test_simulated_workers_answer_from_a_verdict_with_or_without_a_comment(truth: object) -> None:
    kind = make_kind("verification-bounding-box")
    content = kind.simulate(LINE, truth, True, Random(1))
    assert content is not None
    comment = {"workerComment": "Why?"} if isinstance(truth, dict) and "comment" in truth else {}
    assert content == {KEY: {"label": "cow", **comment}}
    assert kind.simulate(LINE, {"verdict": "cow"}, True, Random(1)) is None
    assert kind.simulate(LINE, truth, False, Random(1)) not in (None, content)
