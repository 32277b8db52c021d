"""Time passes for the workers of a labeling job: answers come in, and tasks go from hand to hand."""

from __future__ import annotations

import logging

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import lease_rows, object_rows, task_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.work import tasks
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.simulated import Moves, SimulatedWorkers

log = logging.getLogger(__name__)


class _WorkersTaken(Exception):
    """Workers who have chosen a task were at one of another job by then: nothing of it has happened."""


class Collect:
    """Brings tasks up to date, whoever works on them."""

    def __init__(self, database: Database, workers: SimulatedWorkers) -> None:
        self._database, self._workers = database, workers

    def collect(self, run: Run, now: float) -> bool:
        """Let simulated workers do what they have had time for, and end what has taken too long.

        :return: False if the job is to stop.
        """
        # Workers read pictures: nobody else may have to wait for that.
        moves = self._workers.answers(run, now)
        while True:
            try:
                if not self._make(run, moves, now):
                    return False
            except _WorkersTaken:
                log.debug("job %s: workers have begun tasks of another job", run.job.name)
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
            tasks.submit(connection, moves.submitted)
            tasks.decline(connection, moves.declined)
            tasks.replace_declined(connection, run)
            tasks.expire(connection, run, now)
            tasks.collect(connection, run, now)
        return True

    def pause(self, run: Run, now: float) -> float | None:
        """Seconds until a worker is done or free for an open task, or a task expires; None if no object is out."""
        with self._database.read() as connection:
            is_out = object_rows.count(connection, run.id, ObjectState.OUT) > 0
            change = task_rows.next_change(connection, run.id)
            is_open = task_rows.has_open(connection, run.id)
        if change is None:
            # The last answer of an object may have come in since this step has looked.
            return 0.0 if is_out else None
        free_at = self._workers.free_at(run, now) if is_open else None
        return (change if free_at is None else min(change, free_at)) - now
