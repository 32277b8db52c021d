"""Labeling jobs that have ended, until somebody has told of it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import announcements, jobs


def add(connection: Connection, job_id: int) -> None:
    """Remember that a job's end is to be told."""
    connection.execute(sa.insert(announcements).values(job_id=job_id))


def is_pending(connection: Connection) -> bool:
    """Whether the end of a job is to be told."""
    return connection.execute(sa.select(announcements.c.job_id).limit(1)).first() is not None


def take(connection: Connection) -> sa.Row[Any] | None:
    """The first job whose end is to be told, with id, arn and status; no other transaction gets it meanwhile.

    :return: None if there is none.
    """
    query = sa.select(jobs.c.id, jobs.c.arn, jobs.c.status).join(announcements, announcements.c.job_id == jobs.c.id)
    first = query.order_by(jobs.c.modified).limit(1).with_for_update(of=announcements, skip_locked=True)
    rows: list[sa.Row[Any]] = list(connection.execute(first))
    return rows[0] if rows else None


def remove(connection: Connection, job_id: int) -> None:
    """Forget it, because it was told."""
    connection.execute(sa.delete(announcements).where(announcements.c.job_id == job_id))
