"""Statements on the data objects of labeling jobs: their states and results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.database import now
from labeling_provider.service.database.schema import jobs, objects, tasks
from labeling_provider.service.database.states import UNDECIDED, ObjectState, TaskState

_AT_ONCE: Final = 1_000
"""Rows that are read at once, if there are many."""


class WaitingObject(NamedTuple):
    """An object that has not been sent to workers.

    :param line: its manifest line.
    """

    object_id: int
    line: str


def clear(connection: Connection, job_id: int) -> None:
    """Delete a job's objects."""
    connection.execute(sa.delete(objects).where(objects.c.job_id == job_id))


def insert(connection: Connection, job_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add objects to a job.

    :param rows: the object_id, line, state and result of each; at least one.
    """
    connection.execute(sa.insert(objects), [{"job_id": job_id, **row} for row in rows])


def ids(connection: Connection, job_id: int, state: ObjectState) -> list[int]:
    """The objects of a job in a state, in the order of its input."""
    query = sa.select(objects.c.object_id).where(objects.c.job_id == job_id, objects.c.state == state)
    return list(connection.execute(query.order_by(objects.c.object_id)).scalars())


def waiting_query(job_id: int) -> sa.Select[tuple[int, str]]:
    """The query for a job's waiting objects: object_id and line."""
    columns = sa.select(objects.c.object_id, objects.c.line)
    return columns.where(objects.c.job_id == job_id, objects.c.state == ObjectState.WAITING)


def waiting(connection: Connection, job_id: int, limit: int | None = None, *, skipped: int = 0) -> list[WaitingObject]:
    """A job's waiting objects, in the order of its input.

    :param limit: how many, at most; None for all.
    :param skipped: how many to leave out first.
    """
    query = waiting_query(job_id).order_by(objects.c.object_id).limit(limit).offset(skipped)
    return [WaitingObject(row.object_id, row.line) for row in connection.execute(query)]


def count(connection: Connection, job_id: int, *states: ObjectState) -> int:
    """How many objects of a job are in any of these states; without states, how many it has."""
    query = sa.select(sa.func.count()).where(objects.c.job_id == job_id)
    if states:
        query = query.where(objects.c.state.in_(states))
    return int(connection.execute(query).scalar_one())


def lines(connection: Connection, job_id: int, object_ids: set[int]) -> dict[int, str]:
    """The manifest lines of some objects, by object id."""
    if not object_ids:
        return {}
    query = sa.select(objects.c.object_id, objects.c.line).where(
        objects.c.job_id == job_id, objects.c.object_id.between(min(object_ids), max(object_ids))
    )
    return {number: line for number, line in connection.execute(query) if number in object_ids}


def send_out(connection: Connection, job_id: int, object_ids: Iterable[int], iteration: int) -> None:
    """Mark waiting objects as sent to workers, in an iteration of their job."""
    send = (
        sa.update(objects)
        .where(objects.c.job_id == job_id, objects.c.object_id == sa.bindparam("object"))
        .where(objects.c.state == ObjectState.WAITING)
        .values(state=ObjectState.OUT, iteration=iteration)
    )
    connection.execute(send, [{"object": object_id} for object_id in object_ids])


def call_back(connection: Connection, job_id: int, object_ids: Iterable[int]) -> None:
    """Make objects that were sent to workers wait again."""
    back = (
        sa.update(objects)
        .where(objects.c.job_id == job_id, objects.c.object_id == sa.bindparam("object"))
        .where(objects.c.state == ObjectState.OUT)
        .values(state=ObjectState.WAITING)
    )
    rows = [{"object": object_id} for object_id in object_ids]
    if rows:
        connection.execute(back, rows)


def finished(connection: Connection, job_id: int) -> list[sa.Row[Any]]:
    """The objects with workers whose tasks are all finished: object_id, and how many answers and declined tasks."""
    same = (tasks.c.job_id == objects.c.job_id) & (tasks.c.object_id == objects.c.object_id)
    answers, declined, undecided = (
        sa.func.sum(sa.case((tasks.c.state.in_(states), 1), else_=0))
        for states in ([TaskState.SUBMITTED], [TaskState.DECLINED], UNDECIDED)
    )
    query = (
        sa.select(objects.c.object_id, answers.label("answers"), declined.label("declined"))
        .join(tasks, same)
        .where(objects.c.job_id == job_id, objects.c.state == ObjectState.OUT)
        .group_by(objects.c.object_id)
        # Counted, not looked for: SQLite would go through all open tasks of the job for each object.
        .having(undecided == 0)
        .order_by(objects.c.object_id)
    )
    return list(connection.execute(query))


def mark_answered(connection: Connection, job_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Queue objects for consolidation.

    :param rows: for each, its id as ``object``, when it was ``answered`` in epoch seconds, and the ``stamp`` of its
        consolidation file.
    """
    mark = (
        sa.update(objects)
        .where(objects.c.job_id == job_id, objects.c.object_id == sa.bindparam("object"))
        .where(objects.c.state == ObjectState.OUT)
        .values(state=ObjectState.ANSWERED, answered=sa.bindparam("answered"), stamp=sa.bindparam("stamp"))
    )
    connection.execute(mark, rows)


def decide(connection: Connection, job_id: int, state: ObjectState, results: Mapping[int, str]) -> int:
    """Set the final state of objects that were sent to workers, and count them in their job.

    :param results: the new keys of their output lines, as JSON, by object id.
    :return: how many were not in a final state before.
    """
    if not results:
        return 0
    settle = (
        sa.update(objects)
        .where(objects.c.job_id == job_id, objects.c.object_id == sa.bindparam("object"))
        .where((objects.c.state == ObjectState.OUT) | (objects.c.state == ObjectState.ANSWERED))
        .values(state=state, result=sa.bindparam("content"))
    )
    rows = [{"object": object_id, "content": content} for object_id, content in results.items()]
    settled = connection.execute(settle, rows).rowcount
    column = jobs.c.labeled if state == ObjectState.LABELED else jobs.c.failed
    counted = {column.name: column + settled, "modified": now()}
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(counted))
    return settled


def answered(connection: Connection, job_id: int) -> list[sa.Row[Any]]:
    """The objects that wait for consolidation, in the order of their consolidation files."""
    query = sa.select(objects).where(objects.c.job_id == job_id, objects.c.state == ObjectState.ANSWERED)
    return list(connection.execute(query.order_by(objects.c.stamp, objects.c.object_id)))


def labeled(connection: Connection, job_id: int, last: int | None = None) -> Iterator[sa.Row[Any]]:
    """The objects that people have labeled, in the order of their consolidation: object_id and line.

    :param last: how many of the last ones to read; None for all.
    """
    query = sa.select(objects.c.object_id, objects.c.line, objects.c.stamp).where(
        objects.c.job_id == job_id, objects.c.state == ObjectState.LABELED
    )
    if last is not None:
        chosen = query.order_by(objects.c.stamp.desc(), objects.c.object_id.desc()).limit(last).subquery()
        query = sa.select(chosen.c.object_id, chosen.c.line, chosen.c.stamp)
    ordered = query.order_by(query.selected_columns.stamp, query.selected_columns.object_id)
    return iter(connection.execute(ordered.execution_options(yield_per=_AT_ONCE)))


def consolidated(connection: Connection, job_id: int, after: int, files: int) -> list[sa.Row[Any]]:
    """The objects of a job's next consolidation files that people have labeled: object_id, iteration, stamp and result,
    in the order of the files.

    :param after: the stamp of the file before; -1 for the first ones.
    :param files: how many files, at most.
    """
    wanted = (objects.c.job_id == job_id) & (objects.c.state == ObjectState.LABELED) & (objects.c.stamp > after)
    stamps = sa.select(objects.c.stamp).where(wanted).distinct().order_by(objects.c.stamp).limit(files).subquery()
    last = sa.select(sa.func.max(stamps.c.stamp)).scalar_subquery()
    query = sa.select(objects.c.object_id, objects.c.iteration, objects.c.stamp, objects.c.result)
    ordered = query.where(wanted, objects.c.stamp <= last).order_by(objects.c.stamp, objects.c.object_id)
    return list(connection.execute(ordered))


def revise(connection: Connection, job_id: int, results: Mapping[int, str]) -> None:
    """Replace the results of objects that people have labeled.

    :param results: the new keys of their output lines, as JSON, by object id.
    """
    change = (
        sa.update(objects)
        .where(objects.c.job_id == job_id, objects.c.object_id == sa.bindparam("object"))
        .where(objects.c.state == ObjectState.LABELED)
        .values(result=sa.bindparam("content"))
    )
    if results:
        rows = [{"object": object_id, "content": content} for object_id, content in results.items()]
        connection.execute(change, rows)


def labeled_in(connection: Connection, job_id: int, iteration: int) -> list[sa.Row[Any]]:
    """The objects that people have labeled in an iteration: object_id, line, result."""
    query = (
        sa.select(objects.c.object_id, objects.c.line, objects.c.result)
        .where(objects.c.job_id == job_id, objects.c.iteration == iteration)
        .where(objects.c.state == ObjectState.LABELED)
        .order_by(objects.c.object_id)
    )
    return list(connection.execute(query))


def results(connection: Connection, job_id: int) -> Iterator[sa.Row[Any]]:
    """All objects of a job, in the order of its input: line and result."""
    query = sa.select(objects.c.line, objects.c.result).where(objects.c.job_id == job_id)
    return iter(connection.execute(query.order_by(objects.c.object_id).execution_options(yield_per=_AT_ONCE)))
