"""The data objects of labeling jobs: where each is, and what has come of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.database import now
from labeling_provider.service.database.schema import jobs, objects, tasks
from labeling_provider.service.database.states import UNDECIDED, ObjectState, TaskState


class WaitingObject(NamedTuple):
    """An object that nobody has seen yet.

    :param line: its manifest line.
    """

    object_id: int
    line: str


def replace(connection: Connection, job_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make these a job's objects, and no others.

    :param rows: object_id, line, state and result of each.
    """
    connection.execute(sa.delete(objects).where(objects.c.job_id == job_id))
    if rows:
        connection.execute(sa.insert(objects), [{"job_id": job_id, **row} for row in rows])


def unseen(job_id: int) -> sa.Select[tuple[int, str]]:
    """The query for the objects of a job that nobody has seen yet."""
    columns = sa.select(objects.c.object_id, objects.c.line)
    return columns.where(objects.c.job_id == job_id, objects.c.state == ObjectState.WAITING)


def waiting(connection: Connection, job_id: int, limit: int | None = None) -> list[WaitingObject]:
    """The objects of a job that nobody has seen yet, in the order of its input.

    :param limit: how many, at most.
    """
    query = unseen(job_id).order_by(objects.c.object_id).limit(limit)
    return [WaitingObject(row.object_id, row.line) for row in connection.execute(query)]


def count(connection: Connection, job_id: int, *states: ObjectState) -> int:
    """How many objects of a job are in one of some states; without a state, how many there are."""
    query = sa.select(sa.func.count()).where(objects.c.job_id == job_id)
    if states:
        query = query.where(objects.c.state.in_(states))
    return int(connection.execute(query).scalar_one())


def lines(connection: Connection, job_id: int, object_ids: set[int]) -> dict[int, str]:
    """The manifest lines of some objects."""
    if not object_ids:
        return {}
    query = sa.select(objects.c.object_id, objects.c.line).where(
        objects.c.job_id == job_id, objects.c.object_id.between(min(object_ids), max(object_ids))
    )
    return {number: line for number, line in connection.execute(query) if number in object_ids}


def send_out(connection: Connection, job_id: int, object_ids: Iterable[int], iteration: int) -> None:
    """Put objects into the workers' hands, in an iteration of their job."""
    send = (
        sa.update(objects)
        .where(objects.c.job_id == job_id, objects.c.object_id == sa.bindparam("object"))
        .where(objects.c.state == ObjectState.WAITING)
        .values(state=ObjectState.OUT, iteration=iteration)
    )
    connection.execute(send, [{"object": one} for one in object_ids])


def over(connection: Connection, job_id: int) -> list[sa.Row[Any]]:
    """The objects that are out, but that no worker has a task of any more: id, answers, and how many declined."""
    same = (tasks.c.job_id == objects.c.job_id) & (tasks.c.object_id == objects.c.object_id)
    other = tasks.alias()
    undecided = sa.exists().where(
        other.c.job_id == objects.c.job_id,
        other.c.object_id == objects.c.object_id,
        other.c.state.in_(UNDECIDED),
    )
    answers, declined = (
        sa.func.sum(sa.case((tasks.c.state == state, 1), else_=0))
        for state in (TaskState.SUBMITTED, TaskState.DECLINED)
    )
    query = (
        sa.select(objects.c.object_id, answers.label("answers"), declined.label("declined"))
        .join(tasks, same)
        .where(objects.c.job_id == job_id, objects.c.state == ObjectState.OUT, ~undecided)
        .group_by(objects.c.object_id)
        .order_by(objects.c.object_id)
    )
    return list(connection.execute(query))


def mark_answered(connection: Connection, job_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Queue objects for consolidation.

    :param rows: object, when it was answered, and the stamp of its consolidation file.
    """
    mark = (
        sa.update(objects)
        .where(objects.c.job_id == job_id, objects.c.object_id == sa.bindparam("object"))
        .where(objects.c.state == ObjectState.OUT)
        .values(state=ObjectState.ANSWERED, answered=sa.bindparam("answered"), stamp=sa.bindparam("stamp"))
    )
    connection.execute(mark, rows)


def decide(connection: Connection, job_id: int, state: ObjectState, results: Mapping[int, str]) -> int:
    """Give objects that are with people, or were, their outcome.

    :param results: the new keys of their output lines, as JSON, by object id.
    :return: how many had none before.
    """
    if not results:
        return 0
    settle = (
        sa.update(objects)
        .where(objects.c.job_id == job_id, objects.c.object_id == sa.bindparam("object"))
        .where((objects.c.state == ObjectState.OUT) | (objects.c.state == ObjectState.ANSWERED))
        .values(state=state, result=sa.bindparam("content"))
    )
    rows = [{"object": one, "content": content} for one, content in results.items()]
    settled = connection.execute(settle, rows).rowcount
    column = jobs.c.labeled if state == ObjectState.LABELED else jobs.c.failed
    counted = {column.name: column + settled, "modified": now()}
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(counted))
    return settled


def answered(connection: Connection, job_id: int) -> list[sa.Row[Any]]:
    """The objects that wait for consolidation, in the order of its files."""
    query = sa.select(objects).where(objects.c.job_id == job_id, objects.c.state == ObjectState.ANSWERED)
    return list(connection.execute(query.order_by(objects.c.stamp, objects.c.object_id)))


def labeled(connection: Connection, job_id: int) -> list[sa.Row[Any]]:
    """The objects that people have labeled, id and line, in the order of their consolidation."""
    query = sa.select(objects.c.object_id, objects.c.line).where(
        objects.c.job_id == job_id, objects.c.state == ObjectState.LABELED
    )
    return list(connection.execute(query.order_by(objects.c.stamp, objects.c.object_id)))


def labeled_in(connection: Connection, job_id: int, iteration: int) -> list[sa.Row[Any]]:
    """The objects that people have labeled in an iteration: id, line, result."""
    query = (
        sa.select(objects.c.object_id, objects.c.line, objects.c.result)
        .where(objects.c.job_id == job_id, objects.c.iteration == iteration)
        .where(objects.c.state == ObjectState.LABELED)
        .order_by(objects.c.object_id)
    )
    return list(connection.execute(query))


def results(connection: Connection, job_id: int) -> list[sa.Row[Any]]:
    """All objects of a job in the order of its input: line and result."""
    query = sa.select(objects.c.line, objects.c.result).where(objects.c.job_id == job_id)
    return list(connection.execute(query.order_by(objects.c.object_id)))
