"""Goals of a wait for a streaming job, which never completes by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from labeling_provider.errors import counted
from labeling_provider.groundtruth.job import JobState, JobStatus

if TYPE_CHECKING:
    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.streaming.pusher import Backlog


class Snapshot(NamedTuple):
    """A streaming job at one moment.

    :param state: status and counters.
    :param waiting: number of objects in its queue.
    """

    state: JobState
    waiting: int

    @property
    def counted(self) -> list[str | int]:
        """What changes while the job makes progress, as a JSON value."""
        return [*self.state.counted, self.waiting]


@dataclass
class Goal:
    """What to wait for. The goal is reached as soon as any of the given conditions is met.

    :param backlog_below: fewer objects than this are in the queue.
    :param labeled: this many objects have been labeled since ``baseline``.
    :param baseline: value of the counter to count from; None for its value in the first snapshot.
    :param idle_for: nothing has changed for this many seconds, the queue is empty and workers have no tasks.
    :raises ValueError: if no condition is given.
    """

    backlog_below: int | None = None
    labeled: int | None = None
    baseline: int | None = None
    idle_for: float | None = None

    def __post_init__(self) -> None:
        self._counted: list[str | int] | None = None
        self._moved_at: float | None = None
        if self.backlog_below is None and self.labeled is None and self.idle_for is None:
            raise ValueError("Set backlog_below, labeled or idle_for.")

    @property
    def memory(self) -> dict[str, Any]:
        """A JSON value from which a later wait for the same goal can continue."""
        return {"counted": self._counted, "moved_at": self._moved_at, "baseline": self.baseline}

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Continue from the memory of an earlier wait."""
        self._counted, self._moved_at = memory.get("counted"), memory.get("moved_at")
        self.baseline = memory.get("baseline", self.baseline)

    def reached(self, snapshot: Snapshot, now: float) -> str:
        """The condition that is met, in words; empty if none is.

        :param now: current time in epoch seconds.
        """
        if self._counted != snapshot.counted:
            self._counted, self._moved_at = snapshot.counted, now
        if self.baseline is None:
            self.baseline = snapshot.state.labeled
        labeled, waiting = snapshot.state.labeled - self.baseline, snapshot.waiting
        if self.backlog_below is not None and waiting < self.backlog_below:
            return f"the queue has {counted(waiting, 'object')}"
        if self.labeled is not None and labeled >= self.labeled:
            return f"workers have labeled {counted(labeled, 'object')}"
        quiet = now - (self._moved_at or now)
        if self.idle_for is not None and quiet >= self.idle_for and not (waiting or snapshot.state.unlabeled):
            return f"nothing has happened for {quiet:.0f} s"
        return ""


def take_snapshot(ground_truth: GroundTruth, job_name: str, backlog: Backlog) -> Snapshot | None:
    """Describe a streaming job and its queue; None if there is no such job.

    :raises LabelingError: if the service does not answer.
    """
    job = ground_truth.find_job(job_name)
    if job is None:
        return None
    # The queue of a job that has ended may have been deleted.
    return Snapshot(job.state, backlog.depth() if job.status == JobStatus.IN_PROGRESS else 0)
