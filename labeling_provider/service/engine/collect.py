"""The stage in which workers do their tasks: answers come in, tasks expire or go to other workers."""

from __future__ import annotations

import logging

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import lease_rows, object_rows, task_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.measures import ANSWERS
from labeling_provider.service.work import tasks
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.simulated import Moves, SimulatedWorkers

log = logging.getLogger(__name__)


class _WorkersTaken(Exception):
    """Workers who chose a task had meanwhile begun one of another job; nothing was changed."""


class Collect:
    """Brings the tasks of a job up to date."""

    def __init__(self, database: Database, workers: SimulatedWorkers) -> None:
        self._database, self._workers = database, workers

    def collect(self, run: Run, now: float) -> bool:
        """Let simulated workers do what they had time for, and expire what took too long.

        :param now: epoch seconds.
        :return: False if the job has to stop.
        """
        # Outside the transaction: workers read pictures, and nobody should wait for that.
        moves = self._workers.answers(run, now)
        while True:
            try:
                if not self._make(run, moves, now):
                    return False
            except _WorkersTaken:
                log.debug("job %s: the chosen workers are already busy with another job", run.job.name)
            moves = self._workers.choices(run, now)
            if not moves.accepted:
                return True

    def _make(self, run: Run, moves: Moves, now: float) -> bool:
        with self._database.write() as connection:
            if lease_rows.hold(connection, run.lease) != JobStatus.IN_PROGRESS:
                return False
            if not self._workers.occupy(connection, run, moves):
                raise _WorkersTaken
            tasks.accept(connection, moves.accepted)
            answers = tasks.submit(connection, moves.submitted)
            tasks.decline(connection, moves.declined)
            tasks.replace_declined(connection, run)
            tasks.expire(connection, run, now)
            tasks.collect(connection, run, now)
        ANSWERS.labels("simulated").inc(answers)
        return True

    def pause(self, run: Run, now: float) -> float | None:
        """Seconds until a worker finishes, a worker is free for an open task, or a task expires.

        :param now: epoch seconds.
        :return: None if no object is with workers.
        """
        with self._database.read() as connection:
            is_out = object_rows.count(connection, run.id, ObjectState.OUT) > 0
            change = task_rows.next_change(connection, run.id)
            is_open = task_rows.has_open(connection, run.id)
        if change is None:
            # The last answer may have come in since this step looked.
            return 0.0 if is_out else None
        free_at = self._workers.free_at(run, now) if is_open else None
        return (change if free_at is None else min(change, free_at)) - now
