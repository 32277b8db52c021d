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
from labeling_provider.links import JOB_LINKS, WORKERS_LINK
from labeling_provider.operators import arguments
from labeling_provider.operators.base import DEFERRABLE, LabelingTask, check_choice
from labeling_provider.operators.lineage import Lineage
from labeling_provider.operators.stopping import StopLabelingJobOperator as StopLabelingJobOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from labeling_provider.operators.task_run import TaskRun
    from labeling_provider.request import AutomatedLabeling, Workforce

_KILL_SECONDS: Final = 4.0
_CHOICES: Final = {
    "if_job_exists": ("adopt", "replace", "fail"),
    "on_missing_labels": ("warn", "fail", "chain"),
    "on_stall": ("leave", "stop"),
    "preflight": ("fail", "warn", "off"),
}


class CreateLabelingJobOperator(Lineage, LabelingTask):
    """Create a labeling job, wait for it, and hand on where the labels are.

    Everything that CreateLabelingJob accepts can be set: by name here, or in ``config``, a raw request that the named
    arguments fill up. Before anything is sent, all that can be checked is checked, and every problem is reported at
    once. The job's name is the same for every try of a task instance: a retry finds its job again and goes on with it.

    Returns one dict: ``job_name``, ``job_arn``, ``status``, ``output_manifest_uri``, ``label_attribute_name``,
    ``counters``, ``unlabeled``, ``failed``, ``final_model_arn``, ``estimated_cost_usd``, ``region``. The same goes
    into the event of every Asset among the outlets; without outlets, a plain ``output_uri`` becomes one.

    With ``input_topic_arn`` it is a streaming job, which never completes: the task succeeds when the job takes objects,
    and the dict also holds ``input_topic_arn``, ``output_topic_arn``, ``backlog_queue`` (the name of the queue in
    which objects wait) and ``labels_queue_url``.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param task_type: kind of work, such as ``image-classification``; see ``docs/operators.md`` for all.
    :param manifest_uri: S3 URI of the input manifest.
    :param output_uri: S3 URI under which the output goes, in a folder of the job's name.
    :param labels: labels in class order; stored as the category file beside the output.
    :param workforce: :class:`PrivateWorkteam`, :class:`VendorWorkteam`, :class:`MechanicalTurk` or a workteam ARN.
    :param role_arn: execution role of the job.
    :param title: question shown to workers.
    :param instructions: plain text for workers; becomes the worker page of the task type.
    :param description: one line about the task; by default the instructions.
    :param keywords: one to five keywords for workers who search.
    :param workers_per_object: how many people label each object, 1 to 9.
    :param time_limit: seconds that a worker has for one task.
    :param availability: seconds that an object may wait for workers.
    :param max_concurrent_objects: objects in the workers' hands at once.
    :param label_attribute_name: key of the label in the output; by default ``label`` or ``label-ref``.
    :param job_name: name of the job; by default derived from dag, task, run and map index.
    :param automated_labeling: True or :class:`AutomatedLabeling` to let a model label what it is sure of.
    :param max_human_labeled_objects: stop when people have labeled so many objects.
    :param max_percentage_labeled: stop when so many percent of the objects are labeled.
    :param max_cost_usd: fail before anything is sent if the estimate is higher, USD.
    :param category_uri: S3 URI of a category file, in place of ``labels``.
    :param audited_attribute: for adjustment and verification: whose labels are shown.
    :param ui_template_uri: S3 URI of a worker template, in place of ``instructions``.
    :param pre_annotation_function: Lambda function ARN, for custom tasks.
    :param consolidation_function: Lambda function ARN, for custom tasks.
    :param input_topic_arn: SNS topic that feeds a streaming job.
    :param output_topic_arn: SNS topic that gets each label.
    :param create_topics: for a streaming job, make what is missing before the job: the topics, and what the next three
        ask for. What is there is kept.
    :param notify_from: S3 URI prefix whose bucket tells the input topic about each new object (not for text).
    :param notify_suffix: how the keys of those objects end.
    :param labels_queue: name of an SQS queue that gets what the output topic tells.
    :param output_kms_key: key for the output.
    :param content_classifiers: declarations about the content.
    :param tags: tags of the job.
    :param config: a raw CreateLabelingJob request; what it says wins over the named arguments.
    :param preflight: what to do about trouble around the job, in its objects (up to 1,000 are looked at), buckets, role
        and workteam: ``fail``, ``warn``, or ``off`` to look at nothing of that.
    :param fix_cors: add the CORS rule that workers' browsers need to the buckets that lack it.
    :param wait_for_completion: False returns as soon as the job is created.
    :param deferrable: whether to wait without a worker.
    :param poll_interval: seconds between two looks at the job.
    :param events_queue_url: an SQS queue that an EventBridge rule feeds with labeling-job state changes: the end of the
        job is seen within seconds, and the polls remain as a safety net.
    :param job_timeout: longest time from a job's creation to its end; None for Amazon's 30 days.
    :param outage: seconds without any answer after which to give up waiting.
    :param if_job_exists: what to do about a job of an earlier try that was made with other arguments and runs or is
        complete: ``adopt`` it, ``replace`` it by another (it is stopped), or ``fail``.
    :param on_missing_labels: what to do when the job ends with objects that have no label: ``warn``, ``fail``, or
        ``chain``: follow-up jobs for what is missing, and one merged manifest.
    :param max_rounds: with ``chain``, how many jobs there may be, the first included.
    :param stall_timeout: longest time without any change of status or counters; None for no limit.
    :param on_stall: whether a job that stands still is left running (``leave``) or stopped (``stop``).
    :param stop_job_on_kill: whether to stop the job when the task is killed or runs out of time.
    :raises InvalidRequestError: with every problem of the request; nothing has been sent.
    :raises JobNameTakenError: if a job of this name exists that this task has not made.
    :raises LabelingJobFailedError: if the job fails, is stopped, or misses labels and that is an error.
    :raises LabelingTimeoutError: if time is up.
    :raises LabelingJobStalledError: if nothing has moved for ``stall_timeout``.
    """

    operator_extra_links = (*JOB_LINKS, WORKERS_LINK)
    argument_kinds: ClassVar[Mapping[str, arguments.Kind]] = {
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
    template_fields_renderers = {"config": "json", "tags": "json"}  # noqa: RUF012 - Airflow reads it as it is

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
            # An Asset with an S3 URI makes Airflow load the amazon provider's S3 hook while it parses the DAG file.
            kwargs["outlets"] = [AssetAlias(str(output_uri))]
        super().__init__(**kwargs)
        # BaseOperator.task_type is the name of the operator class.
        self.labeling_type = given.pop("task_type")
        self.keep(given)
        self.config = config or {}
        self._run: TaskRun | None = None
        for argument, allowed in _CHOICES.items():
            check_choice(argument, getattr(self, argument), allowed)

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Find the job that an earlier try has made, or check and create it; then follow it to its end."""
        started = time.time()
        self.read_arguments()
        run = self._begin(context, started)
        return self._outcome(run, run.start)

    def execute_complete(
        self, context: Context, event: dict[str, Any], started: float | None = None
    ) -> dict[str, Any] | None:
        """Go on after the trigger has fired."""
        self.read_arguments()
        run = self._begin(context, time.time() if started is None else started)
        return self._outcome(run, lambda: run.resume(event))

    def _begin(self, context: Context, started: float) -> TaskRun:
        from labeling_provider.jobs.caller import RunOptions
        from labeling_provider.operators.task_run import TaskRun
        from labeling_provider.request import LabelingJobSpec

        # BaseOperator.task_type is the name of the operator class.
        names = {field.name: field.name for field in fields(LabelingJobSpec)} | {"task_type": "labeling_type"}
        spec = LabelingJobSpec(**{name: getattr(self, attribute) for name, attribute in names.items()})
        options = RunOptions(**{field.name: getattr(self, field.name) for field in fields(RunOptions)})
        self._run = TaskRun(self, context, spec, options, deferrable=self.deferrable, started=started)
        return self._run

    def _outcome(self, run: TaskRun, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of a run, which whoever waits for the labels hears of."""
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
        """Stop the job if a user has ended the task, unless ``stop_job_on_kill=False``.

        A worker that goes away tells its tasks to end as well: then the job goes on, and the next try with it.
        """
        if self._run is None or self._run.job_under_way is None or not self.stop_job_on_kill:
            return
        error = sys.exception()
        # This runs in a signal handler: whatever it has interrupted may hold the line to Airflow's supervisor.
        stopping = threading.Thread(target=self._run.end, args=(error,), daemon=True)
        stopping.start()
        stopping.join(None if self._run.is_timeout(error) else _KILL_SECONDS)


class _StoppedError(LabelingJobStoppedError, AirflowFailException):
    """The same for Airflow, which then does not retry."""


def _is_plain_s3_uri(uri: Any) -> bool:
    return isinstance(uri, str) and uri.startswith("s3://") and "{" not in uri and len(uri) > len("s3://")
