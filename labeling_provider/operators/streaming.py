"""Pushes new objects to a running streaming job as a task."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from labeling_provider.errors import LabelingError, LabelingJobFailedError
from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.operators import arguments
from labeling_provider.operators.base import DEFERRABLE, LabelingTask

if TYPE_CHECKING:
    from airflow.sdk import Context

    from labeling_provider.triggers.streaming import PushNewObjectsTrigger

_ENDS = frozenset({"drained", "max_objects", "deadline"})


class PushNewObjectsOperator(LabelingTask):
    """Publish what is new in a source to the input topic of a streaming labeling job.

    Give one source: ``prefix_uri``, ``queue_url`` or ``manifest_uri``. It ends when the source is drained, when
    ``max_objects`` are pushed, or when ``duration`` is over. Each object is published under an id that is always the
    same, so that the job labels it once however often it is found; how far the source is done with is kept beside the
    job's output, and the next run goes on from there.

    Returns ``{"published": …, "refused": …, "examples": […], "reason": …}``; ``examples`` tells of refused objects.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param input_topic_arn: the input topic (templated).
    :param job_name: the streaming job (templated); None for whichever listens to the topic, and to wait while there is
        none.
    :param prefix_uri: ``s3://bucket/prefix`` to list (templated).
    :param queue_url: an SQS queue that S3 or EventBridge tells of new objects (templated).
    :param manifest_uri: a manifest whose lines are pushed (templated).
    :param object_keys: keys that tell its objects apart, such as ``["source-ref", "page"]``; None for all that a line
        says besides its labels.
    :param suffixes: how the keys of wanted objects end; any if there are none.
    :param text: whether each line of an object is a text to label, rather than the object itself.
    :param relabel_changed: whether an object that was written again is labeled again.
    :param max_objects: how many objects to push at most; None for all.
    :param duration: how long to push at most; None until the source is drained.
    :param max_backlog: how many objects may wait in the job's queue.
    :param overlap: seconds by which an object may appear in a listing later than its own time tells.
    :param in_flight: batches of ten messages that are on their way at once.
    :param poll_interval: seconds between two looks at a job that takes nothing now.
    :param position_uri: S3 URI of the object that keeps the position, if it is to be somewhere else (templated).
    :param deferrable: whether to push from the triggerer, without a worker.
    :raises LabelingJobFailedError: if the job ends; what was not pushed stays for the next run.
    :raises LabelingError: if the source can't be read or the topic not be published to.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.Kind]] = {
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
        # Raises while the DAG file is parsed.
        ObjectKeys(object_keys)
        self.keep(given)

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Push, in this process or deferred."""
        self.read_arguments()
        trigger = self._trigger()
        if self.deferrable:
            self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)
        return self.execute_complete(context, self.run_here(trigger))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        self.read_arguments()
        if "error" in event:
            raise LabelingError(event["error"])
        if event["reason"] not in _ENDS:
            raise LabelingJobFailedError(
                f"{event['reason']}. {event['published']:,} objects were pushed; the rest stays for the next run."
            )
        return event

    def _trigger(self) -> PushNewObjectsTrigger:
        from labeling_provider.triggers.streaming import PushNewObjectsTrigger

        given = {name: getattr(self, name) for name in PushNewObjectsTrigger.arguments() if hasattr(self, name)}
        deadline = None if self.duration is None else time.time() + self.duration.total_seconds()
        return PushNewObjectsTrigger(**given, forever=False, deadline=deadline)
