"""Leases of labeling jobs: whose turn it is to do a job's next step, of several processes.

Each lease has a number, which grows when a job changes hands. A process that has lost its lease, because it was
stopped or cut off for too long, has an old number: whatever it still wants to write is refused.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.groundtruth.job import RUNNING, JobStatus
from labeling_provider.service.database.schema import jobs

_STREAMS = '%"SnsDataSource"%'


class Lease(NamedTuple):
    """The right to do the steps of a job.

    :param number: fencing number; a greater one has come after.
    """

    job_id: int
    owner: str
    number: int


class LeaseLost(Exception):
    """Another process does the job's steps now."""


def take(
    connection: Connection, job_id: int, owner: str, at: float, until: float, *, streams: bool
) -> tuple[Lease, sa.Row[Any]] | None:
    """Take a job that is due and that nobody has; its last owner may take it whenever no other one has it.

    :param streams: whether the owner does streaming jobs, too.
    :return: the lease and the job; None if another process has it, if it is not due or has ended.
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
        # Should this process die, the job is due as soon as its lease is over.
        .values(lease_owner=owner, lease_until=until, lease_number=number, due=until)
        .returning(jobs)
    )
    row = connection.execute(taken).one_or_none()
    return None if row is None else (Lease(job_id, owner, row.lease_number), row)


def hold(connection: Connection, lease: Lease) -> JobStatus:
    """Keep the lease until the end of the transaction; each one that goes on with a job begins with this.

    :return: the job's status, which stays as it is meanwhile.
    :raises LeaseLost: if the job has changed hands.
    """
    query = sa.select(jobs.c.status).where(jobs.c.id == lease.job_id, jobs.c.lease_number == lease.number)
    status: JobStatus | None = connection.execute(query.with_for_update()).scalar_one_or_none()
    if status is None:
        raise LeaseLost(f"job {lease.job_id} has changed hands")
    return status


def renew(connection: Connection, owner: str, until: float) -> None:
    """Keep all jobs that a process has."""
    held = (jobs.c.lease_owner == owner, jobs.c.lease_until > 0)
    connection.execute(sa.update(jobs).where(*held).values(lease_until=until))


def release(connection: Connection, lease: Lease, due: float) -> float | None:
    """Give a job back.

    :param due: when it is to be looked at again, if nobody has asked for it meanwhile.
    :return: when that is; None if the job is another process's.
    """
    given_back = (
        sa.update(jobs)
        .where(jobs.c.id == lease.job_id, jobs.c.lease_number == lease.number)
        .values(lease_until=0, due=sa.case((jobs.c.due == 0, 0), else_=due))
        .returning(jobs.c.due)
    )
    return connection.execute(given_back).scalar_one_or_none()


def release_all(connection: Connection) -> None:
    """Take all leases back, where no other process can be."""
    connection.execute(sa.update(jobs).where(jobs.c.status.in_(RUNNING)).values(lease_until=0, due=0))


def wake(connection: Connection, job_id: int) -> None:
    """Make a job due at once, whoever does its steps."""
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(due=0))


def wake_streams(connection: Connection) -> None:
    """Make all streaming jobs due at once."""
    streams = (jobs.c.status.in_(RUNNING), jobs.c.request.like(_STREAMS))
    connection.execute(sa.update(jobs).where(*streams).values(due=0))


def due(connection: Connection, at: float, *, streams: bool) -> list[int]:
    """The jobs that are due and that nobody has.

    :param streams: whether streaming jobs are asked for, too.
    """
    free = [jobs.c.status.in_(RUNNING), jobs.c.lease_until <= at, jobs.c.due <= at]
    if not streams:
        free.append(jobs.c.request.not_like(_STREAMS))
    return list(connection.execute(sa.select(jobs.c.id).where(*free)).scalars())
