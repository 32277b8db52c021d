"""Statements on the state of automated labeling: the objects of its jobs, and its trainings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.job_rows import TrainingRow
from labeling_provider.service.database.object_rows import WaitingObject, waiting_query
from labeling_provider.service.database.schema import learning, objects, trainings
from labeling_provider.service.database.states import LearningRole, ObjectState

_SAME_OBJECT = (objects.c.job_id == learning.c.job_id) & (objects.c.object_id == learning.c.object_id)


class LearningObject(NamedTuple):
    """An object that a model learns from, is measured on, or may label.

    :param line: its manifest line.
    :param result: the new keys of its output line, as JSON; None unless people have labeled it.
    :param role: what people's label on it is for; None if it was not sent to people.
    :param score: how sure the last model was of it; None if no model has seen it.
    :param left: since which iteration a validation object no longer represents unlabeled ones; None while it does.
    :param agreement: if it left because a model labels objects with its score, the model's agreement with people on it,
        0 to 1; else None.
    """

    object_id: int
    state: ObjectState
    line: str
    result: str | None
    role: LearningRole | None
    score: float | None
    left: int | None
    agreement: float | None


class Leaving(NamedTuple):
    """A validation object that no longer represents unlabeled objects; see :class:`LearningObject`."""

    object_id: int
    score: float
    agreement: float | None


def take_in(connection: Connection, job_id: int, object_ids: Iterable[int]) -> None:
    """Set the objects of a job that automated labeling deals with, replacing any earlier ones."""
    connection.execute(sa.delete(learning).where(learning.c.job_id == job_id))
    rows = [{"job_id": job_id, "object_id": number} for number in object_ids]
    if rows:
        connection.execute(sa.insert(learning), rows)


def send(connection: Connection, job_id: int, object_ids: Iterable[int], role: LearningRole) -> None:
    """Set the role of objects that go to people."""
    _update(connection, learning, job_id, [{"object": number} for number in object_ids], role=role)


def count_sent(connection: Connection, job_id: int) -> dict[tuple[LearningRole, ObjectState], int]:
    """How many objects have gone to people, by their role and their current state."""
    query = (
        sa.select(learning.c.role, objects.c.state, sa.func.count())
        .join(objects, _SAME_OBJECT)
        .where(learning.c.job_id == job_id, learning.c.role.is_not(None))
        .group_by(learning.c.role, objects.c.state)
    )
    return {(role, state): count for role, state, count in connection.execute(query)}


def least_certain(connection: Connection, job_id: int, limit: int) -> list[WaitingObject]:
    """The waiting objects that the last model was least sure of. Those that it has not seen come first."""
    query = (
        waiting_query(job_id)
        .join(learning, _SAME_OBJECT)
        .order_by(learning.c.score.is_not(None), learning.c.score, objects.c.object_id)
        .limit(limit)
    )
    return [WaitingObject(row.object_id, row.line) for row in connection.execute(query)]


def material(connection: Connection, job_id: int) -> list[LearningObject]:
    """The objects that people have labeled and those that are waiting, in the order of the job's input."""
    query = (
        sa.select(objects.c.object_id, objects.c.state, objects.c.line, objects.c.result)
        .add_columns(learning.c.role, learning.c.score, learning.c.left, learning.c.agreement)
        .join(learning, _SAME_OBJECT)
        .where(objects.c.job_id == job_id, objects.c.state.in_((ObjectState.LABELED, ObjectState.WAITING)))
        .order_by(objects.c.object_id)
    )
    return [LearningObject(*row) for row in connection.execute(query)]


def trainings_of(connection: Connection, job_id: int) -> list[TrainingRow]:
    """A job's trainings, oldest first."""
    columns = [trainings.c[name] for name in TrainingRow.__slots__]
    query = sa.select(*columns).where(trainings.c.job_id == job_id).order_by(trainings.c.iteration)
    return [TrainingRow(*row) for row in connection.execute(query)]


def record_training(
    connection: Connection,
    job_id: int,
    training: TrainingRow,
    results: Mapping[int, str],
    scores: Mapping[int, float],
    leaving: Sequence[Leaving],
) -> None:
    """Store a training and its results.

    :param results: the new keys of the output lines of objects that the model labeled, as JSON, by object id.
    :param scores: how sure it was of the other objects, by object id.
    :param leaving: validation objects that later models are not measured on.
    """
    columns = {name: getattr(training, name) for name in TrainingRow.__slots__}
    connection.execute(sa.insert(trainings).values(job_id=job_id, **columns))
    labeled = [{"object": number, "new_result": result} for number, result in results.items()]
    _update(connection, objects, job_id, labeled, result=sa.bindparam("new_result"), state=ObjectState.MACHINE)
    scored = [{"object": number, "new_score": score} for number, score in scores.items()]
    _update(connection, learning, job_id, scored, score=sa.bindparam("new_score"))
    left = [
        {"object": leaver.object_id, "new_score": leaver.score, "new_agreement": leaver.agreement} for leaver in leaving
    ]
    values: dict[str, Any] = {"score": sa.bindparam("new_score"), "agreement": sa.bindparam("new_agreement")}
    _update(connection, learning, job_id, left, left=training.iteration, **values)


def _update(
    connection: Connection, table: sa.Table, job_id: int, rows: Sequence[Mapping[str, Any]], **values: Any
) -> None:
    """Set columns of a job's objects.

    :param rows: for each object its id, as ``object``, and the bound parameters.
    :param values: the columns to set.
    """
    if rows:
        own = sa.update(table).where(table.c.job_id == job_id, table.c.object_id == sa.bindparam("object"))
        connection.execute(own.values(**values), rows)
