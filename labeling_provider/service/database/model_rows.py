"""The models that automated labeling has made."""

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
    """A model.

    :param algorithm: what it is for, by the end of the ARN of its specification.
    :param created: epoch seconds.
    :param description: the answer of DescribeModel.
    """

    name: str
    arn: str
    algorithm: str
    created: float
    description: dict[str, Any]


def find_by_name(connection: Connection, name: str) -> ModelRow | None:
    """The model of a name, in whatever case; None if there is none."""
    return _found(connection, models.c.name_key == name.lower())


def find_by_arn(connection: Connection, arn: str) -> ModelRow | None:
    """The model of an ARN; None if there is none."""
    return _found(connection, models.c.arn == arn)


def put(connection: Connection, model: ModelRow) -> None:
    """Store a model, in place of one of the same name."""
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
    """The last model that a job has made for an algorithm; None if there is none."""
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
    """The manifest line of some object of a job that came with its label; None if none did."""
    given = (objects.c.job_id == job_id, objects.c.state == ObjectState.GIVEN)
    return connection.execute(sa.select(objects.c.line).where(*given).limit(1)).scalar_one_or_none()


def _found(connection: Connection, which: sa.ColumnElement[bool]) -> ModelRow | None:
    row = connection.execute(sa.select(models).where(which)).one_or_none()
    if row is None:
        return None
    description = json.loads(row.description)
    return ModelRow(description["ModelName"], row.arn, row.algorithm, row.created, description)
