"""The task queue: every move of a task, for people and simulated workers alike.

A move is one conditional statement, except for :func:`replace_declined`. It does not change a task in the wrong state,
because somebody else was faster or the time is up; the return value says so.
Each function runs within the caller's transaction.
Times are epoch seconds.
Source: developer guide, "Control the flow of data objects sent to workers" and "Worker instruction pages".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import object_rows, running, task_rows
from labeling_provider.service.database.database import Connection, Row
from labeling_provider.service.database.states import TaskState
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.outcomes import fail_objects, mark_answered


class Acceptance(NamedTuple):
    """A worker accepts a task.

    :param at: epoch seconds.
    :param due: until when the worker holds it, in epoch seconds: the end of the time limit, or when a simulated worker
        finishes, if that is earlier.
    """

    task: int
    worker: str
    at: float
    due: float


class Move(NamedTuple):
    """What a worker does with an accepted task.

    :param at: epoch seconds.
    :param answer: as JSON; None for moves without an answer.
    :param spent: seconds of active work, if the worker's page has reported them.
    """

    task: int
    worker: str
    at: float
    answer: str | None = None
    spent: float | None = None


class Refusal(StrEnum):
    """Why a move was not made."""

    DONE_BEFORE = "the task already has an answer"
    NOT_IN_HAND = "this worker does not hold the task"
    TIME_OVER = "the time for the task is up"
    EXPIRED = "the task has expired: its object needs no more answers, or waited for too long"
    JOB_OVER = "the task's job was stopped, or has ended"


def offer(connection: Connection, run: Run, object_ids: Iterable[int], expires: float) -> None:
    """Offer objects to workers: one task for each answer that the job asks for.

    :param expires: until when the tasks are available, in epoch seconds.
    """
    task_rows.offer(connection, run.id, object_ids, run.job.workers_per_object, expires)


def accept(connection: Connection, acceptances: Sequence[Acceptance]) -> int:
    """Give chosen tasks to workers; returns how many were free, and of objects new to their worker."""
    return task_rows.accept(connection, [acceptance._asdict() for acceptance in acceptances])


def accept_this(connection: Connection, task_id: int, worker: str, at: float, due: float) -> Row | None:
    """Give a worker a certain task.

    :param at: epoch seconds.
    :param due: when the time limit ends, in epoch seconds.
    :return: the task with its object's manifest line; None if it is not free, its object is not new to the worker, or
        the worker holds another task of the job.
    """
    return task_rows.accept_this(connection, task_id, worker, at, due)


def accept_next(connection: Connection, job_id: int, worker: str, at: float, due: float) -> Row | None:
    """Give a worker a job's next free task, as :func:`accept_this` does; None if there is none for this worker."""
    return task_rows.accept_next(connection, job_id, worker, at, due)


def save(connection: Connection, moves: Sequence[Move]) -> int:
    """Save drafts; returns how many were of tasks that their workers still hold, as all moves do."""
    return task_rows.save(connection, [move._asdict() for move in moves])


def submit(connection: Connection, moves: Sequence[Move]) -> int:
    """Accept answers as final."""
    return task_rows.submit(connection, [move._asdict() for move in moves])


def decline(connection: Connection, moves: Sequence[Move]) -> int:
    """Take back for good tasks that workers decline."""
    return task_rows.decline(connection, [move._asdict() for move in moves])


def release(connection: Connection, moves: Sequence[Move]) -> int:
    """Give tasks back, for anybody to accept; drafts are lost."""
    return task_rows.release(connection, [move._asdict() for move in moves])


def give_back(connection: Connection, worker: str) -> None:
    """Give back all tasks that a worker holds, in any job, and delete the worker's drafts: the worker is erased."""
    task_rows.give_back(connection, worker)


def has_answer(connection: Connection, move: Move) -> bool:
    """Whether a task has exactly this worker's answer."""
    task = task_rows.find(connection, move.task)
    return task is not None and (task.state, task.worker_id, task.answer) == (
        TaskState.SUBMITTED,
        move.worker,
        move.answer,
    )


def why_not(connection: Connection, move: Move) -> Refusal:
    """Why a worker's move was not made."""
    task = task_rows.find(connection, move.task)
    if task is None or (task.worker_id != move.worker and task.state != TaskState.EXPIRED):
        return Refusal.NOT_IN_HAND
    if task.state == TaskState.SUBMITTED:
        return Refusal.DONE_BEFORE
    if task.state == TaskState.EXPIRED:
        return why_expired(connection, task.job_id)
    return Refusal.TIME_OVER if task.state == TaskState.ACCEPTED else Refusal.NOT_IN_HAND


def why_expired(connection: Connection, job_id: int) -> Refusal:
    """Why nobody can do anything with an expired task of a job."""
    job = running.find(connection, job_id)
    return Refusal.EXPIRED if job is not None and job.status == JobStatus.IN_PROGRESS else Refusal.JOB_OVER


def expire(connection: Connection, run: Run, at: float) -> None:
    """Take tasks from workers whose time limit is over, and end those that have been there for too long."""
    task_rows.return_late(connection, run.id, at)
    task_rows.expire(connection, run.id, at)


def end_all(connection: Connection, job_id: int) -> None:
    """End all tasks of a job that have no answer: the job is over."""
    task_rows.expire(connection, job_id)


def replace_declined(connection: Connection, run: Run) -> None:
    """Ask others in place of workers who have declined, until as many have declined as answers are wanted.

    It takes several statements, and is for whoever holds the job's lease in the same transaction.
    """
    task_rows.replace_declined(connection, run.id, run.job.workers_per_object)


def collect(connection: Connection, run: Run, at: float) -> None:
    """Queue objects without unfinished tasks for consolidation; those without an answer fail."""
    over = object_rows.finished(connection, run.id)
    mark_answered(connection, run, [ended.object_id for ended in over if ended.answers], at)
    fail_objects(connection, run, {ended.object_id: _reason(run, ended) for ended in over if not ended.answers}, at)


def withdraw(connection: Connection, run: Run, at: float) -> None:
    """Take back all tasks without an answer, and queue their objects for consolidation.

    Later answers are refused, so that no answer is accepted and then left out.
    """
    replace_declined(connection, run)
    object_rows.call_back(connection, run.id, task_rows.withdraw(connection, run.id))
    collect(connection, run, at)


def _reason(run: Run, row: Row) -> str:
    trouble = run.troubles.pop(row.object_id, "")
    if row.declined < run.job.workers_per_object:
        return "The task expired: no worker answered within TaskAvailabilityLifetimeInSeconds."
    return f"The task was declined by NumberOfHumanWorkersPerDataObject workers{trouble and ': '}{trouble.rstrip('.')}."
