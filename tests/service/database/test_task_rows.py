"""The statements of the task queue; how they play together is told by the tests of the task queue itself."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from labeling_provider.service.database import task_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.schema import tasks
from labeling_provider.service.database.states import TaskState
from tests.service.database.rows import job


def states(connection: Connection, *ids: int) -> list[TaskState]:
    rows = [task_rows.find(connection, task_id) for task_id in ids]
    return [row.state for row in rows if row is not None]


def offered(connection: Connection, count: int, each: int, expires: float = 100.0) -> tuple[int, list[int]]:
    """A job with open tasks; its id and theirs."""
    job_id = job(connection, states="o" * count)
    task_rows.offer(connection, job_id, range(count), each, expires)
    return job_id, [row.id for row in task_rows.with_workers(connection, job_id)]


def move(task: int, worker: str, at: float = 2.0, **more: Any) -> dict[str, Any]:
    return {"task": task, "worker": worker, "at": at, "spent": None, **more}


def test_a_worker_gets_an_open_task_that_has_not_expired_of_an_object_not_seen(connection: Connection) -> None:
    _, (first, same, other) = offered(connection, 1, 3)
    assert task_rows.accept(connection, [move(first, "a", due=9.0), move(first, "b", due=9.0)]) == 1
    assert task_rows.accept(connection, [move(same, "a", due=9.0)]) == 0
    assert task_rows.accept(connection, [move(same, "b", at=100.0, due=101.0)]) == 0
    assert task_rows.accept(connection, [move(same, "b", due=9.0)]) == 1
    assert task_rows.accept(connection, []) == 0
    assert states(connection, first, same, other) == [TaskState.ACCEPTED, TaskState.ACCEPTED, TaskState.OPEN]


def test_the_next_task_is_the_first_that_is_free_for_the_worker(connection: Connection) -> None:
    job_id, (first, second, third, _) = offered(connection, 2, 2)
    taken = task_rows.accept_next(connection, job_id, "a", 1.0, 9.0)
    assert taken is not None
    assert taken.id == first
    in_hand = task_rows.in_hand(connection, job_id, "a", 5.0)
    assert in_hand is not None
    assert in_hand.id == first
    assert task_rows.in_hand(connection, job_id, "a", 9.5) is None
    for worker, expected in (("a", third), ("b", second)):
        taken = task_rows.accept_next(connection, job_id, worker, 1.0, 9.0)
        assert taken is not None
        assert taken.id == expected
        assert json.loads(taken.line) == {"source": f"text {taken.object_id}"}
    assert task_rows.accept_next(connection, job_id, "a", 1.0, 9.0) is None
    assert task_rows.accept_next(connection, job_id, "c", 100.0, 101.0) is None


def test_a_task_of_ones_own_choice_comes_with_its_objects_line_unless_it_is_taken(connection: Connection) -> None:
    _, (_, _, third, fourth) = offered(connection, 2, 2)
    row = task_rows.accept_this(connection, third, "a", 1.0, 9.0)
    assert row is not None
    assert (row.id, row.state, row.accepted) == (third, TaskState.ACCEPTED, 1.0)
    assert json.loads(row.line) == {"source": "text 1"}
    assert task_rows.accept_this(connection, third, "b", 1.0, 9.0) is None
    assert task_rows.accept_this(connection, fourth, "a", 1.0, 9.0) is None


def test_who_chooses_a_task_does_not_wait_for_another_who_does(postgresql_url: str) -> None:
    database = Database(postgresql_url, shared=True)
    with database.write() as connection:
        _, (first, second) = offered(connection, 1, 2)
    with database.write(together=True) as mine, database.write(together=True) as other:
        # If it waited, it would for ever.
        assert task_rows.accept_this(mine, first, "a", 1.0, 9.0) is not None
        assert task_rows.accept_this(other, first, "b", 1.0, 9.0) is None
        assert task_rows.accept_this(other, second, "b", 1.0, 9.0) is not None
    with database.read() as connection:
        assert states(connection, first, second) == [TaskState.ACCEPTED] * 2
    database.close()


def test_only_its_worker_in_time_moves_a_task_and_an_answer_stays(connection: Connection) -> None:
    _, (task,) = offered(connection, 1, 1)
    task_rows.accept(connection, [move(task, "a", due=9.0)])
    for act in (task_rows.save, task_rows.submit, task_rows.decline, task_rows.release):
        assert act(connection, [move(task, "b", answer="{}")]) == 0
        assert act(connection, [move(task, "a", at=9.5, answer="{}")]) == 0
    assert task_rows.save(connection, [move(task, "a", answer="draft")]) == 1
    assert task_rows.submit(connection, [move(task, "a", at=9.0, answer="final")]) == 1
    for act in (task_rows.save, task_rows.submit, task_rows.decline, task_rows.release):
        assert act(connection, [move(task, "a", answer="again")]) == 0
    row = task_rows.find(connection, task)
    assert row is not None
    assert (row.state, row.answer, row.due) == (TaskState.SUBMITTED, "final", 9.0)


def test_what_is_late_is_free_again_and_what_has_waited_too_long_expires(connection: Connection) -> None:
    job_id, (first, second) = offered(connection, 2, 1)
    task_rows.accept(connection, [move(first, "a", due=9.0)])
    assert task_rows.next_change(connection, job_id) == 9.0
    assert task_rows.return_late(connection, job_id, 8.0) == 0
    assert task_rows.return_late(connection, job_id, 9.0) == 1
    row = task_rows.find(connection, first)
    assert row is not None
    assert (row.state, row.worker_id, row.tries) == (TaskState.OPEN, None, 1)
    assert task_rows.has_open(connection, job_id)
    assert task_rows.expire(connection, job_id, 99.0) == 0
    assert task_rows.expire(connection, job_id, 100.0) == 2
    assert states(connection, first, second) == [TaskState.EXPIRED] * 2
    assert not task_rows.has_open(connection, job_id)
    assert task_rows.next_change(connection, job_id) is None


def test_another_is_asked_for_each_who_declines_until_as_many_have(connection: Connection) -> None:
    job_id, (first, second) = offered(connection, 1, 2)

    def decline(task: int, worker: str) -> list[TaskState]:
        task_rows.accept(connection, [move(task, worker, due=9.0)])
        task_rows.decline(connection, [move(task, worker)])
        for _ in range(2):
            task_rows.replace_declined(connection, job_id, 2)
        return [row.state for row in task_rows.with_workers(connection, job_id)]

    assert decline(first, "a") == [TaskState.DECLINED, TaskState.OPEN, TaskState.OPEN]
    assert decline(second, "b") == [TaskState.DECLINED, TaskState.DECLINED, TaskState.EXPIRED]


def test_of_a_worker_who_leaves_only_answers_stay(connection: Connection) -> None:
    _, ids = offered(connection, 4, 1)
    _, late, done, others = ids
    task_rows.accept(connection, [move(task, "b" if task == others else "a", due=9.0) for task in ids])
    task_rows.save(connection, [move(task, "b" if task == others else "a", answer="draft") for task in ids])
    task_rows.submit(connection, [move(done, "a", answer="final")])
    connection.execute(sa.update(tasks).where(tasks.c.id == late).values(state=TaskState.EXPIRED))
    task_rows.give_back(connection, "a")
    rows = [task_rows.find(connection, task_id) for task_id in ids]
    assert [(row.state, row.worker_id, row.answer, row.tries, row.due) for row in rows if row is not None] == [
        (TaskState.OPEN, None, None, 1, None),
        (TaskState.EXPIRED, "a", None, 0, 9.0),
        (TaskState.SUBMITTED, "a", "final", 0, 2.0),
        (TaskState.ACCEPTED, "b", "draft", 0, 9.0),
    ]


def test_answers_are_read_of_the_objects_that_are_asked_for(connection: Connection) -> None:
    job_id, ids = offered(connection, 3, 1)
    task_rows.accept(connection, [move(task, "a", due=9.0) for task in ids])
    assert [row.object_id for row in task_rows.due(connection, job_id, 9.0)] == [0, 1, 2]
    assert task_rows.due(connection, job_id, 8.0) == []
    task_rows.submit(connection, [move(task, "a", answer=str(task)) for task in ids])
    assert [row.object_id for row in task_rows.submitted(connection, job_id, {0, 2})] == [0, 2]
    assert task_rows.submitted(connection, job_id, set()) == []
