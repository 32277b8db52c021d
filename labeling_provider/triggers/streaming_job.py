"""Waits for a streaming job to reach a goal, without occupying a worker."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

from airflow.triggers.base import TriggerEvent

from labeling_provider import compat
from labeling_provider.errors import LabelingError
from labeling_provider.triggers.base import LabelingTrigger
from labeling_provider.triggers.poller import Poller
from labeling_provider.xcoms import PROGRESS_KEY

_LOGGED: Final = ("job_name", "status", "labeled", "backlog")


@dataclass(kw_only=True, eq=False, repr=False)
class StreamingJobTrigger(LabelingTrigger):
    """Fires once, when a streaming labeling job reaches a goal or ends, or at a deadline.

    The event is ``{"job_name": …, "reached": …, "snapshot": {…counters, "backlog": …}}``, plus ``"timeout": True`` at
    the deadline. ``reached`` is the condition that is met, in words, and empty if the job has ended before. If the job
    can no longer be followed, the event is ``{"error": …}`` with a message.

    Takes the connection arguments of :class:`labeling_provider.triggers.base.LabelingTrigger` as well.

    :param job_name: name of the streaming job.
    :param goal: the fields of :class:`labeling_provider.streaming.goal.Goal`.
    :param poll_interval: seconds between polls.
    :param deadline: when to stop waiting, in epoch seconds; None for never.
    """

    job_name: str = field(kw_only=False)
    goal: dict[str, Any]
    poll_interval: float
    deadline: float | None

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire once."""
        try:
            yield await self.event({"job_name": self.job_name, **await self._wait()})
        except LabelingError as error:
            yield await self.event({"error": str(error)})

    async def _wait(self) -> dict[str, Any]:
        from labeling_provider.streaming.goal import Goal, take_snapshot
        from labeling_provider.streaming.pusher import Backlog

        goal, shown = Goal(**self.goal), None
        if self.task_instance is not None:
            kept = await compat.pull_xcom(self.task_instance, PROGRESS_KEY)
            if isinstance(kept, dict) and kept.get("job_name") == self.job_name:
                goal.recall(kept)
        async with Poller.shared(self) as poller:
            backlog = await poller.call(lambda ground_truth: Backlog(ground_truth, self.job_name))
            while True:
                snapshot = await poller.call(lambda ground_truth: take_snapshot(ground_truth, self.job_name, backlog))
                if snapshot is None:
                    raise LabelingError(f"There is no labeling job named {self.job_name}.")
                reached = goal.reached(snapshot, time.time())
                known = {**snapshot.state.counters(), "backlog": snapshot.waiting}
                if known != shown:
                    shown = known
                    compat.gauge("labeling.objects.backlog", snapshot.waiting, {"job_name": self.job_name})
                    self.log.info("%s %s, %s labeled, %s waiting", *(known[key] for key in _LOGGED))
                    if self.task_instance is not None:
                        compat.push_xcom_soon(self.task_instance, PROGRESS_KEY, {**known, **goal.memory})
                if reached or snapshot.state.has_ended:
                    return {"reached": reached, "snapshot": known}
                if self.deadline is not None and time.time() >= self.deadline:
                    return {"reached": "", "snapshot": known, "timeout": True}
                left = math.inf if self.deadline is None else self.deadline - time.time()
                await asyncio.sleep(max(min(self.poll_interval, left), 0))
