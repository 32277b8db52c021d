"""Statements on running labeling jobs and their logs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.groundtruth.documents import plain
from labeling_provider.groundtruth.job import RUNNING, JobStatus
from labeling_provider.service.database.database import now
from labeling_provider.service.database.schema import events, jobs, trainings

_MAX_CHARACTERS: Final = 2000
MAX_LINES: Final = 10_000
"""How many lines of a job's log are kept; the oldest are dropped first."""


def find(connection: Connection, job_id: int) -> sa.Row[Any] | None:
    """The job with an id; None if there is none."""
    return connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).one_or_none()


def update_job(connection: Connection, job_id: int, **values: Any) -> None:
    """Set columns of a job, and its time of modification."""
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(modified=now(), **values))


def arrived(connection: Connection, job_id: int, *, objects: int, given: int, failed: int) -> None:
    """Count new objects of a streaming job."""
    columns = {"lines": jobs.c.lines + objects, "given": jobs.c.given + given, "failed": jobs.c.failed + failed}
    update_job(connection, job_id, **columns)


def end(connection: Connection, job_id: int, status: JobStatus, reason: str | None) -> bool:
    """End a job.

    :param reason: why it failed; None if it did not.
    :return: whether it was running.
    """
    ended = (
        sa.update(jobs)
        .where(jobs.c.id == job_id, jobs.c.status.in_(RUNNING))
        .values(status=status, failure_reason=reason, modified=now(), lease_until=0)
    )
    return connection.execute(ended).rowcount == 1


def note(connection: Connection, job_id: int, message: str) -> None:
    """Add a line to a job's log."""
    own = events.c.job_id == job_id
    connection.execute(sa.insert(events).values(job_id=job_id, at=now(), message=plain(message, _MAX_CHARACTERS)))
    latest = sa.select(events.c.id).where(own).order_by(events.c.id.desc())
    dropped = latest.offset(MAX_LINES).limit(1).scalar_subquery()
    connection.execute(sa.delete(events).where(own, events.c.id <= dropped))


def labeled_by_machine(connection: Connection, job_ids: Iterable[int]) -> dict[int, int]:
    """How many objects automated labeling has labeled, by job; jobs without any are missing."""
    query = (
        sa.select(trainings.c.job_id, sa.func.sum(trainings.c.labeled))
        .where(trainings.c.job_id.in_(list(job_ids)))
        .group_by(trainings.c.job_id)
    )
    return {job_id: int(labeled) for job_id, labeled in connection.execute(query)}
