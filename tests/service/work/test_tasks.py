"""The task queue: whoever works, a task has one worker, an object never the same one twice, and an answer stays."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from dev.stack import wait_until
from labeling_provider.service.database import task_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.schema import objects
from labeling_provider.service.database.schema import tasks as table
from labeling_provider.service.database.states import ObjectState, TaskState
from labeling_provider.service.work import tasks
from labeling_provider.service.work.tasks import Acceptance, Move, Refusal
from tests.service.in_process import InProcess

PEOPLE = "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/private-people"
DOG = json.dumps({"crowd-classifier": {"label": "dog"}})
LONG = 1e12


def job_of_people(engine: InProcess, count: int, each: int, **arguments: Any) -> tuple[str, int]:
    """A job whose objects are with people; its name and id."""
    lines = b"".join(json.dumps({"source": f"text {number}"}).encode() + b"\n" for number in range(count))
    name = engine.create(lines, workforce=PEOPLE, workers_per_object=each, **arguments)

    def sent() -> Any:
        with engine.store.read() as connection:
            return connection.execute(sa.select(table.c.job_id)).scalars().first()

    return name, wait_until(sent, 60, "objects are with people", 0.01)


def accept(engine: InProcess, job_id: int, worker: str, at: float = 0.0, due: float = LONG) -> Any:
    with engine.store.write() as connection:
        in_hand = task_rows.in_hand(connection, job_id, worker, at)
        return in_hand or tasks.accept_next(connection, job_id, worker, at, due)


def make(engine: InProcess, move: Any, *arguments: Any) -> Refusal | None:
    """Make a move; why it was not made, if it was not."""
    with engine.store.write() as connection:
        made = Move(*arguments)
        return None if move(connection, [made]) else tasks.why_not(connection, made)


def test_people_answer_each_object_once_and_the_job_ends(engine: InProcess) -> None:
    name, job_id = job_of_people(engine, 5, 2)
    for worker in ("private.a", "private.b"):
        seen = []
        while task := accept(engine, job_id, worker):
            seen.append(task.object_id)
            assert make(engine, tasks.submit, task.id, worker, 1.0, DOG) is None
        assert sorted(seen) == [0, 1, 2, 3, 4]
    engine.engine.wake(job_id)
    description = engine.wait(name)
    assert description["LabelingJobStatus"] == "Completed"
    assert description["LabelCounters"]["HumanLabeled"] == 5


def test_a_move_that_comes_too_late_is_told_why_and_changes_nothing(engine: InProcess) -> None:
    name, job_id = job_of_people(engine, 2, 1)
    due = time.time() + 1000
    first = accept(engine, job_id, "private.a", due=due)
    assert make(engine, tasks.submit, first.id, "private.b", due - 5, DOG) == Refusal.NOT_IN_HAND
    assert make(engine, tasks.submit, first.id, "private.a", due + 1, DOG) == Refusal.TIME_OVER
    assert make(engine, tasks.submit, first.id, "private.a", due - 1, DOG) is None
    assert make(engine, tasks.submit, first.id, "private.a", due - 0.5, "{}") == Refusal.DONE_BEFORE
    with engine.store.read() as connection:
        asked = [
            (first.id, "private.a", DOG),
            (first.id, "private.b", DOG),
            (first.id, "private.a", "{}"),
            (10_000, "", ""),
        ]
        same = [tasks.has_answer(connection, Move(task, who, 0.0, text)) for task, who, text in asked]
    assert same == [True, False, False, False]
    second = accept(engine, job_id, "private.a")
    assert make(engine, tasks.submit, 10_000, "private.a", 5.0, DOG) == Refusal.NOT_IN_HAND
    with engine.store.write() as connection:
        task_rows.expire(connection, job_id)
        assert tasks.why_not(connection, Move(second.id, "private.a", 5.0)) == Refusal.EXPIRED
    engine.operations.call("StopLabelingJob", {"LabelingJobName": name})
    engine.wait(name)
    assert make(engine, tasks.save, second.id, "private.a", 5.0, DOG) == Refusal.JOB_OVER
    with engine.store.read() as connection:
        kept = connection.execute(sa.select(table.c.answer, table.c.due).where(table.c.id == first.id)).one()
    assert kept == (DOG, due - 1)


def test_a_draft_waits_for_its_worker_and_is_lost_when_the_task_is_released(engine: InProcess) -> None:
    _, job_id = job_of_people(engine, 1, 1)
    task = accept(engine, job_id, "private.a")
    assert make(engine, tasks.save, task.id, "private.a", 1.0, '{"draft": 1}') is None
    again = accept(engine, job_id, "private.a")
    assert (again.id, again.answer) == (task.id, '{"draft": 1}')
    assert accept(engine, job_id, "private.b") is None
    assert make(engine, tasks.release, task.id, "private.a", 2.0) is None
    other = accept(engine, job_id, "private.b")
    assert (other.id, other.answer, other.tries) == (task.id, None, 1)
    assert make(engine, tasks.release, task.id, "private.b", 3.0) is None
    assert accept(engine, job_id, "private.a").id == task.id


def test_who_declines_is_not_asked_again_and_as_many_as_are_asked_for_end_it(engine: InProcess) -> None:
    name, job_id = job_of_people(engine, 1, 2)
    for worker in ("private.a", "private.b"):
        task = accept(engine, job_id, worker)
        assert make(engine, tasks.decline, task.id, worker, 1.0) is None
        engine.engine.wake(job_id)
        assert accept(engine, job_id, worker) is None
    description = engine.wait(name)
    assert description["LabelCounters"]["FailedNonRetryableError"] == 1
    output = json.loads(engine.storage.objects[description["LabelingJobOutput"]["OutputDatasetS3Uri"]])
    assert "declined by NumberOfHumanWorkersPerDataObject workers" in output["label-metadata"]["failure-reason"]


def test_somebody_else_is_asked_for_each_who_declines(engine: InProcess) -> None:
    name, job_id = job_of_people(engine, 1, 2)
    declined = accept(engine, job_id, "private.a")
    assert make(engine, tasks.decline, declined.id, "private.a", 1.0) is None
    engine.engine.wake(job_id)
    for worker in ("private.b", "private.c"):
        task = wait_until(lambda worker=worker: accept(engine, job_id, worker), 60, "somebody else is asked", 0.01)
        assert make(engine, tasks.submit, task.id, worker, 1.0, DOG) is None
    engine.engine.wake(job_id)
    description = engine.wait(name)
    assert description["LabelCounters"]["HumanLabeled"] == 1, description


def test_a_task_whose_time_is_over_goes_to_somebody_else(engine: InProcess) -> None:
    name, job_id = job_of_people(engine, 1, 1)
    task = accept(engine, job_id, "private.a", at=1.0, due=2.0)
    engine.engine.wake(job_id)
    other = wait_until(lambda: accept(engine, job_id, "private.b"), 60, "the task is free again", 0.01)
    assert (other.id, other.tries) == (task.id, 1)
    assert make(engine, tasks.submit, task.id, "private.a", 1.5, DOG) == Refusal.NOT_IN_HAND
    assert make(engine, tasks.submit, task.id, "private.b", 3.0, DOG) is None
    engine.engine.wake(job_id)
    description = engine.wait(name)
    assert description["LabelCounters"]["HumanLabeled"] == 1, description


def test_a_task_that_many_want_has_one_worker(engine: InProcess) -> None:
    name, job_id = job_of_people(engine, 10, 3)
    taken: list[tuple[int, int, str]] = []

    def work(worker: str) -> None:
        while task := accept(engine, job_id, worker):
            taken.append((task.id, task.object_id, worker))
            assert make(engine, tasks.submit, task.id, worker, 1.0, DOG) is None

    people = [threading.Thread(target=work, args=(f"private.{number}",)) for number in range(8)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert len({task for task, _, _ in taken}) == len(taken) == 30
    assert max(Counter((object_id, worker) for _, object_id, worker in taken).values()) == 1
    engine.engine.wake(job_id)
    description = engine.wait(name)
    assert description["LabelCounters"]["HumanLabeled"] == 10, description


MOVES = st.tuples(
    st.sampled_from(["next", "accept", "save", "submit", "decline", "release", "sweep"]),
    st.integers(1, 12),
    st.sampled_from(["a", "b", "c", "d"]),
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database that stays empty."""
    made = Database(f"sqlite:///{tmp_path_factory.mktemp('empty') / 'labeling.sqlite'}")
    yield made
    made.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(MOVES, max_size=40))
def test_whatever_workers_do_the_rules_hold(empty: Database, moves: list[tuple[str, int, str]]) -> None:
    run: Any = SimpleNamespace(id=1, job=SimpleNamespace(workers_per_object=2))
    # What is written is gone when the connection is closed.
    with empty.read() as connection:
        rows = [{"job_id": 1, "object_id": object_id, "state": ObjectState.OUT, "line": "{}"} for object_id in range(3)]
        connection.execute(sa.insert(objects), rows)
        tasks.offer(connection, run, range(3), LONG)
        answers: dict[int, tuple[str, str]] = {}
        for at, (what, task, worker) in enumerate(moves, 1):
            move = Move(task, worker, at, f'"{at}"')
            if what == "next":
                tasks.accept_next(connection, 1, worker, at, at + 3)
            elif what == "accept":
                tasks.accept(connection, [Acceptance(task, worker, at, at + 3)])
            elif what == "sweep":
                tasks.replace_declined(connection, run)
                tasks.expire(connection, run, at)
            elif getattr(tasks, what)(connection, [move]) and what == "submit":
                assert task not in answers
                answers[task] = (worker, f'"{at}"')
            tasks_stored = connection.execute(sa.select(table)).all()
            pairs = Counter((row.object_id, row.worker_id) for row in tasks_stored if row.worker_id)
            assert not pairs or max(pairs.values()) == 1
            submitted = {
                row.id: (row.worker_id, row.answer) for row in tasks_stored if row.state == TaskState.SUBMITTED
            }
            assert submitted == answers
            assert all(
                (row.worker_id is None) == (row.state == TaskState.OPEN)
                for row in tasks_stored
                if row.state != "expired"
            )
        tasks.replace_declined(connection, run)
        tasks.replace_declined(connection, run)
        states = connection.execute(sa.select(table.c.object_id, table.c.state)).all()
    for place in range(3):
        own = Counter(state for object_id, state in states if object_id == place)
        if own[TaskState.DECLINED] < 2:
            assert own.total() - own[TaskState.DECLINED] == 2
        else:
            assert not own[TaskState.OPEN]
            assert not own[TaskState.ACCEPTED]
