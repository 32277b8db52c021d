"""Labeling jobs that have ended, until somebody has told of it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import announcements, jobs


def add(connection: Connection, job_id: int) -> None:
    """Remember that a job's end is to be told."""
    connection.execute(sa.insert(announcements).values(job_id=job_id))


def pending(connection: Connection) -> list[sa.Row[Any]]:
    """The jobs whose end is to be told, oldest first: id, arn, status."""
    query = sa.select(jobs.c.id, jobs.c.arn, jobs.c.status).join(announcements, announcements.c.job_id == jobs.c.id)
    return list(connection.execute(query.order_by(jobs.c.modified)))


def remove(connection: Connection, job_id: int) -> None:
    """Forget it, because it was told."""
    connection.execute(sa.delete(announcements).where(announcements.c.job_id == job_id))
