"""Which objects people get next, and how many."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.clock import Clock
from labeling_provider.service.database import object_rows, running, task_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.engine.functions import Functions
from labeling_provider.service.engine.hand_out import HandOut
from labeling_provider.service.work.job_run import Run
from tests.service.engine.some_runs import run_in
from tests.service.in_process import Memory


def hand_out(common: Database) -> HandOut:
    learning: Any = None
    return HandOut(common, learning, Functions({}, Memory()), Clock(), seed=4)


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
