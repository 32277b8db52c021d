"""Waits for a labeling job, and decides when the wait is over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.job import JobState

if TYPE_CHECKING:
    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.client.job_events import JobEvents

log = logging.getLogger(__name__)

_ROUNDING: Final = 1e-6
"""Seconds. Sums of times are rounded, so waiting for exactly the seconds left may end a little early."""


class Vigil:
    """Decides when the wait for a job is over.

    :param targets: statuses to wait for; the end of the job also ends the wait.
    :param deadline: when to stop waiting, in epoch seconds; None for never.
    :param stall_timeout: seconds without any change after which to stop waiting; None for never.
    :param memory: the memory of an earlier wait for this job.
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
        """A JSON value from which a later wait can continue: the last counters, and their time in epoch seconds."""
        return {"counted": self._counted, "moved_at": self._moved_at}

    def seconds_left(self, now: float) -> float | None:
        """Seconds until :meth:`verdict` must be called again; None for no limit.

        :param now: current time in epoch seconds.
        """
        ends = [end for end in (self._deadline, self._stalled_at) if end is not None]
        return max(min(ends) - now, 0.0) if ends else None

    @property
    def _stalled_at(self) -> float | None:
        """When the job will have been idle for too long, in epoch seconds; None for never."""
        if self._stall_timeout is None or self._moved_at is None:
            return None
        return self._moved_at + self._stall_timeout

    def verdict(self, state: JobState | None, now: float) -> dict[str, Any] | None:
        """Why the wait is over, as a trigger event; None if it is not.

        :param state: the job's current state; None if there is no news.
        :param now: current time in epoch seconds.
        """
        if state is not None:
            if self._counted != state.counted:
                self._counted, self._moved_at = state.counted, now
            self._state = state
            if state.has_ended or state.status in self._targets:
                return {"state": state.as_dict()}
        known = {"state": self._state.as_dict() if self._state else None}
        if self._deadline is not None and now + _ROUNDING >= self._deadline:
            return {**known, "timeout": True}
        if self._stalled_at is not None and now + _ROUNDING >= self._stalled_at:
            return {**known, "stalled": now - (self._moved_at or 0.0)}
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
    """Poll a job until the wait is over, blocking.

    :param state: the last known state of the job.
    :param poll_interval: seconds between polls.
    :param events_queue_url: an SQS queue of labeling job state changes, which report the end of a job sooner.
    :param show: called with each changed state.
    :return: the event that a trigger would fire.
    :raises LabelingError: if the job can no longer be followed.
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
        except Exception as error:  # noqa: BLE001 - Patience raises errors that a retry can't help
            news = None
            pause = patience.pause(error, f"Waiting for {state.name}", time.monotonic(), poll_interval)
            log.warning("No answer about %s, trying again in %.0f s: %s", state.name, pause, error)
            continue
        if isinstance(answer, LabelingError):
            raise answer
        patience.answered()
        news, pause = answer, poll_interval


def _pause(seconds: float, job_name: str, events: JobEvents | None) -> None:
    """Sleep, or return early when the queue reports the end of the job."""
    until = time.monotonic() + seconds
    while events is not None and until - time.monotonic() >= 1:
        try:
            notices = events.receive(until - time.monotonic())
            mine = [notice for notice in notices if job_name.lower() in notice.jobs]
            for notice in notices:
                events.settle(notice, notice in mine)
        except Exception as error:  # noqa: BLE001 - the queue is optional, polling continues
            log.warning("No answer from the queue of events: %s", error)
            break
        if mine:
            return
    time.sleep(max(until - time.monotonic(), 0))
