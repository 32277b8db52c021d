"""Verifying labels: a verdict, and what workers have to say."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from labeling_provider.service.kinds.kind import Answered, AnswerError, WorkerAnswer
from tests.service.kinds.some_jobs import HEIGHT, WIDTH, former_boxes, make_kind, mask_line

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
    consolidated = kind.consolidate([Answered(0, LINE, answers), silent], "2026-01-02T03:04:05.000006")
    assert consolidated is not None
    assert (consolidated.labels[0].value, consolidated.labels[0].metadata["class-name"]) == (1, "bee")
    assert consolidated.labels[0].metadata["worker-feedback"] == [{"comment": "Misses the wing."}, {"comment": "Fine."}]
    assert "worker-feedback" not in consolidated.labels[1].metadata


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
    assert kind.simulate({**LINE, **former_boxes([])}, {"verdict": "cow"}, True, Random(1)) is None
    assert kind.simulate(LINE, truth, False, Random(1)) not in (None, content)


BOX = {"label": "bee", "left": 2, "top": 3, "width": 10, "height": 8}


@pytest.mark.parametrize(
    ("former", "truth", "verdict"),
    [
        ([BOX], [BOX], {"label": "ant"}),
        ([BOX], [{**BOX, "left": 2.5}], {"label": "ant"}),
        ([], [], {"label": "ant"}),
        ([BOX], [{**BOX, "left": 8}], {"label": "dog", "workerComment": "Boxes to correct: 1."}),
        ([BOX], [{**BOX, "label": "cow"}], {"label": "dog", "workerComment": "Boxes to correct: 1."}),
        ([BOX], [], {"label": "dog", "workerComment": "Boxes to correct: 1."}),
        ([BOX, BOX], [BOX], {"label": "dog", "workerComment": "Boxes to correct: 1."}),
        (
            [BOX],
            [BOX, {**BOX, "top": 20}, {**BOX, "top": 15}],
            {"label": "dog", "workerComment": "Boxes to correct: 2."},
        ),
    ],
)
def test_simulated_workers_judge_boxes_by_the_truth_about_them(
    former: Any, truth: Any, verdict: dict[str, str]
) -> None:
    kind = make_kind("verification-bounding-box")
    line = {**LINE, **former_boxes(former)}
    assert kind.simulate(line, truth, True, Random(1)) == {KEY: verdict}
    wrong = kind.simulate(line, truth, False, Random(1))
    assert wrong is not None
    assert wrong[KEY]["label"] != verdict["label"]


def test_simulated_workers_judge_masks_by_the_truth_about_them() -> None:
    kind = make_kind("verification-semantic-segmentation")
    former, true = np.zeros((2, HEIGHT, WIDTH), dtype=np.uint8)
    former[:10, :10] = true[:10, :11] = 1
    former[20:, 20:] = 2
    line, right = mask_line(kind, former, {1: "fox", 2: "gnu"}), mask_line(kind, true, {})["before-ref"]
    assert kind.simulate(line, right, True, Random(1)) == {KEY: {"label": "dog", "workerComment": "To correct: gnu."}}
    former[20:, 20:] = 0
    assert kind.simulate(mask_line(kind, former, {1: "fox"}), right, True, Random(1)) == {KEY: {"label": "ant"}}
    smaller = mask_line(kind, former[:5], {1: "fox"})
    assert kind.simulate(smaller, right, True, Random(1)) == {
        KEY: {"label": "dog", "workerComment": "To correct: fox."}
    }
    assert kind.simulate(smaller, ["x"], True, Random(1)) is None
