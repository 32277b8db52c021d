"""Waits for a labeling job, and decides when that is over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.job import JobState

if TYPE_CHECKING:
    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.client.job_events import JobEvents

log = logging.getLogger(__name__)


class Vigil:
    """Decides when the wait for one job is over.

    :param targets: statuses to wait for; any end of the job ends the wait as well.
    :param deadline: epoch seconds at which to stop waiting; None for never.
    :param stall_timeout: seconds without any change after which to stop waiting; None for never.
    :param memory: what an earlier vigil over this job has remembered.
    """

    def __init__(
        self,
        *,
        targets: frozenset[str] = frozenset(),
        deadline: float | None = None,
        stall_timeout: float | None = None,
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        self._targets, self._deadline, self._stall_timeout = targets, deadline, stall_timeout
        self._state: JobState | None = None
        self._counted: list[str | int] | None = memory["counted"] if memory else None
        self._moved_at: float | None = memory["moved_at"] if memory else None

    @property
    def memory(self) -> dict[str, Any]:
        """A JSON value from which a later vigil over the job goes on: how it was, and since when (epoch seconds)."""
        return {"counted": self._counted, "moved_at": self._moved_at}

    def seconds_left(self, now: float) -> float | None:
        """How long a wait may last before :meth:`verdict` must be asked again; None for as long as it likes."""
        ends = [] if self._deadline is None else [self._deadline]
        if self._stall_timeout is not None and self._moved_at is not None:
            ends.append(self._moved_at + self._stall_timeout)
        return max(min(ends) - now, 0.0) if ends else None

    def verdict(self, state: JobState | None, now: float) -> dict[str, Any] | None:
        """Why the wait is over, as a trigger event; None while it is not.

        :param state: the job as it was just seen; None if there is nothing new.
        :param now: epoch seconds.
        """
        if state is not None:
            if self._counted != state.counted:
                self._counted, self._moved_at = state.counted, now
            self._state = state
            if state.has_ended or state.status in self._targets:
                return {"state": state.as_dict()}
        known = {"state": self._state.as_dict() if self._state else None}
        if self._deadline is not None and now >= self._deadline:
            return {**known, "timeout": True}
        if (
            self._stall_timeout is not None
            and self._moved_at is not None
            and now >= self._moved_at + self._stall_timeout
        ):
            return {**known, "stalled": now - self._moved_at}
        return None


def wait_for_job(
    ground_truth: GroundTruth,
    state: JobState,
    vigil: Vigil,
    *,
    poll_interval: float,
    events_queue_url: str | None = None,
    show: Callable[[JobState], None] = lambda state: None,
) -> dict[str, Any]:
    """Look at a job until the wait is over, holding this process.

    :param state: the job as it was last seen.
    :param poll_interval: seconds between two looks.
    :param events_queue_url: an SQS queue of labeling-job state changes, which tells earlier that the job has ended.
    :param show: called with each state that differs from the one before.
    :return: the event that a trigger would have fired.
    :raises LabelingError: if the job can't be followed any more.
    """
    from labeling_provider.client.job_events import JobEvents
    from labeling_provider.client.retries import Patience
    from labeling_provider.jobs.polling import Lookout
    from labeling_provider.jobs.progress import Progress

    events = JobEvents(ground_truth.client("sqs"), events_queue_url) if events_queue_url else None
    lookout, patience, progress = Lookout(ground_truth.sagemaker), Patience(ground_truth.outage), Progress()
    news: JobState | None = state
    pause = poll_interval
    while True:
        event = vigil.verdict(news, time.time())
        if news is not None and (line := progress.line(news, time.time())):
            log.info(line)
            show(news)
        if event is not None:
            return event
        left = vigil.seconds_left(time.time())
        _pause(pause if left is None else min(pause, left), state.name, events)
        try:
            answer = lookout.describe(state.name)
        except Exception as error:  # noqa: BLE001 - Patience tells the hopeless from the passing
            news = None
            pause = patience.pause(error, f"Waiting for {state.name}", time.monotonic(), poll_interval)
            log.warning("No answer about %s, next try in %.0f s: %s", state.name, pause, error)
            continue
        if isinstance(answer, LabelingError):
            raise answer
        patience.answered()
        news, pause = answer, poll_interval


def _pause(seconds: float, job_name: str, events: JobEvents | None) -> None:
    """Sleep, or until the queue tells that the job has ended."""
    until = time.monotonic() + seconds
    while events is not None and until - time.monotonic() >= 1:
        try:
            notices = events.receive(until - time.monotonic())
            mine = [notice for notice in notices if job_name.lower() in notice.jobs]
            for notice in notices:
                events.settle(notice, notice in mine)
        except Exception as error:  # noqa: BLE001 - the queue is an extra, the polls go on
            log.warning("No answer from the queue of events: %s", error)
            break
        if mine:
            return
    time.sleep(max(until - time.monotonic(), 0))
