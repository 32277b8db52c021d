"""What every task on a labeling job shares: its connection, its links, its colour, its ways to wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from labeling_provider.client.retries import Patience
from labeling_provider.errors import InvalidArgumentsError, InvalidRequestError, LabelingError
from labeling_provider.groundtruth.job import JobState
from labeling_provider.jobs.progress import Progress
from labeling_provider.jobs.waiting import Vigil
from labeling_provider.links import JOB_LINKS

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, BaseOperatorLink
    from airflow.triggers.base import BaseTrigger

    from labeling_provider.client.job_events import JobEvents
    from labeling_provider.hooks.labeling import LabelingHook
    from labeling_provider.operators.arguments import Kind

    Task = BaseOperator
else:
    Task = object


def check_choice(argument: str, value: str, allowed: Collection[str]) -> None:
    """Refuse a value that an argument can't have.

    :raises ValueError: naming those that it can.
    """
    if value not in allowed:
        raise ValueError(f"{argument} must be {' or '.join(map(repr, allowed))}, not {value!r}")


class LabelingTask(Task):
    """Mixed into operators and sensors that take the amazon provider's connection arguments."""

    operator_extra_links: Collection[BaseOperatorLink] = JOB_LINKS
    ui_color: str = "#ffe8c4"
    argument_kinds: ClassVar[Mapping[str, Kind]]
    """What each templated argument is to be read as."""
    arguments_error: ClassVar[type[InvalidArgumentsError | InvalidRequestError]] = InvalidArgumentsError

    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | None
    botocore_config: dict[str, Any] | None
    outage: float = 900
    poll_interval: float
    events_queue_url: str | None = None

    @cached_property
    def hook(self) -> LabelingHook:
        """The hook of this task's connection."""
        from labeling_provider.hooks.labeling import LabelingHook

        return LabelingHook(
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            config=self.botocore_config,
            outage=self.outage,
        )

    def read_arguments(self) -> None:
        """Read each templated argument as its kind, in place.

        :raises InvalidArgumentsError: or what :attr:`arguments_error` says, with all that can't be read.
        """
        from labeling_provider.operators.arguments import problems_of

        if problems := problems_of(self, self.argument_kinds):
            raise self.arguments_error(problems)

    def defer_to_trigger(
        self,
        state: JobState,
        *,
        targets: Collection[str] = (),
        deadline: float | None,
        stall_timeout: float | None = None,
        stop_job_on_kill: bool,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Let the triggerer wait for a job; ``execute_complete`` goes on.

        :param state: the job as it was last seen.
        :param kwargs: further arguments of ``execute_complete``.
        :raises TaskDeferred: always.
        """
        from labeling_provider.triggers.labeling_job import LabelingJobTrigger

        trigger = LabelingJobTrigger(
            state.name,
            created=state.created,
            targets=list(targets),
            poll_interval=self.poll_interval,
            deadline=deadline,
            stall_timeout=stall_timeout,
            outage=self.outage,
            stop_job_on_kill=stop_job_on_kill,
            events_queue_url=self.events_queue_url,
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            botocore_config=self.botocore_config,
        )
        self.defer(trigger=trigger, method_name="execute_complete", kwargs=kwargs)

    @staticmethod
    def run_here(trigger: BaseTrigger) -> dict[str, Any]:
        """Run a trigger in this process, holding this worker; what it fires."""

        async def first() -> dict[str, Any]:
            async for event in trigger.run():
                return dict(event.payload)
            raise LabelingError("The wait has ended without a result.")

        return asyncio.run(first())

    def wait_in_process(self, state: JobState, vigil: Vigil, show: Callable[[JobState], None]) -> dict[str, Any]:
        """Look at a job until the wait is over, holding this worker.

        :param state: the job as it was last seen.
        :param show: called with each state that differs from the one before.
        :return: the event that a trigger would have fired.
        :raises LabelingError: if the job can't be followed any more.
        """
        from labeling_provider.jobs.polling import Lookout

        lookout, patience, progress = Lookout(self.hook.sagemaker), Patience(self.outage), Progress()
        seen: JobState | None = state
        pause = self.poll_interval
        while True:
            event = vigil.verdict(seen, time.time())
            if seen is not None and (line := progress.line(seen, time.time())):
                self.log.info(line)
                show(seen)
            if event is not None:
                return event
            left = vigil.seconds_left(time.time())
            self._pause(pause if left is None else min(pause, left), state.name)
            try:
                looked = lookout.describe(state.name)
            except Exception as error:  # noqa: BLE001 - Patience tells the hopeless from the passing
                seen = None
                pause = patience.pause(error, f"Waiting for {state.name}", time.monotonic(), self.poll_interval)
                self.log.warning("No answer about %s, next try in %.0f s: %s", state.name, pause, error)
                continue
            if isinstance(looked, LabelingError):
                raise looked
            patience.answered()
            seen, pause = looked, self.poll_interval

    @cached_property
    def _events(self) -> JobEvents | None:
        from labeling_provider.client.job_events import JobEvents

        return JobEvents(self.hook.client("sqs"), self.events_queue_url) if self.events_queue_url else None

    def _pause(self, seconds: float, job_name: str) -> None:
        """Sleep, or until the queue tells that the job has ended."""
        until = time.monotonic() + seconds
        while self._events is not None and until - time.monotonic() >= 1:
            try:
                notices = self._events.receive(until - time.monotonic())
                mine = [notice for notice in notices if job_name.lower() in notice.jobs]
                for notice in notices:
                    self._events.settle(notice, notice in mine)
            except Exception as error:  # noqa: BLE001 - the queue is an extra, the polls go on
                self.log.warning("No answer from %s: %s", self.events_queue_url, error)
                break
            if mine:
                return
        time.sleep(max(until - time.monotonic(), 0))
