"""The next task is suggested to one person at a time, and never one of an object that the person has had."""

from __future__ import annotations

import pytest

from labeling_provider.service.database import task_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.work import open_tasks
from labeling_provider.service.work.open_tasks import OpenTasks
from tests.service.database.rows import job

LATER = 1_000.0


def offered(connection: Connection, count: int, each: int = 1) -> tuple[int, list[int]]:
    """A job with open tasks; its id and theirs."""
    job_id = job(connection, states="o" * count)
    task_rows.offer(connection, job_id, range(count), each, 1e9)
    return job_id, [row.id for row in task_rows.with_workers(connection, job_id)]


def test_a_task_is_kept_for_whom_it_was_suggested_to(connection: Connection) -> None:
    job_id, tasks = offered(connection, 2)
    known = OpenTasks()
    assert [known.suggest(connection, job_id, who, 1.0) for who in ("ann", "ben", "ann")] == [*tasks, tasks[0]]
    assert known.suggest(connection, job_id, "eve", 2.0) is None, "it has looked again"
    assert known.line_of("ann", tasks[0]) == (job_id, '{"source": "text 0"}')
    assert known.line_of("ben", tasks[0]) is None
    assert known.suggest(connection, job_id, "eve", LATER) == tasks[0], "ann has not come for a long time"


def test_an_object_is_not_suggested_again_unless_it_was_given_back(connection: Connection) -> None:
    job_id, tasks = offered(connection, 1, each=2)
    known = OpenTasks()
    first = known.suggest(connection, job_id, "ann", 1.0)
    assert first in tasks
    known.taken(job_id, "ann", first, 0)
    assert known.suggest(connection, job_id, "ann", LATER) is None
    known.returned(job_id, "ann", 0)
    assert known.suggest(connection, job_id, "ann", 2 * LATER) in tasks


def test_what_somebody_else_has_taken_is_not_suggested_again(connection: Connection) -> None:
    job_id, tasks = offered(connection, 2)
    known = OpenTasks()
    assert known.suggest(connection, job_id, "ann", 1.0) == tasks[0]
    assert task_rows.accept_this(connection, tasks[0], "ben", 1.0, 9e9) is not None
    known.gone(job_id, "ann")
    assert known.suggest(connection, job_id, "ann", 1.0) == tasks[1]
    known.forget(job_id)
    assert known.suggest(connection, job_id, "ben", 1.0) == tasks[1]


def test_a_long_line_is_not_remembered(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_tasks, "_MAX_LINE_CHARACTERS", 5)
    job_id, tasks = offered(connection, 1)
    known = OpenTasks()
    assert known.suggest(connection, job_id, "ann", 1.0) == tasks[0]
    assert known.line_of("ann", tasks[0]) is None
