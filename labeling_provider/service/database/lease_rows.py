"""Statements on the leases of labeling jobs. A lease decides which of several processes runs a job's steps.

Each lease has a fencing number, which increases when another process takes the job. A process that has lost its lease,
because it was paused or disconnected for too long, has an old number, so it can't write any more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.groundtruth.job import RUNNING, JobStatus
from labeling_provider.service.database.schema import jobs

_STREAMS = '%"SnsDataSource"%'


class Lease(NamedTuple):
    """The right to run a job's steps.

    :param owner: the process.
    :param number: the fencing number; a later lease has a greater one.
    """

    job_id: int
    owner: str
    number: int


class LeaseLost(Exception):
    """Another process runs the job's steps now."""


def take(
    connection: Connection, job_id: int, owner: str, at: float, until: float, *, streams: bool
) -> tuple[Lease, sa.Row[Any]] | None:
    """Take the lease on a job that is due and free. Its last owner may take it again at any time.

    :param at: the time now, in epoch seconds.
    :param until: when the lease runs out, in epoch seconds.
    :param streams: whether the owner runs streaming jobs.
    :return: the lease and the job; None if another process has the job, it is not due, or it has ended.
    """
    is_mine = jobs.c.lease_owner == owner
    is_free = (jobs.c.lease_until <= at) & (jobs.c.due <= at)
    free = [jobs.c.id == job_id, jobs.c.status.in_(RUNNING), is_mine | is_free]
    if not streams:
        free.append(jobs.c.request.not_like(_STREAMS))
    number = jobs.c.lease_number + sa.case((is_mine, 0), else_=1)
    taken = (
        sa.update(jobs)
        .where(*free)
        # If this process dies, the job is due as soon as the lease runs out.
        .values(lease_owner=owner, lease_until=until, lease_number=number, due=until)
        .returning(jobs)
    )
    row = connection.execute(taken).one_or_none()
    return None if row is None else (Lease(job_id, owner, row.lease_number), row)


def hold(connection: Connection, lease: Lease) -> JobStatus:
    """Check the lease and keep it until the end of the transaction. Every transaction of a step starts with this.

    :return: the job's status, which does not change during the transaction.
    :raises LeaseLost: if another process has taken the job.
    """
    query = sa.select(jobs.c.status).where(jobs.c.id == lease.job_id, jobs.c.lease_number == lease.number)
    status: JobStatus | None = connection.execute(query.with_for_update()).scalar_one_or_none()
    if status is None:
        raise LeaseLost(f"another process has taken job {lease.job_id}")
    return status


def renew(connection: Connection, owner: str, until: float) -> None:
    """Extend all leases of a process.

    :param until: when they run out, in epoch seconds.
    """
    held = (jobs.c.lease_owner == owner, jobs.c.lease_until > 0)
    connection.execute(sa.update(jobs).where(*held).values(lease_until=until))


def release(connection: Connection, lease: Lease, due: float) -> float | None:
    """Release a job.

    :param due: when its next step is due, in epoch seconds, unless somebody has woken it meanwhile.
    :return: when its next step is due, 0 for now; None if another process has the job.
    """
    given_back = (
        sa.update(jobs)
        .where(jobs.c.id == lease.job_id, jobs.c.lease_number == lease.number)
        .values(lease_until=0, due=sa.case((jobs.c.due == 0, 0), else_=due))
        .returning(jobs.c.due)
    )
    return connection.execute(given_back).scalar_one_or_none()


def release_all(connection: Connection) -> None:
    """Release all leases. Only for a database that no other process uses."""
    connection.execute(sa.update(jobs).where(jobs.c.status.in_(RUNNING)).values(lease_until=0, due=0))


def wake(connection: Connection, job_id: int) -> None:
    """Make a job due now, whichever process runs it."""
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(due=0))


def wake_streams(connection: Connection) -> None:
    """Make all streaming jobs due at once."""
    streams = (jobs.c.status.in_(RUNNING), jobs.c.request.like(_STREAMS))
    connection.execute(sa.update(jobs).where(*streams).values(due=0))


def due(connection: Connection, at: float, *, streams: bool) -> list[int]:
    """The ids of jobs that are due and free.

    :param at: the time now, in epoch seconds.
    :param streams: whether to include streaming jobs.
    """
    free = [jobs.c.status.in_(RUNNING), jobs.c.lease_until <= at, jobs.c.due <= at]
    if not streams:
        free.append(jobs.c.request.not_like(_STREAMS))
    return list(connection.execute(sa.select(jobs.c.id).where(*free)).scalars())
