"""Waits for something to happen to a streaming job, without holding a worker."""

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
from labeling_provider.triggers.poller import HookArguments, Poller
from labeling_provider.xcoms import PROGRESS_KEY

_TOLD: Final = ("job_name", "status", "labeled", "backlog")


@dataclass(kw_only=True, eq=False, repr=False)
class StreamingJobTrigger(LabelingTrigger):
    """Fires once, when a streaming labeling job has reached a goal, has ended, or time is up.

    The event is ``{"job_name": …, "reached": …, "sight": {…counters, "backlog": …}}``, with ``"timeout": True`` when
    time is up; ``reached`` says in words what was reached and is empty if the job has ended before. Or
    ``{"error": …}`` with a sentence.

    Takes the connection arguments of :class:`labeling_provider.triggers.base.LabelingTrigger` as well.

    :param job_name: the job.
    :param goal: the fields of :class:`labeling_provider.streaming.goal.Goal`.
    :param poll_interval: seconds between two looks.
    :param deadline: epoch seconds at which to stop waiting; None for never.
    """

    job_name: str = field(kw_only=False)
    goal: dict[str, Any]
    poll_interval: float
    deadline: float | None

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire once."""
        try:
            yield TriggerEvent({"job_name": self.job_name, **await self._wait()})  # type: ignore[no-untyped-call]
        except LabelingError as error:
            yield TriggerEvent({"error": str(error)})  # type: ignore[no-untyped-call]

    async def _wait(self) -> dict[str, Any]:
        from labeling_provider.streaming.goal import Goal, look
        from labeling_provider.streaming.pusher import Backlog

        goal, shown = Goal(**self.goal), None
        if self.task_instance is not None:
            kept = await compat.pull_xcom(self.task_instance, PROGRESS_KEY)
            if isinstance(kept, dict) and kept.get("job_name") == self.job_name:
                goal.recall(kept)
        async with Poller.shared(HookArguments.of(self)) as poller:
            backlog = await poller.call(lambda ground_truth: Backlog(ground_truth, self.job_name))
            while True:
                sight = await poller.call(lambda ground_truth: look(ground_truth, self.job_name, backlog))
                if sight is None:
                    raise LabelingError(f"There is no labeling job named {self.job_name}.")
                reached = goal.reached(sight, time.time())
                known = {**sight.state.counters(), "backlog": sight.waiting}
                if known != shown:
                    shown = known
                    compat.gauge("labeling.objects.backlog", sight.waiting, {"job_name": self.job_name})
                    self.log.info("%s %s, %s labeled, %s wait", *(known[key] for key in _TOLD))
                    if self.task_instance is not None:
                        compat.push_xcom_soon(self.task_instance, PROGRESS_KEY, {**known, **goal.memory})
                if reached or sight.state.has_ended:
                    return {"reached": reached, "sight": known}
                if self.deadline is not None and time.time() >= self.deadline:
                    return {"reached": "", "sight": known, "timeout": True}
                left = math.inf if self.deadline is None else self.deadline - time.time()
                await asyncio.sleep(max(min(self.poll_interval, left), 0))
