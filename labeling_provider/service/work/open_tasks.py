"""Open tasks as this process remembers them, to suggest the next one for a person without a search.

This is only a hint: the task must still be accepted, and somebody else may have done so before. It lets a person's page
load the next task ahead of time, and keeps several people from loading the same one.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from labeling_provider.service.database import task_rows
from labeling_provider.service.database.database import Connection

_AT_ONCE: Final = 1_000
"""Tasks that are read at once."""
_PROMISE_SECONDS: Final = 300.0
"""How long a task is kept for a person who has loaded it ahead, while there are others."""
_MAX_LINE_CHARACTERS: Final = 4_000
"""Longest line that is remembered; others are read when needed."""
_PAUSE_SECONDS: Final = 0.1
"""How long to wait before reading again if nothing read was useful."""


class _Open(NamedTuple):
    """An open task.

    :param line: the manifest line of its object; None if that is long.
    """

    id: int
    object_id: int
    line: str | None


class _Promise(NamedTuple):
    """A task that is kept for a worker.

    :param until: epoch seconds.
    """

    task: _Open
    until: float


@dataclass
class _Job:
    """What is known of a job's open tasks.

    :param free: tasks that are not kept for anybody, in order.
    :param promised: tasks that are kept for workers, by worker.
    :param seen: the objects that each worker has had a task of.
    :param read: when the database was last asked.
    """

    free: deque[_Open] = field(default_factory=deque)
    promised: dict[str, _Promise] = field(default_factory=dict)
    seen: dict[str, set[int]] = field(default_factory=dict)
    read: float = 0.0


class OpenTasks:
    """The open tasks of all jobs that people work on."""

    def __init__(self) -> None:
        self._jobs: dict[int, _Job] = {}
        self._changing = threading.Lock()

    def suggest(self, connection: Connection, job_id: int, worker: str, at: float) -> int | None:
        """A free task for a worker, kept for the worker until it is taken or some time has passed.

        :param at: epoch seconds.
        :return: the task; None if none is known.
        """
        with self._changing:
            job = self._jobs.setdefault(job_id, _Job())
            seen = job.seen.get(worker)
            if seen is None:
                seen = job.seen[worker] = task_rows.objects_of(connection, job_id, worker)
            kept = job.promised.get(worker)
            if kept is not None and kept.task.object_id not in seen:
                job.promised[worker] = _Promise(kept.task, at + _PROMISE_SECONDS)
                return kept.task.id
            return self._promise(job, worker, seen, at) or (
                self._promise(job, worker, seen, at) if self._read(connection, job_id, job, at) else None
            )

    def taken(self, job_id: int, worker: str, task_id: int, object_id: int) -> None:
        """Remember that a worker has a task, or can't use it."""
        with self._changing:
            job = self._jobs.get(job_id)
            if job is None:
                return
            if worker in job.seen:
                job.seen[worker].add(object_id)
            kept = job.promised.get(worker)
            if kept is not None and kept.task.id == task_id:
                del job.promised[worker]

    def line_of(self, worker: str, task_id: int) -> tuple[int, str] | None:
        """The job of a task that is kept for a worker, and the manifest line of its object; None if it is not known."""
        with self._changing:
            for job_id, job in self._jobs.items():
                kept = job.promised.get(worker)
                if kept is not None and kept.task.id == task_id and kept.task.line is not None:
                    return job_id, kept.task.line
        return None

    def returned(self, job_id: int, worker: str, object_id: int) -> None:
        """Remember that a worker has given a task back, and may get one of its object again."""
        with self._changing:
            job = self._jobs.get(job_id)
            if job is not None and worker in job.seen:
                job.seen[worker].discard(object_id)

    def gone(self, job_id: int, worker: str) -> None:
        """Remember that the task suggested to a worker is somebody else's."""
        with self._changing:
            job = self._jobs.get(job_id)
            if job is not None:
                job.promised.pop(worker, None)

    def forget(self, job_id: int) -> None:
        """Forget a job: it has ended."""
        with self._changing:
            self._jobs.pop(job_id, None)

    @staticmethod
    def _promise(job: _Job, worker: str, seen: set[int], at: float) -> int | None:
        """Take out the first task whose object is new to the worker."""
        for place, task in enumerate(job.free):
            if task.object_id not in seen:
                del job.free[place]
                job.promised[worker] = _Promise(task, at + _PROMISE_SECONDS)
                return task.id
        return None

    @staticmethod
    def _read(connection: Connection, job_id: int, job: _Job, at: float) -> bool:
        """Read the database again, unless that was just done; returns whether it was read."""
        if at - job.read < _PAUSE_SECONDS:
            return False
        job.read = at
        job.promised = {worker: kept for worker, kept in job.promised.items() if kept.until > at}
        promised = {kept.task.id for kept in job.promised.values()}
        rows = task_rows.open_with_lines(connection, job_id, at, _AT_ONCE + len(promised), _MAX_LINE_CHARACTERS)
        job.free = deque(_Open(row.id, row.object_id, row.line) for row in rows if row.id not in promised)
        return True
