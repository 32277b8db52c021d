"""Statements on the leases of labeling jobs. A lease decides which of several processes runs a job's steps.

Each lease has a fencing number, which increases when another process takes the job. A process that has lost its lease,
because it was paused or disconnected for too long, has an old number, so it can't write any more.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.groundtruth.job import RUNNING, JobStatus, queue_name
from labeling_provider.service.database import notices
from labeling_provider.service.database.database import now
from labeling_provider.service.database.schema import jobs, tasks

_STREAMS: Final = '%"SnsDataSource":%'
"""With the colon: inside a string, the quotation marks would be escaped; after a string, there is no colon."""
_WOKEN: Final = "job "


class Lease(NamedTuple):
    """The right to run a job's steps.

    :param owner: the process.
    :param number: the fencing number; a later lease has a greater one.
    """

    job_id: int
    owner: str
    number: int


class Woken(NamedTuple):
    """The notice that a job is due.

    :param owner: the process that ran it last and knows it best; empty if nobody has.
    """

    job_id: int
    owner: str
    delay: float
    patient: bool

    def __str__(self) -> str:
        return f"{_WOKEN}{self.job_id} {self.owner} {self.delay} {self.patient:d}"

    @classmethod
    def of(cls, notice: str) -> Woken | None:
        """What a notice says; None if it is about something else."""
        if not notice.startswith(_WOKEN):
            return None
        job_id, owner, delay, patient = notice.removeprefix(_WOKEN).split(" ")
        return cls(int(job_id), owner, float(delay), patient == "1")


class LeaseLost(Exception):
    """Another process runs the job's steps now."""


def take(connection: Connection, job_id: int, owner: str, at: float, until: float) -> tuple[Lease, sa.Row[Any]] | None:
    """Take the lease on a job that is due and free. Its last owner may take it again at any time.

    :param at: the time now, in epoch seconds.
    :param until: when the lease runs out, in epoch seconds.
    :return: the lease and the job; None if another process has the job, it is not due, or it has ended.
    """
    is_mine = jobs.c.lease_owner == owner
    is_free = (jobs.c.lease_until <= at) & (jobs.c.due <= at)
    free = (jobs.c.id == job_id, jobs.c.status.in_(RUNNING), is_mine | is_free)
    number = jobs.c.lease_number + sa.case((is_mine, 0), else_=1)
    taken = (
        sa.update(jobs)
        .where(*free)
        # If this process dies, the job is due as soon as the lease runs out.
        .values(lease_owner=owner, lease_until=until, lease_number=number, due=until, woken=None)
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


def wake(connection: Connection, which: sa.ColumnElement[bool], delay: float = 0.0, *, patient: bool = False) -> None:
    """Make running jobs due now, and tell whichever process runs them.

    :param which: the jobs.
    :param delay: how many seconds that process should wait.
    :param patient: whether the step may come later if the job's steps take long.
    """
    # Nobody has been told of a new job, which is due as well.
    is_new = jobs.c.woken.is_(None) | (jobs.c.due > 0)
    woken = sa.update(jobs).where(which, jobs.c.status.in_(RUNNING), is_new).values(due=0, woken=now())
    for job_id, owner in connection.execute(woken.returning(jobs.c.id, jobs.c.lease_owner)):
        notices.tell(connection, str(Woken(job_id, owner or "", delay, patient)))


def revoke(connection: Connection, which: sa.ColumnElement[bool]) -> None:
    """Take running jobs from the processes that have them. Whoever takes one next reads it anew, at once.

    :param which: the jobs.
    """
    taken = {"lease_owner": None, "lease_until": 0, "lease_number": jobs.c.lease_number + 1, "due": 0, "woken": now()}
    for job_id in connection.execute(
        sa.update(jobs).where(which, jobs.c.status.in_(RUNNING)).values(taken).returning(jobs.c.id)
    ).scalars():
        notices.tell(connection, str(Woken(job_id, "", 0.0, False)))


def is_job(job_id: int) -> sa.ColumnElement[bool]:
    """The job with an id."""
    return jobs.c.id == job_id


def has_queue(queue: str) -> sa.ColumnElement[bool]:
    """The streaming job whose objects come through the queue with a name."""
    return jobs.c.name_key == queue.removeprefix(queue_name("")).lower()


def has_tasks_of(worker_id: str) -> sa.ColumnElement[bool]:
    """The jobs of which a worker has tasks."""
    return jobs.c.id.in_(sa.select(tasks.c.job_id).where(tasks.c.worker_id == worker_id))


def streams() -> sa.ColumnElement[bool]:
    """All streaming jobs."""
    return jobs.c.request.like(_STREAMS)


def due(connection: Connection, at: float) -> list[int]:
    """The ids of jobs that are due and free.

    :param at: the time now, in epoch seconds.
    """
    free = [jobs.c.status.in_(RUNNING), jobs.c.lease_until <= at, jobs.c.due <= at]
    return list(connection.execute(sa.select(jobs.c.id).where(*free)).scalars())
