"""What a wait for a streaming job is for: such a job does not complete, so something else has to be reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from labeling_provider.groundtruth.job import JobState

if TYPE_CHECKING:
    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.streaming.pusher import Backlog


class Sight(NamedTuple):
    """A streaming job as it was seen.

    :param state: status and counters.
    :param waiting: objects in its queue.
    """

    state: JobState
    waiting: int

    @property
    def counted(self) -> list[str | int]:
        """What moves while anything happens."""
        return [*self.state.counted, self.waiting]


@dataclass
class Goal:
    """Any one of these.

    :param backlog_below: fewer objects than this wait in the queue.
    :param labeled: so many objects were labeled since the counter stood at ``baseline``.
    :param baseline: None for where the counter stood at the first look.
    :param idle_for: seconds for which nothing has moved, with nothing in the queue and nothing in the workers' hands.
    """

    backlog_below: int | None = None
    labeled: int | None = None
    baseline: int | None = None
    idle_for: float | None = None

    def __post_init__(self) -> None:
        self._counted: list[str | int] | None = None
        self._moved_at: float | None = None
        if self.backlog_below is None and self.labeled is None and self.idle_for is None:
            raise ValueError("Give backlog_below, labeled or idle_for.")

    @property
    def memory(self) -> dict[str, Any]:
        """A JSON value from which a later wait for the same goal goes on."""
        return {"counted": self._counted, "moved_at": self._moved_at, "baseline": self.baseline}

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Go on from what an earlier wait has remembered."""
        self._counted, self._moved_at = memory.get("counted"), memory.get("moved_at")
        self.baseline = memory.get("baseline", self.baseline)

    def reached(self, sight: Sight, now: float) -> str:
        """Which part of the goal is reached, in words; empty if none.

        :param now: epoch seconds.
        """
        if self._counted != sight.counted:
            self._counted, self._moved_at = sight.counted, now
        if self.baseline is None:
            self.baseline = sight.state.labeled
        since = sight.state.labeled - self.baseline
        if self.backlog_below is not None and sight.waiting < self.backlog_below:
            return f"{sight.waiting:,} objects wait"
        if self.labeled is not None and since >= self.labeled:
            return f"{since:,} objects were labeled"
        quiet = now - (self._moved_at or now)
        if self.idle_for is not None and quiet >= self.idle_for and not (sight.waiting or sight.state.unlabeled):
            return f"nothing has happened for {quiet:.0f} s"
        return ""


def look(ground_truth: GroundTruth, job_name: str, backlog: Backlog) -> Sight | None:
    """See a streaming job; None if there is no such job. Of one that has ended the queue may be gone.

    :raises LabelingError: if the service does not answer.
    """
    job = ground_truth.find_job(job_name)
    if job is None:
        return None
    return Sight(job.state, backlog.depth() if job.status == "InProgress" else 0)
