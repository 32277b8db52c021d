"""Statements on the models of automated labeling."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import jobs, models, objects, trainings
from labeling_provider.service.database.states import ObjectState


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A stored model.

    :param algorithm: the last part of the ARN of its algorithm specification.
    :param created: epoch seconds.
    :param description: the response of DescribeModel.
    """

    name: str
    arn: str
    algorithm: str
    created: float
    description: dict[str, Any]


def find_by_name(connection: Connection, name: str) -> ModelRow | None:
    """The model with a name, in any case; None if there is none."""
    return _find(connection, models.c.name_key == name.lower())


def find_by_arn(connection: Connection, arn: str) -> ModelRow | None:
    """The model with an ARN; None if there is none."""
    return _find(connection, models.c.arn == arn)


def every_model(connection: Connection) -> list[ModelRow]:
    """All of them, oldest first."""
    return [_model(row) for row in connection.execute(sa.select(models).order_by(models.c.created))]


def put(connection: Connection, model: ModelRow) -> None:
    """Store a model. It replaces one with the same name."""
    row = {
        "name_key": model.name.lower(),
        "arn": model.arn,
        "algorithm": model.algorithm,
        "created": model.created,
        "description": json.dumps(model.description),
    }
    connection.execute(sa.delete(models).where(models.c.name_key == row["name_key"]))
    connection.execute(sa.insert(models), row)


def last_arn_of(connection: Connection, job_name: str, algorithm: str | None) -> str | None:
    """The ARN of the last model that a job trained for an algorithm; None if there is none."""
    query = (
        sa.select(trainings.c.model_arn)
        .join(jobs, jobs.c.id == trainings.c.job_id)
        .join(models, models.c.arn == trainings.c.model_arn)
        .where(jobs.c.name_key == job_name.lower(), models.c.algorithm == algorithm)
        .order_by(trainings.c.iteration.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def any_given_line(connection: Connection, job_id: int) -> str | None:
    """The manifest line of one of the job's objects that came with a label; None if there is none."""
    given = (objects.c.job_id == job_id, objects.c.state == ObjectState.GIVEN)
    return connection.execute(sa.select(objects.c.line).where(*given).limit(1)).scalar_one_or_none()


def _find(connection: Connection, which: sa.ColumnElement[bool]) -> ModelRow | None:
    row = connection.execute(sa.select(models).where(which)).one_or_none()
    return None if row is None else _model(row)


def _model(row: sa.Row[Any]) -> ModelRow:
    description = json.loads(row.description)
    return ModelRow(description["ModelName"], row.arn, row.algorithm, row.created, description)
