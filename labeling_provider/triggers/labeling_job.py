"""Waits for a labeling job without occupying a worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from airflow.triggers.base import TriggerEvent

from labeling_provider import compat
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.job import JobState
from labeling_provider.jobs.ownership import killed_tags
from labeling_provider.jobs.progress import Progress
from labeling_provider.jobs.waiting import Vigil
from labeling_provider.triggers.base import LabelingTrigger
from labeling_provider.triggers.poller import Poller
from labeling_provider.xcoms import PROGRESS_KEY


@dataclass(kw_only=True, eq=False, repr=False)
class LabelingJobTrigger(LabelingTrigger):
    """Fires once, when a labeling job reaches a status, ends or stalls, or at a deadline.

    All triggers of a triggerer with the same connection and region share one sweep of ListLabelingJobs per interval.
    While the task is deferred, the counters are in its XCom ``labeling_progress``.

    The event is ``{"job_name": …, "state": …}`` with the fields of
    :class:`labeling_provider.groundtruth.job.JobState`, plus ``"timeout": True`` at the deadline, or
    ``"stalled": seconds`` after that time without any change. If the job can no longer be followed, it is
    ``{"error": …}`` with a message.

    Takes the connection arguments of :class:`labeling_provider.triggers.base.LabelingTrigger` as well.

    :param job_name: name of the labeling job.
    :param created: creation time by the service's clock, in epoch seconds; None if not known.
    :param targets: statuses to wait for; the end of the job also fires.
    :param poll_interval: seconds between polls; with several triggers the shortest interval applies to all.
    :param deadline: when to stop waiting, in epoch seconds; None for never.
    :param stall_timeout: seconds without any change after which to stop waiting; None for never.
    :param outage: seconds without any answer after which to give up.
    :param stop_job_on_kill: whether to stop the job when a user kills the task.
    :param events_queue_url: URL of an SQS queue of labeling job state changes, which report the end of a job sooner.
    """

    job_name: str = field(kw_only=False)
    created: float | None = None
    targets: list[str]
    poll_interval: float
    deadline: float | None
    stall_timeout: float | None = None
    outage: float
    stop_job_on_kill: bool
    events_queue_url: str | None = None

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire once."""
        try:
            yield await self.event({"job_name": self.job_name, **await self._wait()})
        except LabelingError as error:
            yield await self.event({"error": str(error)})
        except asyncio.CancelledError:
            compat.when_cancelled(self)
            raise

    async def _wait(self) -> dict[str, Any]:
        progress = Progress()
        vigil = Vigil(
            targets=frozenset(self.targets),
            deadline=self.deadline,
            stall_timeout=self.stall_timeout,
            memory=await self._memory(),
        )
        async with Poller.shared(self) as poller:
            with poller.watching(
                self.job_name,
                created=self.created,
                interval=self.poll_interval,
                outage=self.outage,
                events_queue_url=self.events_queue_url,
            ) as watch:
                while True:
                    state = await watch.news(vigil.seconds_left(time.time()))
                    event = vigil.verdict(state, time.time())
                    if state is not None:
                        if line := progress.line(state, time.time()):
                            self.log.info(line)
                        self._show(state, vigil)
                    if event is not None:
                        return event

    def _show(self, state: JobState, vigil: Vigil) -> None:
        """Push the counters to XCom, for the Airflow UI and for a later trigger."""
        if self.task_instance is not None:
            compat.push_xcom_soon(self.task_instance, PROGRESS_KEY, {**state.counters(), **vigil.memory})

    async def _memory(self) -> dict[str, Any] | None:
        """An earlier trigger's memory of the job, so that a restart of the triggerer does not reset stall_timeout."""
        if self.stall_timeout is None or self.task_instance is None:
            return None
        shown = await compat.pull_xcom(self.task_instance, PROGRESS_KEY)
        return shown if isinstance(shown, dict) and shown.get("job_name") == self.job_name else None

    async def on_kill(self) -> None:
        """Stop the job if a user has killed the task. Airflow calls this from 3.3 on; before, ``compat`` does."""
        if self.task_instance is not None and await compat.is_still_deferred(self.task_instance):
            self.log.info("Labeling job %s keeps running: its task still waits, in another triggerer", self.job_name)
            return
        if not self.stop_job_on_kill:
            self.log.info("The task was killed; labeling job %s keeps running: stop_job_on_kill=False", self.job_name)
            return
        try_number = getattr(self.task_instance, "try_number", None)
        async with Poller.shared(self) as poller:
            await poller.call(lambda ground_truth: ground_truth.stop_job(self.job_name, killed_tags(try_number)))
        self.log.info("The task was killed: stopped labeling job %s", self.job_name)
