"""Facts about accepted tasks that their moves need, remembered so that they need not be read again.

They do not prove that the worker still has the task: only the move itself, one conditional statement, decides that.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final, NamedTuple

from labeling_provider.service.database.database import Row

_MAX_CHARACTERS: Final = 8_000_000
"""Most characters of all lines together."""


class HeldTask(NamedTuple):
    """A task as its worker accepted it.

    :param line: the manifest line of its object.
    :param accepted: epoch seconds.
    """

    id: int
    job_id: int
    object_id: int
    worker_id: str
    line: str
    accepted: float


def held_task(row: Row) -> HeldTask:
    """The task of a row that comes with its line."""
    return HeldTask(row.id, row.job_id, row.object_id, row.worker_id, row.line, row.accepted or 0.0)


class HeldTasks:
    """The tasks that were accepted last."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[int, HeldTask] = OrderedDict()
        self._characters = 0
        self._changing = threading.Lock()

    def keep(self, task: HeldTask) -> None:
        """Remember a task that a worker has accepted."""
        with self._changing:
            self._drop(task.id)
            self._tasks[task.id] = task
            self._characters += len(task.line)
            while self._characters > _MAX_CHARACTERS:
                self._drop(next(iter(self._tasks)))

    def find(self, task_id: int, worker_id: str) -> HeldTask | None:
        """A task that a worker has accepted; None if it is not remembered."""
        with self._changing:
            task = self._tasks.get(task_id)
        return task if task is not None and task.worker_id == worker_id else None

    def forget(self, task_id: int) -> None:
        """Forget a task that is done with."""
        with self._changing:
            self._drop(task_id)

    def _drop(self, task_id: int) -> None:
        task = self._tasks.pop(task_id, None)
        if task is not None:
            self._characters -= len(task.line)
