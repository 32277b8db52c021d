"""The base of all operators and sensors: connection, links, color, and ways to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk import BaseOperator, conf

from labeling_provider.errors import InvalidArgumentsError, InvalidRequestError, LabelingError
from labeling_provider.hooks.connection import ConnectionArguments
from labeling_provider.links import JOB_LINKS

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink
    from airflow.triggers.base import BaseTrigger

    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.hooks.labeling import LabelingHook
    from labeling_provider.jobs.caller import Wait
    from labeling_provider.operators.arguments import ArgumentKind

DEFERRABLE: Final[bool] = conf.getboolean("operators", "default_deferrable", fallback=False)
"""The default of ``deferrable``, from Airflow's configuration."""


class LabelingTask(BaseOperator, ConnectionArguments):
    """Base of all operators and sensors: a task with an Airflow connection.

    :param aws_conn_id: the Airflow connection (templated).
    :param region_name: the region; None for the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle.
    :param botocore_config: botocore configuration.
    :raises InvalidArgumentsError: when it runs, if templates come to values that their arguments can't have.
    """

    operator_extra_links: Collection[BaseOperatorLink] = JOB_LINKS
    ui_color: str = "#ffe8c4"
    argument_kinds: ClassVar[Mapping[str, ArgumentKind]]
    """The kind of each templated argument."""
    arguments_error: ClassVar[type[InvalidArgumentsError | InvalidRequestError]] = InvalidArgumentsError

    outage: float = 900

    def __init__(
        self,
        *,
        # Airflow reads from this signature what a DAG's default_args may set.
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        given = locals()
        super().__init__(**kwargs)
        self.keep(given)

    def keep(self, arguments: Mapping[str, Any]) -> None:
        """Store the arguments of a subclass as attributes of the same names.

        :param arguments: ``locals()`` of its ``__init__``.
        """
        for name, value in arguments.items():
            if name not in {"self", "kwargs", "__class__"}:
                setattr(self, name, value)

    @cached_property
    def hook(self) -> LabelingHook:
        """The hook of this task's connection."""
        return self.make_hook(outage=self.outage)

    @property
    def ground_truth(self) -> GroundTruth:
        """The client of this task's connection."""
        return self.hook.ground_truth

    def read_arguments(self) -> None:
        """Convert each templated argument to its kind, in place.

        :raises InvalidArgumentsError: or the class in :attr:`arguments_error`, with all wrong arguments.
        """
        from labeling_provider.operators.arguments import problems_of

        if problems := problems_of(self, self.argument_kinds):
            raise self.arguments_error(problems)

    def defer_to_trigger(
        self,
        wait: Wait,
        *,
        poll_interval: float,
        stop_job_on_kill: bool,
        events_queue_url: str | None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Let the triggerer wait for a job; the task continues in ``execute_complete``.

        :param kwargs: further arguments for ``execute_complete``.
        :raises TaskDeferred: always.
        """
        from labeling_provider.triggers.labeling_job import LabelingJobTrigger

        trigger = LabelingJobTrigger(
            wait.state.name,
            created=wait.state.created,
            targets=sorted(wait.targets),
            poll_interval=poll_interval,
            deadline=wait.deadline,
            stall_timeout=wait.stall_timeout,
            outage=self.outage,
            stop_job_on_kill=stop_job_on_kill,
            events_queue_url=events_queue_url,
            **self.connection_arguments,
        )
        self.defer(trigger=trigger, method_name="execute_complete", kwargs=kwargs)

    @staticmethod
    def run_here(trigger: BaseTrigger) -> dict[str, Any]:
        """Run a trigger in this process, blocking; returns the payload of its event."""

        async def first() -> dict[str, Any]:
            async for event in trigger.run():
                return dict(event.payload)
            raise LabelingError("The trigger ended without an event.")

        return asyncio.run(first())
