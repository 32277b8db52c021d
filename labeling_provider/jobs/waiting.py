"""When the wait for a labeling job is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labeling_provider.groundtruth.job import JobState


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
