"""Labeling jobs whose end is still to be announced."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import announcements, jobs


def add(connection: Connection, job_id: int) -> None:
    """Remember that a job's end is to be announced."""
    connection.execute(sa.insert(announcements).values(job_id=job_id))


def is_pending(connection: Connection, at: float) -> bool:
    """Whether there is a job whose end is to be announced and not claimed.

    :param at: the time now, in epoch seconds.
    """
    free = sa.select(announcements.c.job_id).where(announcements.c.claimed_until <= at)
    return connection.execute(free.limit(1)).first() is not None


def claim(connection: Connection, at: float, until: float) -> sa.Row[Any] | None:
    """Claim the first job whose end is to be announced: its id, ARN and status.

    :param at: the time now, in epoch seconds.
    :param until: until when nobody else may claim it.
    :return: None if there is none.
    """
    query = sa.select(announcements.c.job_id).join(jobs, announcements.c.job_id == jobs.c.id)
    free = query.where(announcements.c.claimed_until <= at).order_by(jobs.c.modified).limit(1)
    first = free.with_for_update(of=announcements, skip_locked=True).scalar_subquery()
    claimed = sa.update(announcements).where(announcements.c.job_id == first).values(claimed_until=until)
    job_id = connection.execute(claimed.returning(announcements.c.job_id)).scalar_one_or_none()
    if job_id is None:
        return None
    rows: list[sa.Row[Any]] = list(
        connection.execute(sa.select(jobs.c.id, jobs.c.arn, jobs.c.status).where(jobs.c.id == job_id))
    )
    return rows[0]


def remove(connection: Connection, job_id: int) -> None:
    """Forget a job, because its end was announced."""
    connection.execute(sa.delete(announcements).where(announcements.c.job_id == job_id))
