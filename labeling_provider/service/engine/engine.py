"""Runs labeling jobs: starts each one, sends its objects to workers, turns their answers into labels, and ends it.

All state is in the database, and a step decides what to do from there alone. So a step can be killed at any point and
repeated: an answer is one row that only one transaction can write, and a file that is written again has the same name
and content. Each step runs under a lease, so only one process does it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.clock import Clock
from labeling_provider.service.database import object_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.lease_rows import Lease, LeaseLost
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.engine.announcements import Announcements
from labeling_provider.service.engine.collect import Collect
from labeling_provider.service.engine.consolidation import Results
from labeling_provider.service.engine.end import End
from labeling_provider.service.engine.functions import Functions
from labeling_provider.service.engine.hand_out import HandOut
from labeling_provider.service.engine.leases import Leases
from labeling_provider.service.engine.output import Output
from labeling_provider.service.engine.runs import Runs
from labeling_provider.service.engine.scheduler import Scheduler
from labeling_provider.service.engine.start import Start
from labeling_provider.service.engine.streaming_stage import Streaming
from labeling_provider.service.failures import JobFailure
from labeling_provider.service.log_format import JOB
from labeling_provider.service.measures import FAILED_STEPS, STEPS
from labeling_provider.service.tracing import traced
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.simulated import SimulatedWorkers
from labeling_provider.service.work.truth import Truth, TruthFileError

log = logging.getLogger(__name__)

_MIN_PAUSE: Final = 0.05
_MAX_PAUSE: Final = 60.0
_MAX_REASON: Final = 500


@dataclass(frozen=True)
class Stages:
    """What the engine does with a job, in the order in which it does it first.

    :param runs: reads the job, and remembers it between its steps.
    """

    runs: Runs
    start: Start
    hand_out: HandOut
    collect: Collect
    results: Results
    streaming: Streaming
    output: Output
    end: End


class Engine:
    """Runs every active job until it ends.

    :param announcements: of the jobs that have ended.
    :param functions: the callers' functions; they stop with it.
    :param truth: the right answers, which may change before each step.
    :param clock: the time for tasks, limits and lifetimes.
    :param shared: whether other processes run jobs in the same database.
    """

    def __init__(
        self,
        database: Database,
        stages: Stages,
        announcements: Announcements,
        workers: SimulatedWorkers,
        functions: Functions,
        truth: Truth,
        clock: Clock,
        *,
        shared: bool = False,
    ) -> None:
        self._database, self._stages, self._announcements = database, stages, announcements
        self._workers, self._functions, self._truth, self._clock = workers, functions, truth, clock
        # They call back.
        self._scheduler = Scheduler(self._step, self._give_up)
        self._leases = Leases(database, clock, self._look, self._woken, shared=shared)

    def start(self) -> None:
        """Resume every job that has not ended."""
        self._workers.start()
        self._scheduler.start()
        self._leases.start()

    def stop(self) -> None:
        """Stop after the current steps. The jobs resume at the next start."""
        self._functions.close()
        self._leases.stop()
        self._scheduler.stop()

    def wake(self, job_id: int, delay: float = 0.0, *, patient: bool = False) -> None:
        """Run a job's next step after a delay in seconds, or earlier if it is due earlier, in any of the processes.

        :param patient: whether it may come later if the job's steps take long.
        """
        self._leases.wake(job_id, delay, patient=patient)

    def _woken(self, job_id: int, delay: float, patient: bool) -> None:
        self._scheduler.wake(job_id, delay, patient=patient)

    def _look(self, due: Iterable[int]) -> None:
        """Continue jobs, and make the announcements that another process left."""
        for job_id in due:
            self._scheduler.wake(job_id)
        self._announcements.tell()

    def _step(self, job_id: int) -> float | None:
        """Do a job's next step.

        :return: seconds until the step after it; None if the job has ended, or another process has it.
        """
        JOB.set(None)
        taken = self._leases.take(job_id)
        if taken is None:
            self._stages.runs.forget(job_id)
            # The job may have ended without its announcement.
            self._announcements.tell()
            return None
        lease, job = taken
        # Whatever this thread logs until its next step is about this job.
        JOB.set(job.name)
        try:
            with STEPS.time(), traced("step", labeling__job=job.name):
                pause = self._go_on(lease, job)
        except LeaseLost:
            self._stages.runs.forget(job_id)
            return self._leases.release(lease, None)
        except BaseException:
            # The state in memory may be half updated: read it again.
            self._stages.runs.forget(job_id)
            FAILED_STEPS.inc()
            raise
        return self._leases.release(lease, pause)

    def _give_up(self, job_id: int, error: BaseException) -> None:
        """End a job whose steps keep failing."""
        message = (str(error).splitlines() or [""])[0]
        reason = f"InternalServerError: {type(error).__name__}: {message[:_MAX_REASON]}. See the service's log."
        taken = self._leases.take(job_id)
        if taken is not None:
            self._stages.end.end(*taken, JobStatus.FAILED, reason)
            self._leases.release(taken[0], None)

    def _go_on(self, lease: Lease, job: Row) -> float | None:
        """Run the stage that a job is in; end the job if that fails.

        :return: seconds until the next step; None if the job has ended.
        """
        try:
            if job.status == JobStatus.INITIALIZING:
                self._stages.start.start(lease, job)
                return 0.0
            if job.status == JobStatus.STOPPING:
                self._stages.end.end(lease, job, JobStatus.STOPPED)
                return None
            return self._work(self._stages.runs.of(lease, job), job)
        except JobFailure as failure:
            self._stages.end.end(lease, job, JobStatus.FAILED, str(failure))
            return None

    def _work(self, run: Run, job: Row) -> float | None:
        """Collect the workers' answers, consolidate them, and send out more objects.

        :return: seconds until the next step; None if the job has ended.
        :raises JobFailure: if the job can't continue.
        """
        now = self._clock.now()
        if not run.streams and now > job.created + self._clock.real(Quota.JOB_SECONDS):
            raise JobFailure("ClientError: the job has expired: it was not finished within 30 days")
        self._refresh_truth()
        if not self._stages.collect.collect(run, now):
            return 0.0
        self._stages.results.consolidate(run)
        pause = self._stages.collect.pause(run, now)
        if run.streams:
            pause = self._stages.streaming.go_on(run, job, now, pause)
        elif pause is not None:
            if self._stages.hand_out.top_up(run, job, now) and run.team:
                # People take what is new by themselves.
                pause = 0.0
            self._stages.output.refresh(run, job, now)
        else:
            self._stages.output.write_set(run, job.iteration)
            pause = 0.0 if self._stages.hand_out.next_set(run) else None
        if pause is None:
            self._stages.end.end(run.lease, job, self._final_status(run))
            return None
        return 0.0 if pause == 0 else min(max(pause, _MIN_PAUSE), _MAX_PAUSE)

    def _refresh_truth(self) -> None:
        try:
            self._truth.refresh()
        except TruthFileError as error:
            raise JobFailure(f"ClientError: {error}") from None

    def _final_status(self, run: Run) -> JobStatus:
        """The status of a job that has nothing more to do: Completed, unless it streams or has unlabeled objects."""
        with self._database.read() as connection:
            waiting = object_rows.count(connection, run.id, ObjectState.WAITING)
        return JobStatus.STOPPED if waiting or run.streams else JobStatus.COMPLETED
