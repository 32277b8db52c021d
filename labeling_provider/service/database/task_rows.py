"""The statements of the task queue. Each move of a task is one of them, and moves only what is in the state for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from labeling_provider.service.database.schema import objects, tasks
from labeling_provider.service.database.states import UNDECIDED, ObjectState, TaskState

_OUT: Final = (
    (objects.c.job_id == tasks.c.job_id)
    & (objects.c.object_id == tasks.c.object_id)
    & (objects.c.state == ObjectState.OUT)
)
_TASK: Final[sa.BindParameter[Any]] = sa.bindparam("task")
_WORKER: Final[sa.BindParameter[Any]] = sa.bindparam("worker")
_AT: Final[sa.BindParameter[Any]] = sa.bindparam("at")
_DUE: Final[sa.BindParameter[Any]] = sa.bindparam("due")
_ANSWER: Final[sa.BindParameter[Any]] = sa.bindparam("answer")


def _fixed(state: TaskState) -> sa.ColumnElement[Any]:
    """A state as a part of the statement: one that is executed for many tasks is not given it for each."""
    return sa.literal_column(f"'{state.value}'", tasks.c.state.type)


_FREE: Final[dict[str, Any]] = {
    "state": _fixed(TaskState.OPEN),
    "worker_id": sa.null(),
    "accepted": sa.null(),
    "due": sa.null(),
    "answer": sa.null(),
    "tries": tasks.c.tries + 1,
}
"""A task that nobody is at any more."""


def _unseen(task: Any, worker: Any) -> sa.ColumnElement[bool]:
    """Whether a worker has had no task of this one's object."""
    own = tasks.alias("own")
    same = (own.c.job_id == task.c.job_id, own.c.object_id == task.c.object_id, own.c.worker_id == worker)
    return ~sa.exists().where(*same)


_ACCEPT: Final = (
    sa.update(tasks)
    .where(tasks.c.id == _TASK, tasks.c.state == _fixed(TaskState.OPEN), tasks.c.expires > _AT)
    .where(_unseen(tasks, _WORKER))
    .values(state=_fixed(TaskState.ACCEPTED), worker_id=_WORKER, accepted=_AT, due=_DUE)
)
_HELD: Final = (
    tasks.c.id == _TASK,
    tasks.c.worker_id == _WORKER,
    tasks.c.state == _fixed(TaskState.ACCEPTED),
    tasks.c.due >= _AT,
)
"""A worker is at the task, and its time is not over."""
_SAVE: Final = sa.update(tasks).where(*_HELD).values(answer=_ANSWER)
_SUBMIT: Final = sa.update(tasks).where(*_HELD).values(state=_fixed(TaskState.SUBMITTED), answer=_ANSWER, due=_AT)
_DECLINE: Final = sa.update(tasks).where(*_HELD).values(state=_fixed(TaskState.DECLINED), answer=sa.null(), due=_AT)
_RELEASE: Final = sa.update(tasks).where(*_HELD).values(**_FREE)


def _moved(connection: Connection, move: sa.Update, rows: Sequence[Mapping[str, Any]]) -> int:
    return connection.execute(move, rows).rowcount if rows else 0


def offer(connection: Connection, job_id: int, object_ids: Iterable[int], each: int, expires: float) -> None:
    """Make open tasks for objects.

    :param each: how many, for each object.
    """
    same = {"job_id": job_id, "state": TaskState.OPEN, "tries": 0, "expires": expires}
    rows = [{**same, "object_id": one} for one in object_ids for _ in range(each)]
    if rows:
        connection.execute(sa.insert(tasks), rows)


def accept(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Give open tasks to workers who have had none of the same object.

    :param rows: task, worker, and the times from (``at``) and until when (``due``) the worker is at it.
    :return: how many tasks were free.
    """
    return _moved(connection, _ACCEPT, rows)


def accept_next(connection: Connection, job_id: int, worker: str, at: float, due: float) -> sa.Row[Any] | None:
    """Give a worker the first free task of a job; None if there is none for this worker."""
    free = tasks.alias("free")
    first = (
        sa.select(free.c.id)
        .where(free.c.job_id == job_id, free.c.state == TaskState.OPEN, free.c.expires > at, _unseen(free, worker))
        .order_by(free.c.id)
        .limit(1)
        # Where others are choosing at the same time, each gets another one.
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    take = (
        sa.update(tasks)
        .where(tasks.c.id == first, tasks.c.state == TaskState.OPEN)
        .values(state=TaskState.ACCEPTED, worker_id=worker, accepted=at, due=due)
        .returning(tasks)
    )
    while True:
        try:
            with connection.begin_nested():
                return connection.execute(take).one_or_none()
        except IntegrityError:
            # The same worker, in another window, has just got another task of this object.
            continue


def in_hand(connection: Connection, job_id: int, worker: str, at: float) -> sa.Row[Any] | None:
    """The task of a job that a worker is at; None if there is none."""
    mine = (tasks.c.job_id == job_id, tasks.c.worker_id == worker, tasks.c.state == TaskState.ACCEPTED)
    query = sa.select(tasks).where(*mine, tasks.c.due >= at).order_by(tasks.c.id).limit(1)
    return connection.execute(query).one_or_none()


def save(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Keep drafts of answers.

    :param rows: task, worker, answer and ``at``, as for all moves of a task that a worker is at.
    :return: how many of the tasks were with their worker, and in time, as for all of these moves.
    """
    return _moved(connection, _SAVE, rows)


def submit(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Take answers; see :func:`save`."""
    return _moved(connection, _SUBMIT, rows)


def decline(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Take tasks from workers who would rather not; they get none of the same object again. See :func:`save`."""
    return _moved(connection, _DECLINE, rows)


def release(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Let tasks go; anybody may accept them, and what was done is lost. See :func:`save`."""
    return _moved(connection, _RELEASE, rows)


def return_late(connection: Connection, job_id: int, at: float) -> int:
    """Take a job's tasks from workers whose time for them is over."""
    late = (tasks.c.job_id == job_id, tasks.c.state == TaskState.ACCEPTED, tasks.c.due <= at)
    return connection.execute(sa.update(tasks).where(*late).values(**_FREE)).rowcount


def expire(connection: Connection, job_id: int, at: float | None = None) -> int:
    """End a job's tasks that have waited for too long; without a time, all that have no answer yet."""
    over = [tasks.c.job_id == job_id, tasks.c.state.in_(UNDECIDED)]
    if at is not None:
        over.append(tasks.c.expires <= at)
    return connection.execute(sa.update(tasks).where(*over).values(state=TaskState.EXPIRED)).rowcount


def replace_declined(connection: Connection, job_id: int, wanted: int) -> None:
    """Ask somebody else for each task that was declined; give objects up that too many have declined.

    Done again, it changes nothing: an object has as many tasks that were not declined as answers are wanted, until
    as many were declined.
    """
    declined = sa.select(tasks.c.object_id).where(tasks.c.job_id == job_id, tasks.c.state == TaskState.DECLINED)
    refusals = sa.func.sum(sa.case((tasks.c.state == TaskState.DECLINED, 1), else_=0))
    query = (
        sa.select(tasks.c.object_id, refusals, sa.func.count() - refusals, sa.func.max(tasks.c.expires))
        .join(objects, _OUT)
        .where(tasks.c.job_id == job_id, tasks.c.object_id.in_(declined))
        .group_by(tasks.c.object_id)
        .order_by(tasks.c.object_id)
    )
    given_up = []
    for object_id, refused, others, expires in connection.execute(query).all():
        if refused >= wanted:
            given_up.append(object_id)
        else:
            offer(connection, job_id, [object_id], wanted - others, expires)
    if given_up:
        over = (tasks.c.job_id == job_id, tasks.c.object_id.in_(given_up), tasks.c.state.in_(UNDECIDED))
        connection.execute(sa.update(tasks).where(*over).values(state=TaskState.EXPIRED))


def find(connection: Connection, task_id: int) -> sa.Row[Any] | None:
    """A task."""
    return connection.execute(sa.select(tasks).where(tasks.c.id == task_id)).one_or_none()


def due(connection: Connection, job_id: int, at: float) -> list[sa.Row[Any]]:
    """The accepted tasks of a job whose workers must be done by then, with their objects' manifest lines."""
    query = (
        sa.select(tasks, objects.c.line)
        .join(objects, _OUT)
        .where(tasks.c.job_id == job_id, tasks.c.state == TaskState.ACCEPTED, tasks.c.due <= at)
        .order_by(tasks.c.id)
    )
    return list(connection.execute(query))


def with_workers(connection: Connection, job_id: int) -> list[sa.Row[Any]]:
    """The tasks of the objects that are out, those that nobody has yet among them."""
    columns = (tasks.c.id, tasks.c.object_id, tasks.c.state, tasks.c.tries, tasks.c.worker_id, tasks.c.expires)
    query = sa.select(*columns).join(objects, _OUT).where(tasks.c.job_id == job_id).order_by(tasks.c.id)
    return list(connection.execute(query))


def has_open(connection: Connection, job_id: int) -> bool:
    """Whether anybody may accept a task."""
    query = sa.select(tasks.c.id).where(tasks.c.job_id == job_id, tasks.c.state == TaskState.OPEN).limit(1)
    return connection.execute(query).first() is not None


def next_change(connection: Connection, job_id: int) -> float | None:
    """When the first task of a job expires or must be done; None if there is none left to do."""
    query = sa.select(sa.func.min(tasks.c.expires), sa.func.min(tasks.c.due))
    times = connection.execute(query.where(tasks.c.job_id == job_id, tasks.c.state.in_(UNDECIDED))).one()
    return min((time for time in times if time is not None), default=None)


def submitted(connection: Connection, job_id: int, object_ids: set[int]) -> list[sa.Row[Any]]:
    """The tasks of some objects that have their answer, in order."""
    if not object_ids:
        return []
    query = (
        sa.select(tasks)
        .where(tasks.c.job_id == job_id, tasks.c.state == TaskState.SUBMITTED)
        .where(tasks.c.object_id.between(min(object_ids), max(object_ids)))
        .order_by(tasks.c.id)
    )
    return [row for row in connection.execute(query) if row.object_id in object_ids]
