"""Statements on the contents of the CloudWatch logs: the lines of labeling jobs, and the trainings of their models."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import events, jobs, models, trainings


@dataclass(frozen=True)
class StreamQuery:
    """Which log streams of a group to read.

    :param prefix: how their names begin, in any case.
    :param names: their names, in any case; None for all.
    :param since: leaves out streams that end earlier, in epoch seconds.
    :param by_time: sorts them by their last line, instead of by name.
    :param offset: how many to skip.
    """

    prefix: str = ""
    names: Collection[str] | None = None
    since: float | None = None
    by_time: bool = False
    descending: bool = False
    offset: int = 0
    limit: int = 50

    def narrow(
        self, query: sa.Select[Any], name: sa.ColumnElement[str], last: sa.ColumnElement[float]
    ) -> sa.Select[Any]:
        """Restrict a query to these streams, in their order.

        :param name: in lower case, without what follows a slash.
        :param last: when their last lines were written.
        """
        query = query.where(name.startswith(_key(self.prefix), autoescape=True))
        if self.names is not None:
            query = query.where(name.in_({_key(key) for key in self.names}))
        if self.since is not None:
            query = query.where(last >= self.since)
        order = (last, name) if self.by_time else (name,)
        query = query.order_by(*(column.desc() if self.descending else column.asc() for column in order))
        return query.offset(self.offset).limit(self.limit)


class JobLog(NamedTuple):
    """The log of a labeling job. Times are epoch seconds.

    :param size: its length in characters.
    """

    name: str
    created: float
    first: float
    last: float
    size: int


class StreamLine(NamedTuple):
    """A line of a job's log; later lines have larger ids.

    :param at: epoch seconds.
    """

    id: int
    at: float
    message: str


@dataclass(frozen=True)
class TrainingLog:
    """The contents of the log of a training.

    :param model: the name of the model.
    :param created: epoch seconds.
    :param job: the name of the labeling job.
    :param algorithm: as in the ARN of its algorithm specification.
    :param examples: how many labels the model learned from.
    :param agreement: its mean agreement with people, 0 to 1; None if it could not be measured.
    :param threshold: the lowest score at which the model may label an object; None if it may label none.
    :param labeled: how many objects the model labeled.
    :param data_uri: where the model is.
    """

    model: str
    created: float
    job: str
    iteration: int
    algorithm: str
    examples: int
    agreement: float | None
    threshold: float | None
    labeled: int
    data_uri: str


def began(connection: Connection) -> tuple[float | None, float | None]:
    """When the first labeling job was created, and when the first model of a training; None if there is none."""
    first_job = connection.execute(sa.select(sa.func.min(jobs.c.created))).scalar_one()
    first_model = connection.execute(sa.select(sa.func.min(models.c.created))).scalar_one()
    return first_job, first_model


def job_logs(connection: Connection, wanted: StreamQuery) -> list[JobLog]:
    """The logs of labeling jobs."""

    def of_lines(value: sa.ColumnElement[Any]) -> Any:
        return sa.select(value).where(events.c.job_id == jobs.c.id).scalar_subquery()

    last = of_lines(sa.func.max(events.c.at))
    size = of_lines(sa.func.sum(sa.func.length(events.c.message)))
    query = sa.select(jobs.c.name, jobs.c.created, of_lines(sa.func.min(events.c.at)), last, size)
    return [JobLog(*row) for row in connection.execute(wanted.narrow(query, jobs.c.name_key, last))]


def lines_of_job(connection: Connection, name: str) -> list[StreamLine]:
    """The lines of a job's log, oldest first."""
    query = sa.select(events.c.id, events.c.at, events.c.message).join(jobs, jobs.c.id == events.c.job_id)
    return [StreamLine(*row) for row in connection.execute(query.where(jobs.c.name == name).order_by(events.c.id))]


def training_logs(connection: Connection, wanted: StreamQuery) -> list[TrainingLog]:
    """The logs of trainings."""
    query = (
        sa.select(models.c.description, models.c.algorithm, models.c.created, jobs.c.name, trainings)
        .join(models, models.c.arn == trainings.c.model_arn)
        .join(jobs, jobs.c.id == trainings.c.job_id)
    )
    rows = connection.execute(wanted.narrow(query, models.c.name_key, models.c.created))
    return [_training(row) for row in rows]


def _training(row: sa.Row[Any]) -> TrainingLog:
    model = json.loads(row.description)
    return TrainingLog(
        model["ModelName"],
        row.created,
        row.name,
        row.iteration,
        row.algorithm,
        row.examples,
        row.agreement,
        row.threshold,
        row.labeled,
        model["PrimaryContainer"]["ModelDataUrl"],
    )


def _key(name: str) -> str:
    """A stream's name as the statements compare it: in lower case, without what follows a slash."""
    return name.partition("/")[0].lower()
