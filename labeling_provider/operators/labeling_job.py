"""Create a labeling job and wait for its labels."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from airflow.sdk import Asset, AssetAlias, BaseOperator, conf
from airflow.sdk.exceptions import AirflowFailException

from labeling_provider.errors import (
    InvalidRequestError,
    JobNameTakenError,
    LabelingError,
    LabelingJobFailedError,
    LabelingJobStalledError,
    LabelingTimeoutError,
)
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.job import RUNNING, JobState, queue_name, service_time
from labeling_provider.jobs.ownership import Owner, OwnJob, OwnJobs, changes, request_mark
from labeling_provider.jobs.progress import stall_report
from labeling_provider.jobs.waiting import Vigil
from labeling_provider.links import JOB_LINKS, WORKERS_LINK, push_job_links, push_workers_link
from labeling_provider.operators import arguments
from labeling_provider.operators.base import LabelingTask, check_choice
from labeling_provider.operators.lineage import Lineage
from labeling_provider.operators.stopping import StopLabelingJobOperator as StopLabelingJobOperator
from labeling_provider.xcoms import JOB_KEY, MODEL_KEY, NAME_KEY, PROGRESS_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from labeling_provider.request import AutomatedLabeling, LabelingJobDraft, Workforce

_FIRST_NAME: Final = "labeling_job"
_KILL_SECONDS: Final = 4.0
_CHOICES: Final = {
    "if_job_exists": ("adopt", "replace", "fail"),
    "on_missing_labels": ("warn", "fail", "chain"),
    "on_stall": ("leave", "stop"),
    "preflight": ("fail", "warn", "off"),
}


class CreateLabelingJobOperator(Lineage, LabelingTask, BaseOperator):
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
    :param audited_attribute: for adjustment and verification of frames and point clouds: whose labels are shown.
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
    :param aws_conn_id: the Airflow connection.
    :param region_name: the region, if it is not the connection's.
    :param verify: whether to check TLS certificates, or the path of a CA bundle.
    :param botocore_config: botocore configuration.
    :raises InvalidRequestError: with every problem of the request; nothing was sent.
    :raises JobNameTakenError: if a job of this name exists that this task has not made.
    :raises LabelingJobFailedError: if the job fails, is stopped, or misses labels and that is an error.
    :raises LabelingTimeoutError: if time is up.
    :raises LabelingJobStalledError: if nothing has moved for ``stall_timeout``.
    """

    operator_extra_links = (*JOB_LINKS, WORKERS_LINK)
    _spec_fields = tuple(field for field in arguments.JOB if field != "task_type")
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
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
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
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        # A streaming job has no labels yet when its task succeeds.
        if not kwargs.get("outlets") and not input_topic_arn and _is_plain_s3_uri(output_uri):
            # An Asset with an S3 URI makes Airflow load the amazon provider's S3 hook while it parses the DAG file.
            kwargs["outlets"] = [AssetAlias(str(output_uri))]
        super().__init__(**kwargs)
        self.labeling_type = task_type
        self.manifest_uri = manifest_uri
        self.output_uri = output_uri
        self.labels = labels
        self.workforce = workforce
        self.role_arn = role_arn
        self.title = title
        self.instructions = instructions
        self.description = description
        self.keywords = keywords
        self.workers_per_object = workers_per_object
        self.time_limit = time_limit
        self.availability = availability
        self.max_concurrent_objects = max_concurrent_objects
        self.label_attribute_name = label_attribute_name
        self.job_name = job_name
        self.automated_labeling = automated_labeling
        self.max_human_labeled_objects = max_human_labeled_objects
        self.max_percentage_labeled = max_percentage_labeled
        self.max_cost_usd = max_cost_usd
        self.category_uri = category_uri
        self.audited_attribute = audited_attribute
        self.ui_template_uri = ui_template_uri
        self.pre_annotation_function = pre_annotation_function
        self.consolidation_function = consolidation_function
        self.input_topic_arn = input_topic_arn
        self.output_topic_arn = output_topic_arn
        self.create_topics = create_topics
        self.notify_from = notify_from
        self.notify_suffix = notify_suffix
        self.labels_queue = labels_queue
        self.output_kms_key = output_kms_key
        self.content_classifiers = content_classifiers
        self.tags = tags
        self.config = config or {}
        self.preflight = preflight
        self.fix_cors = fix_cors
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.events_queue_url = events_queue_url
        self.job_timeout = job_timeout
        self.outage = outage
        self.if_job_exists = if_job_exists
        self.on_missing_labels = on_missing_labels
        self.max_rounds = max_rounds
        self.stall_timeout = stall_timeout
        self.on_stall = on_stall
        self.stop_job_on_kill = stop_job_on_kill
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        self._running_job: tuple[str, Any] | None = None
        self._left_by_earlier_try: str | None = None
        self._ended_by_user = False
        for argument, allowed in _CHOICES.items():
            check_choice(argument, getattr(self, argument), allowed)

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Find the job that an earlier try has made, or check and create it; then follow it to its end."""
        from labeling_provider import compat

        started = time.time()
        self.read_arguments()
        compat.mark_try(context["ti"])
        # Whatever becomes of this try, a teardown finds its jobs by it.
        context["ti"].xcom_push(key=NAME_KEY, value=self._own_jobs(context).free_name)
        job = self._adopt(context) or self._create(context)
        return self._follow(context, job, started)

    def execute_complete(
        self, context: Context, event: dict[str, Any], started: float | None = None
    ) -> dict[str, Any] | None:
        """Go on after the trigger has fired."""
        self.read_arguments()
        if "error" in event:
            raise LabelingError(event["error"])
        job = OwnJob(self._describe(event["job_name"]))
        return self._follow(context, job, time.time() if started is None else started, event)

    def on_kill(self) -> None:
        """Stop the job if a user has ended the task, unless ``stop_job_on_kill=False``.

        A worker that goes away tells its tasks to end as well: then the job goes on, and the next try with it.
        """
        if self._running_job is None or not self.stop_job_on_kill:
            return
        from labeling_provider import compat

        timed_out = compat.is_timeout(sys.exception())
        # This runs in a signal handler: whatever it has interrupted may hold the line to Airflow's supervisor.
        stopping = threading.Thread(target=self._stop_for_user, args=(*self._running_job, timed_out), daemon=True)
        stopping.start()
        stopping.join(None if timed_out else _KILL_SECONDS)

    def _stop_for_user(self, name: str, task_instance: Any, timed_out: bool) -> None:
        from labeling_provider import compat

        try:
            if not timed_out and not compat.was_ended_by_user(task_instance):
                self.log.info("This worker goes away, and not by a user's wish: labeling job %s goes on", name)
                return
            self._ended_by_user = True
            self.log.info("The task was ended: stopping labeling job %s", name)
            self.hook.stop_job(name, killed_try=task_instance.try_number)
        except Exception:
            self.log.exception("Labeling job %s may still run", name)

    def _facts(self, job: OwnJob) -> dict[str, Any]:
        """What pages about the job need to know, and how to ask for more; no secrets."""
        return {
            "job_name": job.name,
            "status": job.status,
            "created": job.state.created,
            "task_type": self.labeling_type,
            "workteam_arn": job.workteam_arn,
            "workers_per_object": job.workers_per_object,
            "label_attribute_name": job.label_attribute,
            "output_uri": job.output_uri,
            "estimated_cost_usd": job.cost_usd,
            "streaming": job.is_streaming,
            "round": job.round,
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.hook.conn_region_name,
            "verify": self.verify,
        }

    # Which job

    def _own_jobs(self, context: Context) -> OwnJobs:
        from labeling_provider import compat

        given = self.job_name or self.config.get("LabelingJobName")
        return OwnJobs(Owner.of(context["ti"]), given, compat.remembered(context, _FIRST_NAME), self.hook.find_job)

    def _draft(self, name: str) -> LabelingJobDraft:
        from labeling_provider.request import LabelingJobSpec

        values = {field: getattr(self, field) for field in self._spec_fields}
        values["config"] = {key: value for key, value in self.config.items() if key != "LabelingJobName"}
        spec = LabelingJobSpec(task_type=self.labeling_type, **values)
        return spec.draft(name, self.hook.conn_region_name)

    def _request_mark(self) -> str:
        return request_mark(self._draft("any"))

    def _adopt(self, context: Context) -> OwnJob | None:
        """The job of this task instance to go on with; None if there is none.

        :raises JobNameTakenError: if the name is somebody else's, or the arguments have changed and that is an error.
        """
        own = self._own_jobs(context)
        mark = self._request_mark()
        for job in reversed(own.all()):
            same = job.request_mark == mark
            if job.is_good and (same or self._take_changed(job)):
                self.log.info("Labeling job %s of an earlier try is %s: going on with it", job.name, job.status)
                return job
            if same and self.on_missing_labels == "chain":
                self.log.info("Labeling job %s of an earlier try is %s: following up on it", job.name, job.status)
                self._left_by_earlier_try = job.name
                return job
            self.log.info("Labeling job %s of an earlier try is %s: a further one follows", job.name, job.status)
        return None

    def _take_changed(self, job: OwnJob) -> bool:
        """Whether to go on with a job whose arguments were others."""
        differing = ", ".join(changes(self._draft(job.name), job))
        what = (
            f"Labeling job {job.name} of an earlier try is {job.status} and was made with other arguments ({differing})"
        )
        if self.if_job_exists == "fail":
            raise JobNameTakenError(
                f"{what}. Give if_job_exists='adopt' to go on with it, or 'replace' to stop it and make another."
            )
        if self.if_job_exists == "adopt":
            self.log.warning("%s: going on with it, as if_job_exists='adopt' asks", what)
            return True
        self.log.warning("%s: replacing it, as if_job_exists='replace' asks", what)
        if job.status in RUNNING:
            self.hook.stop_job(job.name)
        return False

    def _create(self, context: Context, round_number: int = 1, before: OwnJob | None = None) -> OwnJob:
        """Check, store the files, and create the next job, or find it if the answer was lost.

        :param before: the job to follow up on; None to label everything.
        """
        from labeling_provider import compat
        from labeling_provider.jobs.follow_up import Rounds
        from labeling_provider.jobs.preflight import check_draft, stream_problems

        own = self._own_jobs(context)
        jobs = own.all()
        draft, spent = self._draft(own.free_name), 0.0
        if before is not None:
            rounds = Rounds.leading_to(self.hook, before, jobs)
            draft, spent = rounds.follow_up(draft), rounds.cost_usd
        self._continue_from_previous_run(context, draft.request)
        problems = stream_problems(
            draft,
            create_topics=self.create_topics,
            notify_from=self.notify_from,
            labels_queue=self.labels_queue,
            chained=self.on_missing_labels == "chain",
        )
        cost = check_draft(
            self.hook,
            draft,
            max_cost_usd=self.max_cost_usd,
            spent_usd=spent,
            further_problems=problems,
            preflight=self.preflight,
            fix_cors=self.fix_cors,
            further_data=self.notify_from,
        )
        if self.create_topics:
            self._make_resources(draft.request)
        follows = before.name if before else None
        tags = Owner.of(context["ti"]).tags(self._request_mark(), float(cost.total_usd), round_number, follows)
        draft.request["Tags"] = [*draft.request.get("Tags", []), *tags]
        for uri, text in draft.files.items():
            self.hook.write_text(uri, text)
        if not jobs:
            compat.remember(context, _FIRST_NAME, own.free_name)
        self._running_job = (own.free_name, context["ti"])
        job = own.claim(self.hook.create_job(draft.request))
        self.log.info("Created labeling job %s, round %s", job.arn, round_number)
        if self._ended_by_user:
            self.hook.stop_job(job.name, killed_try=context["ti"].try_number)
            raise LabelingError(f"The task was ended while labeling job {job.name} was created; the job was stopped.")
        return job

    def _continue_from_previous_run(self, context: Context, request: dict[str, Any]) -> None:
        """Let automated labeling start from the last model of this task, if that is asked for and it is still there."""
        from labeling_provider import compat

        wanted = getattr(self.automated_labeling, "continue_from_previous_run", False)
        config = request.get("LabelingJobAlgorithmsConfig")
        if not wanted or config is None or "InitialActiveLearningModelArn" in config:
            return
        arn = compat.latest_of_this_task(context, MODEL_KEY)
        if not arn:
            self.log.info("There is no model of an earlier run: automated labeling starts anew")
        elif self.hook.has_model(arn):
            self.log.info("Automated labeling goes on from %s", arn)
            config["InitialActiveLearningModelArn"] = arn
        else:
            self.log.warning("The model of an earlier run, %s, is gone: automated labeling starts anew", arn)

    def _make_resources(self, request: Mapping[str, Any]) -> None:
        """Make the topics of a streaming job and what belongs to them."""
        from labeling_provider.streaming.topics import StreamResources

        resources = StreamResources(self.hook)
        wanted = JobRequest(request)
        source, output = str(wanted.input_topic_arn), wanted.output_topic_arn
        for topic in filter(None, (source, output)):
            resources.topic(topic)
        if self.notify_from:
            resources.bucket_notifies(source, self.notify_from, self.notify_suffix)
        self._labels_queue_url(output)

    def _labels_queue_url(self, output_topic_arn: str | None) -> str | None:
        """The queue behind the output topic, made if it is missing; None if none is asked for."""
        from labeling_provider.streaming.topics import StreamResources

        if not self.labels_queue or not output_topic_arn:
            return None
        return StreamResources(self.hook).labels_queue(self.labels_queue, output_topic_arn)

    def _describe(self, name: str) -> dict[str, Any]:
        description = self.hook.find_job(name)
        if description is None:
            raise LabelingError(f"Labeling job {name} is gone.")
        return description

    # While it runs

    def _follow(
        self, context: Context, job: OwnJob, started: float, event: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """Wait for a job and those that follow from it; the result.

        :param started: epoch seconds at which this try began.
        :param event: what a trigger has told.
        """
        from labeling_provider.jobs.follow_up import Rounds

        shown = None
        while True:
            state = job.state
            if shown != job.name:
                push_job_links(context, self.hook, job)
                push_workers_link(context, self.hook, job.workteam_arn or "")
                context["ti"].xcom_push(key=JOB_KEY, value=self._facts(job))
                self._running_job, shown = (job.name, context["ti"]), job.name
            if not self.wait_for_completion:
                return Rounds(self.hook, [job]).result()
            if state.status == "InProgress" and job.is_streaming:
                return self._takes_objects(context, job)
            if state.has_ended:
                self._count(context, state)
                following = self._after(context, job, state)
                if following is None:
                    return self._finish(context, job)
                job, event = following, None
                continue
            if event is None:
                event = self._wait(context, job, state, started)
                job = OwnJob(self._describe(job.name))
                continue
            if event.get("timeout"):
                self._time_is_up(state)
            if "stalled" in event:
                self._stalled(job, state, event["stalled"])
            event = None

    @staticmethod
    def _count(context: Context, state: JobState) -> None:
        """Add a job that has ended to Airflow's metrics."""
        from labeling_provider import compat

        tags = {"dag_id": context["ti"].dag_id, "task_id": context["ti"].task_id, "status": state.status}
        compat.count("labeling.objects.labeled", state.labeled, tags)
        compat.count("labeling.objects.failed", state.failed, tags)
        compat.timing("labeling.job.duration", timedelta(seconds=max(state.modified - state.created, 0)), tags)

    def _takes_objects(self, context: Context, job: OwnJob) -> dict[str, Any]:
        """The result of a streaming job: it runs, and goes on."""
        from labeling_provider.jobs.follow_up import Rounds

        result = {
            **Rounds(self.hook, [job]).result(),
            "output_manifest_uri": job.output_manifest_uri,
            "input_topic_arn": job.input_topic_arn,
            "output_topic_arn": job.output_topic_arn,
            "backlog_queue": queue_name(job.name),
            "labels_queue_url": self._labels_queue_url(job.output_topic_arn),
        }
        self.log.info("Streaming labeling job %s takes objects from %s", job.name, result["input_topic_arn"])
        self._announce(context, result)
        return result

    def _deadline(self, job: OwnJob, state: JobState, started: float) -> float | None:
        """The moment at which to stop waiting, epoch seconds.

        Airflow does not call a task whose deferral has run out, so ``execution_timeout`` is kept here.
        """
        limits = []
        if self.job_timeout is not None:
            age = service_time(job.members) - state.created
            limits.append(time.time() - age + self.job_timeout.total_seconds())
        if self.execution_timeout is not None:
            limits.append(started + self.execution_timeout.total_seconds())
        return min(limits, default=None)

    def _wait(self, context: Context, job: OwnJob, state: JobState, started: float) -> dict[str, Any]:
        """Wait until the job has ended, stands still, or time is up; a trigger event.

        :raises TaskDeferred: if the wait is a trigger's.
        """
        deadline = self._deadline(job, state, started)
        stall_timeout = None if self.stall_timeout is None else self.stall_timeout.total_seconds()
        targets = frozenset({"InProgress"}) if job.is_streaming else frozenset[str]()
        if self.deferrable:
            self.defer_to_trigger(
                state,
                targets=targets,
                deadline=deadline,
                stall_timeout=stall_timeout,
                stop_job_on_kill=self.stop_job_on_kill,
                kwargs={"started": started},
            )
        vigil = Vigil(targets=targets, deadline=deadline, stall_timeout=stall_timeout)

        def show(seen: JobState) -> None:
            context["ti"].xcom_push(key=PROGRESS_KEY, value={**seen.counters(), **vigil.memory})

        return self.wait_in_process(state, vigil, show)

    def _time_is_up(self, state: JobState) -> NoReturn:
        left = "It goes on, as stop_job_on_kill=False asks."
        if self.stop_job_on_kill:
            self.hook.stop_job(state.name)
            left = "It was stopped; what was labeled is in its output manifest."
        raise LabelingTimeoutError(
            f"Labeling job {state.name} was still {state.status} when time was up: {state.labeled:,} of "
            f"{state.total:,} objects labeled, {state.failed:,} failed. {left}"
        )

    def _stalled(self, job: OwnJob, state: JobState, seconds: float) -> NoReturn:
        left = "It goes on; a retry of this task waits for it again."
        if self.on_stall == "stop":
            self.hook.stop_job(state.name)
            left = "It was stopped, as on_stall='stop' asks; what was labeled is in its output manifest."
        raise LabelingJobStalledError(f"{stall_report(job, seconds)} {left}")

    # When it has ended

    def _after(self, context: Context, job: OwnJob, state: JobState) -> OwnJob | None:
        """The job that follows one that has ended; None if it was the last.

        :raises LabelingJobFailedError: if it has not ended as it should.
        """
        chain = self.on_missing_labels == "chain"
        if chain and job.has_run_its_course and state.missing and job.round < self.max_rounds:
            self.log.warning("%s of %s objects have no label: a further job follows", state.missing, state.total)
            return self._create(context, job.round + 1, job)
        if job.is_good or (chain and job.has_run_its_course):
            return None
        if job.name == self._left_by_earlier_try or job.was_killed_before(context["ti"].try_number):
            self.log.info("Labeling job %s was %s in an earlier try: a further job follows", job.name, job.status)
            return self._create(context, job.round, job if chain else None)
        reason = state.reason or "it was stopped from outside this task"
        message = (
            f"Labeling job {state.name} ended {state.status}: {reason}. {state.labeled:,} of {state.total:,} "
            f"objects were labeled; they are in {state.output_manifest_uri}."
        )
        if state.status == "Stopped":
            raise _StoppedOutsideError(f"{message} The task is not retried by itself: clear it for a further job.")
        raise LabelingJobFailedError(message)

    def _finish(self, context: Context, last: OwnJob) -> dict[str, Any]:
        """Turn the end of the last job into the task's result."""
        from labeling_provider.jobs.follow_up import Rounds

        rounds = Rounds.leading_to(self.hook, last, self._own_jobs(context).all() if last.follows else [])
        result = rounds.result()
        if result["final_model_arn"]:
            context["ti"].xcom_push(key=MODEL_KEY, value=result["final_model_arn"])
        if rounds.state.missing:
            message = rounds.missing_labels()
            if self.on_missing_labels == "fail":
                raise LabelingJobFailedError(f"{message}. What is labeled is in {result['output_manifest_uri']}.")
            self.log.warning(message)
        self._announce(context, result)
        return result

    def _announce(self, context: Context, result: dict[str, Any]) -> None:
        """Put the result into the asset events of this task's outlets, and into its lineage."""
        self.lineage_inputs = [uri for uri in (self.manifest_uri,) if uri]
        self.lineage_outputs = [uri for uri in (result["output_manifest_uri"],) if uri]
        self.lineage_job = result
        events = context["outlet_events"]
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                events[outlet].extra.update(result)
            elif isinstance(outlet, AssetAlias) and outlet.name != self.output_uri:
                events[outlet].add(Asset(str(result["output_manifest_uri"])), extra=result)
            # Mapped tasks end together, and Airflow fails one of two that make the same asset. Each has but a part.
            elif isinstance(outlet, AssetAlias) and context["ti"].map_index in (None, -1):
                events[outlet].add(self._asset_of_output(), extra=result)

    def _asset_of_output(self) -> Asset:
        """The asset of the output, by the name that a DAG has given it."""
        from labeling_provider import compat

        unnamed = Asset(str(self.output_uri))
        declared = compat.declared_asset(unnamed.uri) or unnamed
        if declared.name != unnamed.name:
            self.log.warning(
                "The asset %s has the name %r in another DAG, and that asset hears of the labels: name it in outlets",
                *(unnamed.uri, declared.name),
            )
        return declared


class _StoppedOutsideError(LabelingJobFailedError, AirflowFailException):
    """Somebody has stopped the job: a retry that makes another would not be what they want."""


def _is_plain_s3_uri(uri: Any) -> bool:
    return isinstance(uri, str) and uri.startswith("s3://") and "{" not in uri and len(uri) > len("s3://")
