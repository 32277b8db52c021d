"""Statements that delete a labeling job with everything that belongs to it."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.groundtruth.job import RUNNING
from labeling_provider.service.database import key_rows, tag_rows
from labeling_provider.service.database.schema import jobs, metadata, owners

_OF_JOBS: Final = [table for table in metadata.sorted_tables if "job_id" in table.columns]
"""Every table with rows that belong to jobs."""


def delete_rows(connection: Connection, job_id: int, max_rows: int) -> bool:
    """Delete some of what belongs to a job.

    :param max_rows: how many rows of each table.
    :return: whether there may be more.
    """
    is_more = False
    for table in _OF_JOBS:
        keys = list(table.primary_key.columns)
        some = sa.select(*keys).where(table.c.job_id == job_id).limit(max_rows)
        place = keys[0] if len(keys) == 1 else sa.tuple_(*keys)
        is_more |= connection.execute(sa.delete(table).where(place.in_(some))).rowcount >= max_rows
    return is_more


def delete_job(connection: Connection, job_id: int, arn: str, queue: str) -> None:
    """Delete a job of which only its own row, its tags and its owners are left.

    :param queue: the ARN of its queue. Whoever still has a queue of that name keeps it.
    """
    tag_rows.delete_all_tags(connection, arn)
    key_rows.release(connection, queue)
    connection.execute(sa.delete(owners).where(owners.c.arn == arn))
    connection.execute(sa.delete(jobs).where(jobs.c.id == job_id))


def ended_before(connection: Connection, at: float, max_jobs: int) -> list[str]:
    """The names of jobs that ended before a time, earliest first.

    :param at: epoch seconds.
    :param max_jobs: how many, at most.
    """
    query = sa.select(jobs.c.name).where(jobs.c.status.not_in(RUNNING), jobs.c.modified < at)
    return list(connection.execute(query.order_by(jobs.c.modified).limit(max_jobs)).scalars())
