"""Which objects people get next, and how many; and which ones the caller's function keeps from them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.clock import Clock
from labeling_provider.service.database import object_rows, running, task_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.engine.hand_out import HandOut
from labeling_provider.service.failures import JobFailure
from labeling_provider.service.work.job_run import Run
from tests.service.engine.some_runs import run_in

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:pre"
ASKS = {"HumanTaskConfig": {"PreHumanTaskLambdaArn": FUNCTION}}


class Answers:
    """The caller's functions: one, which gives an answer after the other."""

    def __init__(self, *answers: Any) -> None:
        self.left = list(answers)

    def __contains__(self, arn: object) -> bool:
        return arn == FUNCTION

    def call(self, arn: str, event: dict[str, Any]) -> Any:
        return self.left.pop(0)


def hand_out(common: Database, *answers: Any) -> HandOut:
    functions: Any = Answers(*answers)
    learning: Any = None
    return HandOut(common, learning, functions, Clock(), seed=4)


def ids(common: Database, run: Run, state: ObjectState) -> list[int]:
    with common.read() as connection:
        return object_rows.ids(connection, run.id, state)


def test_a_few_come_first_at_random_and_then_the_rest_in_order(common: Database) -> None:
    run, _ = run_in(common, "w" * 60, HumanTaskConfig={"MaxConcurrentTaskCount": 20})
    out = hand_out(common)
    assert out.next_set(run)
    first = ids(common, run, ObjectState.OUT)
    assert 0 < len(first) <= 20
    assert first != list(range(len(first)))
    rest = ids(common, run, ObjectState.WAITING)
    assert out.next_set(run)
    assert ids(common, run, ObjectState.OUT) == sorted([*first, *rest[:20]])
    with common.read() as connection:
        job = running.find(connection, run.id)
    assert job is not None
    assert job.iteration == 2


@pytest.mark.parametrize(
    ("conditions", "labeled", "sent"),
    [
        ({"MaxHumanLabeledObjectCount": 3}, 0, 3),
        ({"MaxHumanLabeledObjectCount": 3}, 3, 0),
        ({"MaxPercentageOfInputDatasetLabeled": 50}, 1, 3),
        ({"MaxPercentageOfInputDatasetLabeled": 50, "MaxHumanLabeledObjectCount": 2}, 1, 1),
    ],
)
def test_no_more_are_sent_than_may_be_labeled(
    common: Database, conditions: dict[str, int], labeled: int, sent: int
) -> None:
    run, _ = run_in(common, "w" * 8, StoppingConditions=conditions)
    with common.write() as connection:
        running.update_job(connection, run.id, labeled=labeled)
    assert hand_out(common).next_set(run) is (sent > 0)
    assert len(ids(common, run, ObjectState.OUT)) == sent


def test_nothing_is_sent_of_a_job_that_has_to_stop(common: Database) -> None:
    run, _ = run_in(common, "ww")
    with common.write() as connection:
        running.update_job(connection, run.id, status=JobStatus.STOPPING)
    hand_out(common).next_set(run)
    assert ids(common, run, ObjectState.OUT) == []
    with common.read() as connection:
        assert not task_rows.has_open(connection, run.id)


def test_a_set_is_filled_up_while_it_has_room(common: Database) -> None:
    run, _ = run_in(common, "oww", HumanTaskConfig={"MaxConcurrentTaskCount": 2})
    with common.write() as connection:
        before = running.find(connection, run.id)
        running.update_job(connection, run.id, iteration=1)
        after = running.find(connection, run.id)
    assert before is not None
    assert after is not None
    out = hand_out(common)
    assert not out.top_up(run, before, 1.0), "the first set has not been sent"
    assert out.top_up(run, after, 1.0)
    assert ids(common, run, ObjectState.OUT) == [0, 1]
    assert not out.top_up(run, after, 1.0)


@pytest.mark.parametrize("key", ["isHumanAnnotationRequired", "humanAnnotationRequired"])
def test_a_function_says_in_any_spelling_whether_people_are_needed(common: Database, key: str) -> None:
    said = [False, "false", "FALSE", " False", True, "true", "TRUE", None]
    run, _ = run_in(common, "w" * len(said), **ASKS)
    with common.read() as connection:
        chosen = object_rows.waiting(connection, run.id)
    hand_out(common, *({"taskInput": {}, key: answer} for answer in said)).send(run, chosen, 1)
    assert ids(common, run, ObjectState.OUT) == [4, 5, 6, 7]
    with common.read() as connection:
        results = [row.result for row in object_rows.results(connection, run.id)]
    failed = json.loads(results[0])["label-metadata"]["failure-reason"]
    assert "no human annotation is required" in failed


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"taskInput": {}, "humanAnnotationRequired": "perhaps"}, "has returned a humanAnnotationRequired"),
        ({"humanAnnotationRequired": True}, 'must return {"taskInput"'),
        (["taskInput"], 'must return {"taskInput"'),
        ({"taskInput": {"a": "half a pair \ud800"}}, "a taskInput that can't be used"),
    ],
)
def test_a_function_that_does_not_say_clearly_what_people_get_is_named(
    common: Database, answer: Any, words: str
) -> None:
    run, _ = run_in(common, "w", **ASKS)
    with pytest.raises(JobFailure, match=words) as failure:
        hand_out(common, answer).next_set(run)
    assert f"The function {FUNCTION}" in str(failure.value)
    assert ids(common, run, ObjectState.WAITING) == [0]
