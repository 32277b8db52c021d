"""What simulated workers have done comes in, and a step waits for the next that can happen."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import object_rows, running, task_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.engine.collect import Collect
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.simulated import Moves
from labeling_provider.service.work.tasks import Acceptance, Move
from tests.service.engine.some_runs import run_in


class Workers:
    """Simulated workers who do what they are told to.

    :ivar others: how often they begin tasks of another job before those of this one.
    """

    def __init__(self, *choices: Moves) -> None:
        self.left, self.others = list(choices), 0
        self.free: float | None = None
        self.answered = Moves()

    def answers(self, run: Run, now: float) -> Moves:
        return self.answered

    def choices(self, run: Run, now: float) -> Moves:
        return self.left.pop(0) if self.left else Moves()

    def occupy(self, connection: Any, run: Run, moves: Moves) -> bool:
        if moves.accepted and self.others:
            self.others -= 1
            return False
        return True

    def free_at(self, run: Run, now: float) -> float | None:
        return self.free


def offered(common: Database, run: Run, count: int) -> list[int]:
    """The tasks of a job whose objects are with workers."""
    with common.write() as connection:
        task_rows.offer(connection, run.id, range(count), 1, 1e12)
        return [row.id for row in task_rows.with_workers(connection, run.id)]


def count(common: Database, run: Run, state: ObjectState) -> int:
    with common.read() as connection:
        return object_rows.count(connection, run.id, state)


def test_an_answer_makes_its_object_ready_unless_the_job_has_to_stop(common: Database) -> None:
    run, _ = run_in(common, "oo")
    first, second = offered(common, run, 2)
    workers: Any = Workers(Moves(accepted=[Acceptance(first, "a", 1.0, 5.0), Acceptance(second, "b", 1.0, 5.0)]))
    collect = Collect(common, workers)
    assert collect.collect(run, 1.0)
    workers.answered = Moves(submitted=[Move(first, "a", 5.0, '{"a": 1}')])
    assert collect.collect(run, 5.0)
    assert count(common, run, ObjectState.ANSWERED) == 1
    with common.write() as connection:
        running.update_job(connection, run.id, status=JobStatus.STOPPING)
    workers.answered = Moves(submitted=[Move(second, "b", 5.0, '{"a": 1}')])
    assert not collect.collect(run, 5.0)
    assert count(common, run, ObjectState.ANSWERED) == 1, "nothing comes in any more"


def test_workers_who_have_begun_another_job_choose_again(common: Database) -> None:
    run, _ = run_in(common, "o")
    (task,) = offered(common, run, 1)
    workers: Any = Workers(*(Moves(accepted=[Acceptance(task, who, 1.0, 9.0)]) for who in "ab"))
    workers.others = 1
    assert Collect(common, workers).collect(run, 1.0)
    with common.read() as connection:
        assert task_rows.workers_at_work(connection, run.id, 2.0) == {"b"}


def test_a_step_waits_for_whoever_is_first(common: Database) -> None:
    run, _ = run_in(common, "o")
    workers: Any = Workers()
    collect = Collect(common, workers)
    assert collect.pause(run, 0.0) == 0.0, "the last answer has come in since the step looked"
    with common.write() as connection:
        task_rows.offer(connection, run.id, [0], 1, 100.0)
    assert collect.pause(run, 10.0) == pytest.approx(90.0), "the task expires"
    workers.free = 40.0
    assert collect.pause(run, 10.0) == pytest.approx(30.0), "a worker is free for it"
    with common.write() as connection:
        task_rows.expire(connection, run.id)
        object_rows.call_back(connection, run.id, [0])
    assert collect.pause(run, 10.0) is None
