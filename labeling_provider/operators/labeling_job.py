"""Create a labeling job and wait for its labels."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk import AssetAlias
from airflow.sdk.exceptions import AirflowFailException

from labeling_provider.errors import InvalidRequestError, LabelingJobStoppedError
from labeling_provider.jobs.caller import RunOptions
from labeling_provider.links import JOB_LINKS, WORKERS_LINK
from labeling_provider.operators import arguments
from labeling_provider.operators.base import DEFERRABLE, LabelingTask
from labeling_provider.operators.lineage import Lineage
from labeling_provider.operators.stopping import StopLabelingJobOperator as StopLabelingJobOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from labeling_provider.operators.task_run import TaskRun
    from labeling_provider.request import AutomatedLabeling, Workforce

_KILL_SECONDS: Final = 4.0


class CreateLabelingJobOperator(Lineage, LabelingTask):
    """Create a labeling job, wait for it, and return where its labels are.

    Everything that CreateLabelingJob accepts can be set: by the named arguments, or in ``config``, a raw request that
    the named arguments complete. Everything that can be checked is checked before anything is sent, and all problems
    are reported at once. The job's name is the same for every try of a task instance, so a retry finds its job again
    and continues with it.

    Returns a dict with ``job_name``, ``job_arn``, ``status``, ``output_manifest_uri``, ``label_attribute_name``,
    ``counters``, ``unlabeled``, ``failed``, ``final_model_arn``, ``estimated_cost_usd``, ``region`` and ``rounds``. The
    same dict is the extra of the event of every Asset among the outlets. Without outlets, ``output_uri`` becomes an
    outlet, if it contains no template.

    With ``input_topic_arn`` it is a streaming job, which never completes: the task succeeds as soon as the job takes
    objects, and the dict also has ``input_topic_arn``, ``output_topic_arn``, ``backlog_queue`` (the name of the queue
    with waiting objects) and ``labels_queue_url``.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param task_type: task type, such as ``image-classification``; ``docs/operators.md`` lists all.
    :param manifest_uri: S3 URI of the input manifest, or the result of a task that wrote it.
    :param output_uri: S3 URI of the output; each job writes to a folder named after it.
    :param labels: labels in class order; stored as the label category file with the output. An empty list is like none.
    :param workforce: :class:`PrivateWorkteam`, :class:`VendorWorkteam`, :class:`MechanicalTurk` or a workteam ARN.
    :param role_arn: ARN of the job's execution role.
    :param title: question shown to workers.
    :param instructions: plain text for workers; becomes the worker page of the task type.
    :param description: one line about the task; by default the instructions.
    :param keywords: one to five keywords by which workers can find the task.
    :param workers_per_object: number of workers who label each object, 1 to 9.
    :param time_limit: time a worker has for one task, in seconds.
    :param availability: time an object may wait for workers, in seconds.
    :param max_concurrent_objects: most objects offered to workers at once.
    :param label_attribute_name: key of the label in the output; by default ``label`` or ``label-ref``.
    :param job_name: name of the job; by default derived from Dag, task, run and map index.
    :param automated_labeling: True or :class:`AutomatedLabeling` to let a model label what it is confident about.
    :param max_human_labeled_objects: stop when people have labeled this many objects.
    :param max_percentage_labeled: stop when this percentage of the objects is labeled.
    :param max_cost_usd: fail before anything is sent if the estimated cost is higher, in USD.
    :param category_uri: S3 URI of a label category file, in place of ``labels``.
    :param audited_attribute: for adjustment and verification: the label attribute whose labels are shown.
    :param ui_template_uri: S3 URI of a worker template, in place of ``instructions``.
    :param pre_annotation_function: ARN of a Lambda function, for custom tasks.
    :param consolidation_function: ARN of a Lambda function, for custom tasks.
    :param consolidation: for custom tasks on a self-hosted service, a ready function in place of
        ``consolidation_function``: ``polygons``, ``polylines``, ``lines``, ``keypoints`` or ``instances``.
    :param input_topic_arn: ARN of the SNS topic that feeds a streaming job.
    :param output_topic_arn: ARN of the SNS topic to which each label is published.
    :param create_topics: for a streaming job, first create the topics and the resources of the next three arguments,
        unless they exist.
    :param notify_from: S3 URI prefix whose bucket notifies the input topic of each new object (not for text).
    :param notify_suffix: notify only of objects whose keys end with this.
    :param labels_queue: name of an SQS queue to subscribe to the output topic.
    :param output_kms_key: KMS key for the output.
    :param content_classifiers: declarations about the content, such as ``FreeOfAdultContent``.
    :param tags: tags of the job.
    :param config: a raw CreateLabelingJob request; its members win over the named arguments.
    :param preflight: how to treat problems with the job's objects (up to 1,000 are checked), buckets, role and
        workteam: ``fail``, ``warn``, or ``off`` to skip these checks.
    :param fix_cors: add the CORS rule that workers' browsers need to the buckets that lack it.
    :param wait_for_completion: False to return as soon as the job is created.
    :param deferrable: whether to wait without occupying a worker.
    :param poll_interval: seconds between polls.
    :param events_queue_url: URL of an SQS queue that an EventBridge rule feeds with labeling job state changes. The end
        of the job is then noticed within seconds; polling continues as a safety net.
    :param job_timeout: longest time from a job's creation to its end; None for Amazon's 30 days.
    :param outage: seconds without any answer after which to give up waiting.
    :param if_job_exists: what to do with a job of an earlier try that was created with different arguments and is
        running or complete: ``adopt`` it, ``replace`` it (it is stopped), or ``fail``.
    :param on_missing_labels: what to do if the job ends with unlabeled objects: ``warn``, ``fail``, or ``chain`` to
        create follow-up jobs for them and merge the manifests.
    :param max_rounds: with ``chain``, the largest number of jobs, including the first.
    :param stall_timeout: longest time without any change of status or counters; None for no limit.
    :param on_stall: whether to leave a stalled job running (``leave``) or stop it (``stop``).
    :param stop_job_on_kill: whether to stop the job when the task is killed or times out.
    :raises InvalidRequestError: with every problem of the request; nothing was sent.
    :raises JobNameTakenError: if a job with this name exists that was not created by this task.
    :raises LabelingJobFailedError: if the job fails, is stopped, or labels are missing and that is an error.
    :raises LabelingTimeoutError: if the job has not ended within ``job_timeout`` or the task's ``execution_timeout``.
    :raises LabelingJobStalledError: if nothing has changed for ``stall_timeout``.
    """

    operator_extra_links = (*JOB_LINKS, WORKERS_LINK)
    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {
        # BaseOperator.task_type is the name of the operator class.
        "labeling_type": arguments.JOB["task_type"],
        **{field: kind for field, kind in arguments.JOB.items() if field != "task_type"},
        "job_name": arguments.name,
        "notify_from": arguments.name,
        "notify_suffix": arguments.required(arguments.text),
        "labels_queue": arguments.name,
        "max_cost_usd": arguments.number,
        "events_queue_url": arguments.name,
        **arguments.CONNECTION,
    }
    arguments_error = InvalidRequestError
    template_fields: Sequence[str] = tuple(argument_kinds)
    template_fields_renderers = {"config": "json", "tags": "json"}  # noqa: RUF012 - Airflow's attribute

    output_uri: str | None
    manifest_uri: str | None
    wait_for_completion: bool
    deferrable: bool
    stop_job_on_kill: bool

    def __init__(
        self,
        *,
        task_type: str | None = None,
        manifest_uri: str | None = None,
        output_uri: str | None = None,
        labels: Sequence[str | dict[str, Any]] | None = None,
        workforce: Workforce | str | None = None,
        role_arn: str | None = None,
        title: str | None = None,
        instructions: str | None = None,
        description: str | None = None,
        keywords: Sequence[str] | None = None,
        workers_per_object: int | None = None,
        time_limit: int | None = None,
        availability: int | None = None,
        max_concurrent_objects: int | None = None,
        label_attribute_name: str | None = None,
        job_name: str | None = None,
        automated_labeling: bool | AutomatedLabeling | None = None,
        max_human_labeled_objects: int | None = None,
        max_percentage_labeled: int | None = None,
        max_cost_usd: float | None = None,
        category_uri: str | None = None,
        audited_attribute: str | None = None,
        ui_template_uri: str | None = None,
        pre_annotation_function: str | None = None,
        consolidation_function: str | None = None,
        consolidation: str | None = None,
        input_topic_arn: str | None = None,
        output_topic_arn: str | None = None,
        create_topics: bool = False,
        notify_from: str | None = None,
        notify_suffix: str = "",
        labels_queue: str | None = None,
        output_kms_key: str | None = None,
        content_classifiers: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
        preflight: str = "fail",
        fix_cors: bool = False,
        wait_for_completion: bool = True,
        deferrable: bool = DEFERRABLE,
        poll_interval: float = 30,
        events_queue_url: str | None = None,
        job_timeout: timedelta | None = None,
        outage: float = 900,
        if_job_exists: str = "adopt",
        on_missing_labels: str = "warn",
        max_rounds: int = 3,
        stall_timeout: timedelta | None = None,
        on_stall: str = "leave",
        stop_job_on_kill: bool = True,
        **kwargs: Any,
    ) -> None:
        given = locals()
        # A streaming job has no labels yet when its task succeeds.
        if not kwargs.get("outlets") and not input_topic_arn and _is_plain_s3_uri(output_uri):
            # An alias, because an Asset with an S3 URI makes Airflow load the S3 hook while it parses the Dag file.
            kwargs["outlets"] = [AssetAlias(str(output_uri))]
        super().__init__(**kwargs)
        # BaseOperator.task_type is the name of the operator class.
        self.labeling_type = given.pop("task_type")
        self.keep(given)
        self.config = config or {}
        self._run: TaskRun | None = None
        # A choice that does not exist is refused while the Dag file is parsed.
        self._options()

    def execute(self, context: Context) -> dict[str, Any]:
        """Continue with the job of an earlier try, or check and create one; then follow it to its end."""
        started = time.time()
        self.read_arguments()
        run = self._begin(context, started)
        return self._outcome(run, run.start)

    def execute_complete(self, context: Context, event: dict[str, Any], started: float | None = None) -> dict[str, Any]:
        """Continue after the trigger has fired."""
        self.read_arguments()
        run = self._begin(context, time.time() if started is None else started)
        return self._outcome(run, lambda: run.resume(event))

    def _options(self) -> RunOptions:
        return RunOptions(**{option.name: getattr(self, option.name) for option in fields(RunOptions)})

    def _begin(self, context: Context, started: float) -> TaskRun:
        from labeling_provider.operators.task_run import TaskRun
        from labeling_provider.request import LabelingJobSpec

        # BaseOperator.task_type is the name of the operator class.
        names = {field.name: field.name for field in fields(LabelingJobSpec)} | {"task_type": "labeling_type"}
        spec = LabelingJobSpec(**{name: getattr(self, attribute) for name, attribute in names.items()})
        self._run = TaskRun(self, context, spec, self._options(), deferrable=self.deferrable, started=started)
        return self._run

    def _outcome(self, run: TaskRun, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of a run, announced in lineage and asset events."""
        try:
            result = work()
        except LabelingJobStoppedError as error:
            raise _StoppedError(str(error)) from error
        if self.wait_for_completion:
            self.lineage_inputs = [uri for uri in (self.manifest_uri,) if uri]
            self.lineage_outputs = [uri for uri in (result["output_manifest_uri"],) if uri]
            self.lineage_job = result
            run.announce(result)
        return result

    def on_kill(self) -> None:
        """Stop the job if a user has killed the task, unless ``stop_job_on_kill=False``.

        A worker that shuts down kills its tasks too. The job then keeps running, and the next try continues with it.
        """
        if self._run is None or self._run.job_under_way is None or not self.stop_job_on_kill:
            return
        error = sys.exception()
        # This runs in a signal handler, and the interrupted code may hold the connection to Airflow's supervisor.
        stopping = threading.Thread(target=self._run.end, args=(error,), daemon=True)
        stopping.start()
        stopping.join(None if self._run.is_timeout(error) else _KILL_SECONDS)


class _StoppedError(LabelingJobStoppedError, AirflowFailException):
    """The same as an exception that Airflow does not retry."""


def _is_plain_s3_uri(uri: Any) -> bool:
    return isinstance(uri, str) and uri.startswith("s3://") and "{" not in uri and len(uri) > len("s3://")
