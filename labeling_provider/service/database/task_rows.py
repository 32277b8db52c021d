"""Statements on the task queue. A move is one statement, and changes only tasks that are in the right state.

Times are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningUpdate

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
_SPENT: Final[sa.BindParameter[Any]] = sa.bindparam("spent")


def _fixed(state: TaskState) -> sa.ColumnElement[Any]:
    """A state as a literal, so that it is not a parameter for each of many tasks."""
    return sa.literal_column(f"'{state.value}'", tasks.c.state.type)


_FREE: Final[dict[str, Any]] = {
    "state": _fixed(TaskState.OPEN),
    "worker_id": sa.null(),
    "accepted": sa.null(),
    "due": sa.null(),
    "answer": sa.null(),
    "spent": sa.null(),
    "tries": tasks.c.tries + 1,
}
"""The values of a task that is open again."""


def _unseen(task: Any, worker: Any) -> sa.ColumnElement[bool]:
    """Whether a worker has not had any task for the same object."""
    own = tasks.alias("own")
    same = (own.c.job_id == task.c.job_id, own.c.object_id == task.c.object_id, own.c.worker_id == worker)
    return ~sa.exists().where(*same)


_ACCEPT: Final = (
    sa.update(tasks)
    .where(tasks.c.id == _TASK, tasks.c.state == _fixed(TaskState.OPEN), tasks.c.expires > _AT)
    .where(_unseen(tasks, _WORKER))
    .values(state=_fixed(TaskState.ACCEPTED), worker_id=_WORKER, accepted=_AT, due=_DUE)
)
_LINE: Final = (
    sa.select(objects.c.line)
    # As text: in a RETURNING clause for SQLite, SQLAlchemy leaves out the tables of columns.
    .where(sa.text("objects.job_id = tasks.job_id AND objects.object_id = tasks.object_id"))
    .scalar_subquery()
    .label("line")
)
_HELD: Final = (
    tasks.c.id == _TASK,
    tasks.c.worker_id == _WORKER,
    tasks.c.state == _fixed(TaskState.ACCEPTED),
    tasks.c.due >= _AT,
)
"""A worker is at the task, and its time is not over."""
_AT_HAND: Final = tasks.alias("at_hand")
_FREE_TASK: Final = tasks.alias("free")
_FREE_FOR_WORKER: Final = (
    sa.select(_FREE_TASK.c.id)
    .where(_FREE_TASK.c.state == _fixed(TaskState.OPEN), _FREE_TASK.c.expires > _AT)
    .where(_unseen(_FREE_TASK, _WORKER))
)


def _accepting(free: sa.Select[tuple[int]]) -> ReturningUpdate[Any]:
    """Accept a free task, skipping those that others are accepting.

    Workers who choose at the same time get different tasks, and nobody waits here: others might wait for the task that
    was just submitted.
    """
    chosen = free.with_for_update(skip_locked=True).scalar_subquery()
    return (
        sa.update(tasks)
        .where(tasks.c.id == chosen, tasks.c.state == _fixed(TaskState.OPEN))
        .values(state=_fixed(TaskState.ACCEPTED), worker_id=_WORKER, accepted=_AT, due=_DUE)
        .returning(tasks, _LINE)
    )


# On PostgreSQL, two windows of one person that ask at the same moment may get a task each, which does no harm.
_ACCEPT_ONE: Final = _accepting(
    _FREE_FOR_WORKER.where(
        _FREE_TASK.c.id == _TASK,
        ~sa.exists().where(
            _AT_HAND.c.job_id == _FREE_TASK.c.job_id,
            _AT_HAND.c.state == _fixed(TaskState.ACCEPTED),
            _AT_HAND.c.worker_id == _WORKER,
            _AT_HAND.c.due >= _AT,
        ),
    )
)
_ACCEPT_NEXT: Final = _accepting(
    _FREE_FOR_WORKER.where(_FREE_TASK.c.job_id == sa.bindparam("job")).order_by(_FREE_TASK.c.id).limit(1)
)
_SAVE: Final = sa.update(tasks).where(*_HELD).values(answer=_ANSWER, spent=_SPENT)
_SUBMIT: Final = (
    sa.update(tasks).where(*_HELD).values(state=_fixed(TaskState.SUBMITTED), answer=_ANSWER, due=_AT, spent=_SPENT)
)
_DECLINE: Final = sa.update(tasks).where(*_HELD).values(state=_fixed(TaskState.DECLINED), answer=sa.null(), due=_AT)
_RELEASE: Final = sa.update(tasks).where(*_HELD).values(**_FREE)


_WITH_LINE: Final = (
    sa.select(tasks, objects.c.line)
    .join(objects, (objects.c.job_id == tasks.c.job_id) & (objects.c.object_id == tasks.c.object_id))
    .where(tasks.c.id == _TASK)
)
_IN_HAND: Final = (
    sa.select(tasks)
    .where(tasks.c.job_id == sa.bindparam("job"), tasks.c.state == _fixed(TaskState.ACCEPTED))
    .where(tasks.c.worker_id == _WORKER, tasks.c.due >= _AT)
    .order_by(tasks.c.id)
    .limit(1)
)


def _kept_apart(connection: Connection) -> AbstractContextManager[Any]:
    """Keep the transaction usable if a statement breaks a constraint; on SQLite, nobody else writes meanwhile."""
    return nullcontext() if connection.dialect.name == "sqlite" else connection.begin_nested()


def _moved(connection: Connection, move: sa.Update, rows: Sequence[Mapping[str, Any]]) -> int:
    return connection.execute(move, rows).rowcount if rows else 0


def offer(connection: Connection, job_id: int, object_ids: Iterable[int], each: int, expires: float) -> None:
    """Insert open tasks for objects.

    :param each: how many tasks for each object.
    :param expires: until when they are available, in epoch seconds.
    """
    same = {"job_id": job_id, "state": TaskState.OPEN, "tries": 0, "expires": expires}
    rows = [{**same, "object_id": object_id} for object_id in object_ids for _ in range(each)]
    if rows:
        connection.execute(sa.insert(tasks), rows)


def accept(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Assign open tasks to workers who have not had the same object.

    :param rows: for each, ``task``, ``worker``, and the times from (``at``) and until (``due``) which the worker holds
        it, in epoch seconds.
    :return: how many tasks were assigned.
    """
    return _moved(connection, _ACCEPT, rows)


def accept_this(connection: Connection, task_id: int, worker: str, at: float, due: float) -> sa.Row[Any] | None:
    """Give one open task to a worker who is at no other of the job and has had none of the same object.

    :return: the task with its object's manifest line; None if the task or the worker was not free.
    """
    row = {"task": task_id, "worker": worker, "at": at, "due": due}
    try:
        with _kept_apart(connection):
            return connection.execute(_ACCEPT_ONE, row).one_or_none()
    except IntegrityError:
        # The same worker, in another window, has just got another task of this object.
        return None


def accept_next(connection: Connection, job_id: int, worker: str, at: float, due: float) -> sa.Row[Any] | None:
    """Assign the first open task of a job whose object the worker has not had.

    :param at: epoch seconds.
    :param due: until when the worker holds it, in epoch seconds.
    :return: the task with its object's manifest line; None if there is none.
    """
    row = {"job": job_id, "worker": worker, "at": at, "due": due}
    while True:
        try:
            with _kept_apart(connection):
                return connection.execute(_ACCEPT_NEXT, row).one_or_none()
        except IntegrityError:
            # The same worker, in another window, has just got a task for this object.
            continue


def in_hand(connection: Connection, job_id: int, worker: str, at: float) -> sa.Row[Any] | None:
    """The task of a job that a worker is at; None if there is none."""
    return connection.execute(_IN_HAND, {"job": job_id, "worker": worker, "at": at}).one_or_none()


def save(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Save drafts of answers.

    :param rows: for each, ``task``, ``worker``, ``answer`` as JSON, and ``at`` in epoch seconds.
    :return: how many were saved, because the worker still held the task.
    """
    return _moved(connection, _SAVE, rows)


def submit(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Submit answers, with the parameters and result of :func:`save`."""
    return _moved(connection, _SUBMIT, rows)


def decline(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Decline tasks; their workers get no other task for the same object. Parameters and result as in :func:`save`."""
    return _moved(connection, _DECLINE, rows)


def release(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Make tasks open again and delete their drafts. Parameters and result as in :func:`save`."""
    return _moved(connection, _RELEASE, rows)


def return_late(connection: Connection, job_id: int, at: float) -> int:
    """Make a job's accepted tasks open again whose time is up."""
    late = (tasks.c.job_id == job_id, tasks.c.state == TaskState.ACCEPTED, tasks.c.due <= at)
    return connection.execute(sa.update(tasks).where(*late).values(**_FREE)).rowcount


def give_back(connection: Connection, worker_id: str) -> None:
    """Make all tasks that a worker is at open again, and delete the drafts of the worker's other ones."""
    is_held = tasks.c.state == TaskState.ACCEPTED
    freed = {name: sa.case((is_held, value), else_=tasks.c[name]) for name, value in _FREE.items()}
    own = (tasks.c.worker_id == worker_id, tasks.c.state.in_((TaskState.ACCEPTED, TaskState.EXPIRED)))
    connection.execute(sa.update(tasks).where(*own).values({**freed, "answer": None}))


def expire(connection: Connection, job_id: int, at: float | None = None) -> int:
    """Expire a job's unfinished tasks.

    :param at: expire those that are no longer available at this time, in epoch seconds; None for all.
    """
    over = [tasks.c.job_id == job_id, tasks.c.state.in_(UNDECIDED)]
    if at is not None:
        over.append(tasks.c.expires <= at)
    return connection.execute(sa.update(tasks).where(*over).values(state=TaskState.EXPIRED)).rowcount


def withdraw(connection: Connection, job_id: int) -> set[int]:
    """Expire a job's unfinished tasks; returns their objects. Waits for answers that come in meanwhile."""
    over = (tasks.c.job_id == job_id, tasks.c.state.in_(UNDECIDED))
    expired = sa.update(tasks).where(*over).values(state=TaskState.EXPIRED).returning(tasks.c.object_id)
    return set(connection.execute(expired).scalars())


def replace_declined(connection: Connection, job_id: int, wanted: int) -> None:
    """Insert new tasks in place of declined ones; expire the tasks of objects that too many workers have declined.

    No statement both inserts and updates on SQLite, so the caller must hold the job's lease: others only decline more
    meanwhile. Repeating this changes nothing: it keeps the number of tasks that were not declined at ``wanted``.

    :param wanted: how many answers each object needs, and how many declined tasks are too many.
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
    """The task with an id; None if there is none."""
    return connection.execute(sa.select(tasks).where(tasks.c.id == task_id)).one_or_none()


def find_with_line(connection: Connection, task_id: int) -> sa.Row[Any] | None:
    """A task with its object's manifest line."""
    return connection.execute(_WITH_LINE, {"task": task_id}).one_or_none()


def open_tasks(connection: Connection, job_id: int, at: float, limit: int) -> list[sa.Row[Any]]:
    """Number and object of the first tasks of a job that are free."""
    query = sa.select(tasks.c.id, tasks.c.object_id).where(
        tasks.c.job_id == job_id, tasks.c.state == TaskState.OPEN, tasks.c.expires > at
    )
    return list(connection.execute(query.order_by(tasks.c.id).limit(limit)))


def open_with_lines(
    connection: Connection, job_id: int, at: float, limit: int, max_characters: int
) -> list[sa.Row[Any]]:
    """Number, object and manifest line of the first tasks of a job that are free.

    :param max_characters: longest line to return; None takes the place of longer ones.
    """
    query = sa.select(
        tasks.c.id,
        tasks.c.object_id,
        sa.case((sa.func.length(objects.c.line) <= max_characters, objects.c.line)).label("line"),
    ).join(objects, (objects.c.job_id == tasks.c.job_id) & (objects.c.object_id == tasks.c.object_id))
    free = (tasks.c.job_id == job_id, tasks.c.state == TaskState.OPEN, tasks.c.expires > at)
    return list(connection.execute(query.where(*free).order_by(tasks.c.id).limit(limit)))


def objects_of(connection: Connection, job_id: int, worker: str) -> set[int]:
    """The objects of a job that a worker has had a task of."""
    query = sa.select(tasks.c.object_id).where(tasks.c.job_id == job_id, tasks.c.worker_id == worker)
    return set(connection.execute(query).scalars())


def count_open(connection: Connection, job_id: int, worker: str, at: float) -> int:
    """How many objects of a job have a free task for a worker."""
    # Not by _unseen: PostgreSQL knows nothing of a new job, and would look through all its tasks for each of them.
    seen = sa.select(tasks.c.object_id).where(tasks.c.job_id == job_id, tasks.c.worker_id == worker)
    free = tasks.alias("free")
    query = sa.select(sa.func.count(sa.distinct(free.c.object_id))).where(
        free.c.job_id == job_id,
        free.c.state == TaskState.OPEN,
        free.c.expires > at,
        free.c.object_id.not_in(seen),
    )
    return int(connection.execute(query).scalar_one())


def workers_at_work(connection: Connection, job_id: int, at: float) -> set[str]:
    """The workers who have a task of a job in hand."""
    held = (tasks.c.job_id == job_id, tasks.c.state == TaskState.ACCEPTED, tasks.c.due >= at)
    return set(connection.execute(sa.select(tasks.c.worker_id).where(*held).distinct()).scalars())


def held_by_others(connection: Connection, job_id: int, worker: str, at: float) -> bool:
    """Whether others have tasks in hand that a worker could get if they came back."""
    held = tasks.alias("held")
    query = sa.select(held.c.id).where(
        held.c.job_id == job_id, held.c.state == TaskState.ACCEPTED, held.c.due >= at, held.c.worker_id != worker
    )
    return connection.execute(query.where(_unseen(held, worker)).limit(1)).first() is not None


def has_undecided(connection: Connection, job_id: int) -> bool:
    """Whether tasks of a job may still get an answer."""
    query = sa.select(tasks.c.id).where(tasks.c.job_id == job_id, tasks.c.state.in_(UNDECIDED)).limit(1)
    return connection.execute(query).first() is not None


def due(connection: Connection, job_id: int, at: float) -> list[sa.Row[Any]]:
    """A job's accepted tasks that are due at a time, in epoch seconds, with the manifest lines of their objects."""
    query = (
        sa.select(tasks, objects.c.line)
        .join(objects, _OUT)
        .where(tasks.c.job_id == job_id, tasks.c.state == TaskState.ACCEPTED, tasks.c.due <= at)
        .order_by(tasks.c.id)
    )
    return list(connection.execute(query))


def with_workers(connection: Connection, job_id: int) -> list[sa.Row[Any]]:
    """All tasks, including open ones, for a job's objects that are with workers."""
    columns = (tasks.c.id, tasks.c.object_id, tasks.c.state, tasks.c.tries, tasks.c.worker_id, tasks.c.expires)
    query = sa.select(*columns).join(objects, _OUT).where(tasks.c.job_id == job_id).order_by(tasks.c.id)
    return list(connection.execute(query))


def has_open(connection: Connection, job_id: int) -> bool:
    """Whether a job has open tasks."""
    query = sa.select(tasks.c.id).where(tasks.c.job_id == job_id, tasks.c.state == TaskState.OPEN).limit(1)
    return connection.execute(query).first() is not None


def next_change(connection: Connection, job_id: int) -> float | None:
    """When a job's next task is due or expires, in epoch seconds; None if all are finished."""
    query = sa.select(sa.func.min(tasks.c.expires), sa.func.min(tasks.c.due))
    times = connection.execute(query.where(tasks.c.job_id == job_id, tasks.c.state.in_(UNDECIDED))).one()
    return min((time for time in times if time is not None), default=None)


def submitted(connection: Connection, job_id: int, object_ids: set[int]) -> list[sa.Row[Any]]:
    """The submitted tasks of some objects, in order of their ids."""
    if not object_ids:
        return []
    query = (
        sa.select(tasks)
        .where(tasks.c.job_id == job_id, tasks.c.state == TaskState.SUBMITTED)
        .where(tasks.c.object_id.between(min(object_ids), max(object_ids)))
        .order_by(tasks.c.id)
    )
    return [row for row in connection.execute(query) if row.object_id in object_ids]


def workers_of(connection: Connection, task_ids: Collection[int]) -> dict[int, str]:
    """The workers of tasks, by the tasks' ids."""
    if not task_ids:
        return {}
    query = sa.select(tasks.c.id, tasks.c.worker_id).where(tasks.c.id.between(min(task_ids), max(task_ids)))
    return {row.id: row.worker_id for row in connection.execute(query) if row.id in task_ids}
