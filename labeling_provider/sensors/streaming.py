"""Waits for a streaming labeling job to reach a goal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import PokeReturnValue
from airflow.sdk.exceptions import AirflowSensorTimeout

from labeling_provider.errors import LabelingError, LabelingJobFailedError
from labeling_provider.links import push_job_links
from labeling_provider.operators import arguments
from labeling_provider.operators.base import DEFERRABLE
from labeling_provider.sensors.labeling_job import JobSensor
from labeling_provider.xcoms import PROGRESS_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from labeling_provider.streaming.goal import Goal
    from labeling_provider.streaming.pusher import Backlog


class StreamingJobSensor(JobSensor):
    """Succeeds when a streaming labeling job meets any of the given conditions; fails if the job ends before.

    Returns the job's counters with ``backlog``, and ``reached``, the condition that is met, in words.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param job_name: name of the streaming job (templated).
    :param backlog_below: fewer objects than this are in the job's queue.
    :param labeled: this many objects have been labeled since ``baseline``.
    :param baseline: value of the counter to count from, such as a counter of an earlier task; None for its value at the
        first check (templated).
    :param idle_for: nothing has changed for this long, and nothing is left to label.
    :param deferrable: whether to wait without occupying a worker.
    :raises ValueError: if no condition is given.
    :raises LabelingJobFailedError: if the job ends before.
    :raises LabelingError: if there is no such job, or the service refuses or does not answer.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {
        "job_name": arguments.required(arguments.name),
        "baseline": arguments.whole,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    idle_for: timedelta | None
    deferrable: bool

    def __init__(
        self,
        *,
        job_name: str,
        backlog_below: int | None = None,
        labeled: int | None = None,
        baseline: int | str | None = None,
        idle_for: timedelta | None = None,
        deferrable: bool = DEFERRABLE,
        **kwargs: Any,
    ) -> None:
        given = locals()
        super().__init__(**kwargs)
        self.keep(given)
        if backlog_below is None and labeled is None and idle_for is None:
            raise ValueError("Set backlog_below, labeled or idle_for.")

    def execute(self, context: Context) -> Any:
        """Wait, in this process or in the triggerer."""
        self.read_arguments()
        push_job_links(context, self.ground_truth, self._described())
        if not self.deferrable:
            return super().execute(context)
        from labeling_provider.triggers.streaming_job import StreamingJobTrigger

        trigger = StreamingJobTrigger(
            self.job_name,
            goal=self._goal_fields(),
            poll_interval=self.poke_interval,
            deadline=time.time() + self.timeout,
            **self.connection_arguments,
        )
        self.defer(trigger=trigger, method_name="execute_complete")
        return None

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Continue after the trigger has fired."""
        self.read_arguments()
        if "error" in event:
            self._fail(LabelingError(event["error"]))
        if event.get("timeout"):
            self._fail(AirflowSensorTimeout(f"{self.job_name} has not reached its goal after {self.timeout:.0f} s."))
        return self._result(event["snapshot"], event["reached"])

    def poke(self, context: Context) -> PokeReturnValue | bool:
        """Check the job once."""
        from labeling_provider import compat
        from labeling_provider.streaming.goal import take_snapshot

        snapshot = take_snapshot(self.ground_truth, self.job_name, self._backlog)
        if snapshot is None:
            self._fail(LabelingError(f"Labeling job {self.job_name} no longer exists."))
        if self.reschedule and (kept := context["ti"].xcom_pull(task_ids=self.task_id, key=PROGRESS_KEY)):
            self._goal.recall(kept)
        reached = self._goal.reached(snapshot, time.time())
        known = {**snapshot.state.counters(), "backlog": snapshot.waiting}
        context["ti"].xcom_push(key=PROGRESS_KEY, value={**known, **self._goal.memory})
        compat.gauge("labeling.objects.backlog", snapshot.waiting, {"job_name": self.job_name})
        if not reached and not snapshot.state.has_ended:
            return False
        return PokeReturnValue(True, xcom_value=self._result(known, reached))

    def _result(self, known: dict[str, Any], reached: str) -> dict[str, Any]:
        """The sensor's result; fails if the job has ended before reaching the goal."""
        if not reached:
            self._fail(LabelingJobFailedError(f"Streaming labeling job {self.job_name} is {known['status']}."))
        self.log.info("%s: %s", self.job_name, reached)
        return {**known, "reached": reached}

    def _goal_fields(self) -> dict[str, Any]:
        from labeling_provider.streaming.goal import Goal

        goal = {field.name: getattr(self, field.name) for field in fields(Goal)}
        return goal | {"idle_for": None if self.idle_for is None else self.idle_for.total_seconds()}

    @cached_property
    def _goal(self) -> Goal:
        from labeling_provider.streaming.goal import Goal

        return Goal(**self._goal_fields())

    @cached_property
    def _backlog(self) -> Backlog:
        from labeling_provider.streaming.pusher import Backlog

        return Backlog(self.ground_truth, self.job_name)
