"""Pushes new objects to a running streaming job."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from labeling_provider.errors import LabelingError, LabelingJobFailedError, counted
from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.operators import arguments
from labeling_provider.operators.base import DEFERRABLE, LabelingTask

if TYPE_CHECKING:
    from airflow.sdk import Context

    from labeling_provider.triggers.streaming import PushNewObjectsTrigger

_ENDS = frozenset({"drained", "max_objects", "deadline"})


class PushNewObjectsOperator(LabelingTask):
    """Publish new objects from a source to the input topic of a streaming labeling job.

    Set one source: ``prefix_uri``, ``queue_url`` or ``manifest_uri``. The task ends when the source is drained, after
    ``max_objects`` objects, or after ``duration``. Each object is published with a stable id, so the job labels it only
    once. The position in the source is stored with the job's output, and the next run continues from there.

    Returns ``{"published": …, "refused": …, "examples": […], "reason": …}``; ``examples`` describes refused objects.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param input_topic_arn: ARN of the input topic (templated).
    :param job_name: the streaming job; None for any job that listens to the topic, waiting for one if necessary
        (templated).
    :param prefix_uri: ``s3://bucket/prefix`` to list (templated).
    :param queue_url: URL of an SQS queue with notifications from S3 or EventBridge (templated).
    :param manifest_uri: a manifest whose objects to push (templated).
    :param object_keys: keys that identify an object of the manifest, such as ``["source-ref", "page"]``; None for all
        input keys.
    :param suffixes: push only keys that end with one of these; all keys if empty.
    :param text: whether each line of an object is a text to label, rather than the object itself.
    :param relabel_changed: whether to label an overwritten object again.
    :param max_objects: most objects to push; None for all.
    :param duration: longest time to push; None to push until the source is drained.
    :param max_backlog: most objects that may wait in the job's queue.
    :param overlap: longest delay, in seconds, with which an object may appear in a listing after its time stamp.
    :param in_flight: number of batches of ten messages to send at once.
    :param poll_interval: seconds between checks while the job does not take objects.
    :param position_uri: S3 URI for the position, if it should be stored elsewhere (templated).
    :param deferrable: whether to push from the triggerer, without occupying a worker.
    :raises LabelingJobFailedError: if the job ends; the remaining objects are left for the next run.
    :raises LabelingError: if the source can't be read, or the topic can't be published to.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {
        "input_topic_arn": arguments.required(arguments.name),
        "job_name": arguments.name,
        "prefix_uri": arguments.name,
        "queue_url": arguments.name,
        "manifest_uri": arguments.name,
        "position_uri": arguments.name,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)
    operator_extra_links = ()

    duration: timedelta | None
    deferrable: bool

    def __init__(
        self,
        *,
        input_topic_arn: str,
        job_name: str | None = None,
        prefix_uri: str | None = None,
        queue_url: str | None = None,
        manifest_uri: str | None = None,
        object_keys: Sequence[str] | None = None,
        suffixes: Sequence[str] = (),
        text: bool = False,
        relabel_changed: bool = False,
        max_objects: int | None = None,
        duration: timedelta | None = None,
        max_backlog: int = 5000,
        overlap: float = 3600,
        in_flight: int = 16,
        poll_interval: float = 10,
        position_uri: str | None = None,
        deferrable: bool = DEFERRABLE,
        **kwargs: Any,
    ) -> None:
        given = locals()
        super().__init__(**kwargs)
        # Raises errors while the Dag file is parsed.
        ObjectKeys(object_keys)
        self.keep(given)

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Push objects, in this process or in the triggerer."""
        self.read_arguments()
        trigger = self._trigger()
        if self.deferrable:
            self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)
        return self.execute_complete(context, self.run_here(trigger))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Continue after the trigger has fired.

        :param event: what the trigger tells: ``published``, ``refused``, ``examples`` and ``reason``, or ``error``.
        :return: the event.
        :raises LabelingJobFailedError: if the job has ended before everything was pushed.
        :raises LabelingError: with the trigger's error.
        """
        self.read_arguments()
        if "error" in event:
            raise LabelingError(event["error"])
        if event["reason"] not in _ENDS:
            raise LabelingJobFailedError(
                f"{event['reason']}. {counted(event['published'], 'object')} pushed; the rest is left for the next run."
            )
        return event

    def _trigger(self) -> PushNewObjectsTrigger:
        from labeling_provider.triggers.streaming import PushNewObjectsTrigger

        given = {name: getattr(self, name) for name in PushNewObjectsTrigger.arguments() if hasattr(self, name)}
        deadline = None if self.duration is None else time.time() + self.duration.total_seconds()
        return PushNewObjectsTrigger(**given, forever=False, deadline=deadline)
