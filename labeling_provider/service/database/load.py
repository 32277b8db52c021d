"""What the service has to do at the moment, counted for its operator."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.job import RUNNING
from labeling_provider.service.database.schema import jobs, tasks
from labeling_provider.service.database.states import UNDECIDED, TaskState


class TasksOfJob(NamedTuple):
    """Tasks of a running job that are in one state.

    :param number: how many there are.
    :param first_expires: when the oldest of them expires, in epoch seconds.
    """

    job_id: int
    state: TaskState
    number: int
    first_expires: float


def check(connection: Connection) -> None:
    """Ask the database for an answer."""
    connection.execute(sa.select(1))


def clock(connection: Connection) -> float:
    """The time of PostgreSQL's own clock at this moment, in epoch seconds.

    Source: PostgreSQL's documentation, "Date/Time Functions and Operators".
    """
    return float(connection.execute(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))).scalar_one())


def jobs_by_status(connection: Connection) -> dict[str, int]:
    """How many labeling jobs have each status."""
    query = sa.select(jobs.c.status, sa.func.count()).group_by(jobs.c.status)
    return {str(status): count for status, count in connection.execute(query)}


def leased_jobs(connection: Connection, at: float) -> int:
    """How many jobs a process works on.

    :param at: the time now, in epoch seconds.
    """
    query = sa.select(sa.func.count()).where(jobs.c.status.in_(RUNNING), jobs.c.lease_until > at)
    return int(connection.execute(query).scalar_one())


def overdue(connection: Connection, at: float) -> float:
    """How many seconds the longest-waiting free job has been due; 0 if there is none.

    :param at: the time now, in epoch seconds.
    """
    since = sa.case((jobs.c.due > 0, jobs.c.due), else_=jobs.c.woken)
    late = (jobs.c.status.in_(RUNNING), jobs.c.lease_until <= at, jobs.c.due <= at)
    first = connection.execute(sa.select(sa.func.min(since)).where(*late)).scalar_one()
    return 0.0 if first is None else max(at - first, 0.0)


def undecided_tasks(connection: Connection) -> list[TasksOfJob]:
    """Tasks of running jobs that wait for a worker, or are with one."""
    query = (
        sa.select(tasks.c.job_id, tasks.c.state, sa.func.count(), sa.func.min(tasks.c.expires))
        .where(tasks.c.job_id.in_(sa.select(jobs.c.id).where(jobs.c.status.in_(RUNNING))), tasks.c.state.in_(UNDECIDED))
        .group_by(tasks.c.job_id, tasks.c.state)
    )
    return [TasksOfJob(*row) for row in connection.execute(query)]


def lifetimes(connection: Connection, job_ids: Iterable[int]) -> dict[int, float]:
    """How many seconds the tasks of jobs are available, by job."""
    rows = connection.execute(sa.select(jobs.c.id, jobs.c.request).where(jobs.c.id.in_(list(job_ids))))
    return {job_id: float(JobRequest(json.loads(request)).availability_seconds) for job_id, request in rows}
