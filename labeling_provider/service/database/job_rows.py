"""Statements on labeling jobs for the API and the pages: create, describe, list and stop."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.job import RUNNING, JobStatus
from labeling_provider.service.database.database import Database, now
from labeling_provider.service.database.paging import ALWAYS, Between, PageRequest, has_part, read_page
from labeling_provider.service.database.schema import (
    events,
    jobs,
    messages,
    owners,
    tags,
    tasks,
    trainings,
    workteams,
)
from labeling_provider.service.database.states import UNDECIDED

_FEW: Final = 1_000
"""So many jobs are found sooner one by one than in a list of all."""
JobOrder = Literal["Name", "CreationTime", "Status"]


class NameTaken(Exception):
    """The name is already taken. Names are compared without case."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A stored labeling job.

    :param created: epoch seconds.
    :param modified: epoch seconds.
    :param request: the CreateLabelingJob request, with defaults and without tags.
    :param lines: how many objects it has.
    :param given: how many objects came with a label.
    :param labeled: how many objects people have labeled.
    :param machine_labeled: how many objects automated labeling has labeled.
    :param failed: how many objects failed.
    """

    id: int
    name: str
    arn: str
    reference_code: str
    workteam_arn: str
    status: JobStatus
    failure_reason: str | None
    created: float
    modified: float
    request: JobRequest
    lines: int
    given: int
    labeled: int
    machine_labeled: int
    failed: int

    @property
    def unlabeled(self) -> int:
        """How many objects have neither a label nor failed."""
        return max(self.lines - self.given - self.labeled - self.machine_labeled - self.failed, 0)

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.status in RUNNING


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A training of automated labeling.

    :param examples: how many labels the model learned from.
    :param agreement: the model's mean agreement with people, 0 to 1; None if it could not be measured.
    :param threshold: the lowest score at which the model may label an object; None if it may label none.
    :param labeled: how many objects the model labeled.
    """

    iteration: int
    examples: int
    agreement: float | None
    threshold: float | None
    labeled: int
    model_arn: str | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a job's log.

    :param at: epoch seconds.
    """

    at: float
    message: str


@dataclass(frozen=True)
class JobScope:
    """The jobs of a requester.

    :param teams: names of the only workteams; empty for all.
    :param tags: tags that each job has.
    """

    requester: str
    teams: frozenset[str]
    tags: Mapping[str, str]

    def narrow(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """Restrict a query to these jobs."""
        query = query.where(jobs.c.requester == self.requester)
        if self.teams:
            query = query.where(sa.exists().where(_of_teams(self.teams), workteams.c.arn == jobs.c.workteam_arn))
        for tag in self.tags.items():
            query = query.where(sa.exists().where(_with_tag(*tag), tags.c.arn == jobs.c.arn))
        return query

    def few(self, connection: Connection) -> sa.ColumnElement[bool] | None:
        """Where to find these jobs if they are few: in the order of a list, they may be far apart.

        :return: a condition that all of them meet, and that names them; None if they may be many.
        """
        ways = [sa.select(owners.c.arn).where(owners.c.requester == self.requester)]
        ways += [sa.select(tags.c.arn).where(_with_tag(*tag)) for tag in self.tags.items()]
        if self.teams:
            known = sa.select(workteams.c.arn).where(_of_teams(self.teams))
            ways.append(sa.select(jobs.c.arn).where(jobs.c.workteam_arn.in_(known)))
        for way in ways:
            arns = connection.execute(way.limit(_FEW + 1)).scalars().all()
            if len(arns) <= _FEW:
                return jobs.c.name_key.in_([_name_key(arn) for arn in arns])
        return None


def _of_teams(names: Collection[str]) -> sa.ColumnElement[bool]:
    return workteams.c.name.in_(names)


def _with_tag(key: str, value: str) -> sa.ColumnElement[bool]:
    return sa.and_(tags.c.key == key, tags.c.value == value)


def _name_key(arn: str) -> str:
    """What a job is found by, from its ARN, which has no index."""
    return arn.rpartition("/")[2].lower()


@dataclass(frozen=True)
class JobFilter:
    """Which jobs to list.

    :param name_contains: a part of the name, in any case.
    :param scope: whose jobs; None for everybody's.
    """

    name_contains: str | None = None
    status: str | None = None
    workteam_arn: str | None = None
    reference_code_contains: str | None = None
    created: Between = ALWAYS
    modified: Between = ALWAYS
    scope: JobScope | None = None

    def narrow(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """Restrict a query to these jobs."""
        query = self.modified.narrow(self.created.narrow(query, jobs.c.created), jobs.c.modified)
        if self.name_contains is not None:
            query = query.where(has_part(jobs.c.name_key, self.name_contains.lower()))
        if self.status is not None:
            query = query.where(jobs.c.status == self.status)
        if self.workteam_arn is not None:
            query = query.where(jobs.c.workteam_arn == self.workteam_arn)
        if self.reference_code_contains is not None:
            query = query.where(has_part(jobs.c.reference_code, self.reference_code_contains))
        return query if self.scope is None else self.scope.narrow(query)


_ORDERS: Final[dict[JobOrder, sa.Column[Any]]] = {
    "Name": jobs.c.name_key,
    "CreationTime": jobs.c.created,
    "Status": jobs.c.status,
}
_MACHINE_LABELED: Final = (
    sa.select(sa.func.coalesce(sa.func.sum(trainings.c.labeled), 0))
    .where(trainings.c.job_id == jobs.c.id)
    .scalar_subquery()
    .label("machine_labeled")
)


_REQUEST: Final = JobRow.__slots__.index("request")


def insert_job(
    connection: Connection,
    *,
    name: str,
    arn: str,
    reference_code: str,
    workteam_arn: str,
    request: dict[str, Any],
    requester: str = "",
) -> int:
    """Insert a new job.

    :param requester: whose it is; empty if it is the administrator's.
    :return: its id.
    :raises NameTaken: if a job with this name exists.
    """
    at = now()
    row = {
        "name": name,
        "name_key": name.lower(),
        "arn": arn,
        "reference_code": reference_code,
        "workteam_arn": workteam_arn,
        "status": JobStatus.INITIALIZING,
        "created": at,
        "modified": at,
        "request": json.dumps(request),
        "requester": requester,
    }
    try:
        job_id: int = connection.execute(sa.insert(jobs).values(row)).inserted_primary_key[0]  # type: ignore[index]
    except IntegrityError:
        raise NameTaken(name) from None
    connection.execute(sa.insert(events).values(job_id=job_id, at=at, message="Created"))
    return job_id


def find_job(connection: Connection, name: str) -> JobRow | None:
    """The job with a name, in any case; None if there is none."""
    row = connection.execute(_rows().where(jobs.c.name_key == name.lower())).one_or_none()
    return None if row is None else _job(row)


def find_job_by_arn(connection: Connection, arn: str) -> JobRow | None:
    """The job with an ARN, which ends with its name; None if there is none."""
    job = find_job(connection, _name_key(arn))
    return job if job is not None and job.arn == arn else None


def list_jobs(
    connection: Connection, which: JobFilter, order: JobOrder, wanted: PageRequest
) -> tuple[list[JobRow], str | None]:
    """A page of jobs, and the token for the next page; None if this is the last.

    :raises BadToken: if the request's token was not issued by this list.
    """
    # The columns that decide the order are in an index; whole rows are read only for the page.
    places = which.narrow(sa.select(jobs.c.id, _ORDERS[order]))
    few = None if which.scope is None else which.scope.few(connection)
    page, token = read_page(connection, places, _ORDERS[order], jobs.c.id, wanted, _rows(), few)
    return [_job(row) for row in page], token


def note_requesters(database: Database) -> None:
    """Note with their jobs what requesters own, if processes of version 0011 have made jobs meanwhile.

    They may work beside those of this version while one replaces the other, and say it in ``owners`` only.
    """
    unknown = jobs.c.requester.is_(None)
    with database.read() as connection:
        if not connection.execute(sa.select(sa.exists().where(unknown))).scalar_one():
            return
    owner = sa.select(owners.c.requester).where(owners.c.arn == jobs.c.arn).scalar_subquery()
    with database.write() as connection:
        connection.execute(sa.update(jobs).where(unknown).values(requester=sa.func.coalesce(owner, "")))


def latest_jobs(connection: Connection, limit: int, scope: JobScope | None = None) -> list[JobRow]:
    """The most recently created jobs, newest first.

    :param scope: whose; None for everybody's.
    """
    return list_jobs(connection, JobFilter(scope=scope), "CreationTime", PageRequest(limit, descending=True))[0]


def jobs_of_teams(connection: Connection, workteam_arns: Collection[str]) -> list[JobRow]:
    """The jobs of some workteams that have not ended, oldest first."""
    # SQLite would rather read all that a team has had than the few that run.
    team = jobs.c.workteam_arn.concat("")
    query = _rows().where(jobs.c.status.in_(RUNNING), team.in_(workteam_arns))
    return [_job(row) for row in connection.execute(query.order_by(jobs.c.id))]


def have_had_jobs(connection: Connection, workteam_arns: Collection[str]) -> bool:
    """Whether any of some workteams has or had a job."""
    query = sa.select(sa.exists().where(jobs.c.workteam_arn.in_(workteam_arns)))
    return bool(connection.execute(query).scalar_one())


def request_stop(connection: Connection, job_id: int) -> bool:
    """Tell a job to stop.

    :return: whether it was running.
    """
    stopping = sa.update(jobs).where(jobs.c.id == job_id, jobs.c.status.in_(RUNNING))
    if not connection.execute(stopping.values(status=JobStatus.STOPPING, modified=now())).rowcount:
        return False
    connection.execute(sa.insert(events).values(job_id=job_id, at=now(), message=JobStatus.STOPPING.value))
    return True


def objects_with_workers(connection: Connection, job_ids: Sequence[int]) -> dict[int, int]:
    """How many objects have tasks that are open or accepted, by job; jobs without any are missing."""
    query = (
        sa.select(tasks.c.job_id, sa.func.count(sa.distinct(tasks.c.object_id)).label("objects"))
        .where(tasks.c.job_id.in_(job_ids), tasks.c.state.in_(UNDECIDED))
        .group_by(tasks.c.job_id)
    )
    return {row.job_id: row.objects for row in connection.execute(query)}


def latest_trainings(connection: Connection, job_id: int, limit: int) -> list[TrainingRow]:
    """A job's trainings, latest first."""
    columns = [trainings.c[name] for name in TrainingRow.__slots__]
    query = sa.select(*columns).where(trainings.c.job_id == job_id).order_by(trainings.c.iteration.desc()).limit(limit)
    return [TrainingRow(*row) for row in connection.execute(query)]


def final_model_arn(connection: Connection, job_id: int) -> str | None:
    """The model of a job's last training; None if it has none."""
    query = (
        sa.select(trainings.c.model_arn)
        .where(trainings.c.job_id == job_id, trainings.c.model_arn.is_not(None))
        .order_by(trainings.c.iteration.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def latest_log_lines(connection: Connection, job_id: int, limit: int) -> list[LogLine]:
    """The last lines of a job's log, oldest first."""
    query = sa.select(events.c.at, events.c.message).where(events.c.job_id == job_id)
    rows = connection.execute(query.order_by(events.c.id.desc()).limit(limit)).all()
    return [LogLine(*row) for row in reversed(rows)]


def messages_waiting(connection: Connection, queue: str) -> int:
    """How many messages are in the queue with a name."""
    own = messages.c.queue.endswith(f":{queue}", autoescape=True)
    return int(connection.execute(sa.select(sa.func.count()).select_from(messages).where(own)).scalar_one())


def _rows() -> sa.Select[Any]:
    return sa.select(*(_MACHINE_LABELED if name == "machine_labeled" else jobs.c[name] for name in JobRow.__slots__))


def _job(row: sa.Row[Any]) -> JobRow:
    """A job of a row that begins with what :func:`_rows` selects."""
    values = list(row[: len(JobRow.__slots__)])
    values[_REQUEST] = JobRequest(json.loads(values[_REQUEST]))
    return JobRow(*values)


def is_in_progress(connection: Connection, job_id: int) -> bool:
    """Whether a job's status is InProgress: it has started, has not ended, and has not been told to stop."""
    query = sa.select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.status == JobStatus.IN_PROGRESS)
    return connection.execute(query).one_or_none() is not None
