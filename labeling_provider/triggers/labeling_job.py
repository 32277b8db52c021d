"""Waits for a labeling job without holding a worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from labeling_provider import compat
from labeling_provider.errors import LabelingError
from labeling_provider.jobs import JobState, Progress
from labeling_provider.waiting import Patience


class LabelingJobTrigger(BaseTrigger):
    """Fires once, when a labeling job has reached a status, has ended, or time is up.

    The event is ``{"state": …}`` with the fields of :class:`labeling_provider.jobs.JobState`, with ``"timeout": True``
    added when time is up; or ``{"error": …}`` with a sentence.

    :param job_name: the labeling job.
    :param targets: statuses to wait for; any end of the job fires as well.
    :param poll_interval: seconds between two looks.
    :param deadline: epoch seconds at which to stop waiting; None for never.
    :param outage: seconds without an answer after which to give up.
    :param stop_job_on_kill: whether to stop the job when a user ends the task.
    :param aws_conn_id: the Airflow connection.
    :param region_name: the region, if it is not the connection's.
    :param verify: whether to check TLS certificates, or the path of a CA bundle.
    :param botocore_config: botocore configuration.
    """

    def __init__(
        self,
        job_name: str,
        *,
        targets: list[str],
        poll_interval: float,
        deadline: float | None,
        outage: float,
        stop_job_on_kill: bool,
        aws_conn_id: str | None,
        region_name: str | None,
        verify: bool | str | None,
        botocore_config: dict[str, Any] | None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_name = job_name
        self.targets = targets
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.outage = outage
        self.stop_job_on_kill = stop_job_on_kill
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        names = (
            "job_name",
            "targets",
            "poll_interval",
            "deadline",
            "outage",
            "stop_job_on_kill",
            "aws_conn_id",
            "region_name",
            "verify",
            "botocore_config",
        )
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in names}

    async def _client(self) -> Any:
        """An aiobotocore client as a context manager."""
        from labeling_provider.hooks.labeling import LabelingHook

        hook = LabelingHook(
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            config=self.botocore_config,
        )
        return await hook.get_async_conn()  # type: ignore[no-untyped-call]

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire once."""
        try:
            yield TriggerEvent(await self._wait())  # type: ignore[no-untyped-call]
        except LabelingError as error:
            yield TriggerEvent({"error": str(error)})  # type: ignore[no-untyped-call]
        except asyncio.CancelledError:
            compat.when_cancelled(self)
            raise

    async def _wait(self) -> dict[str, Any]:
        patience, progress = Patience(self.outage), Progress()
        async with await self._client() as client:
            while True:
                pause = self.poll_interval
                try:
                    state = JobState.of(await client.describe_labeling_job(LabelingJobName=self.job_name))
                except LabelingError:
                    raise
                except Exception as error:  # noqa: BLE001 - Patience tells the hopeless from the passing
                    pause = patience.pause(error, f"Waiting for {self.job_name}", time.monotonic(), pause)
                    self.log.warning("No answer about %s, next try in %.0f s: %s", self.job_name, pause, error)
                else:
                    patience.answered()
                    if line := progress.line(state, time.time()):
                        self.log.info(line)
                    if state.has_ended or state.status in self.targets:
                        return {"state": state.as_dict()}
                    if self.deadline is not None and time.time() >= self.deadline:
                        return {"state": state.as_dict(), "timeout": True}
                await asyncio.sleep(self._until_deadline(pause))

    def _until_deadline(self, pause: float) -> float:
        return pause if self.deadline is None else max(min(pause, self.deadline - time.time()), 0.1)

    async def on_kill(self) -> None:
        """Stop the job: a user has ended the task. Airflow from 3.3 on calls this, before it ``compat`` does."""
        if not self.stop_job_on_kill:
            self.log.info("The task was ended; labeling job %s goes on, as stop_job_on_kill=False asks", self.job_name)
            return
        async with await self._client() as client:
            await client.stop_labeling_job(LabelingJobName=self.job_name)
        self.log.info("The task was ended: stopped labeling job %s", self.job_name)
