"""Create a labeling job and wait for its labels; stop one."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import Asset, AssetAlias, BaseOperator, conf

from labeling_provider.connected import LabelingTask
from labeling_provider.errors import (
    InvalidRequestError,
    JobNameTakenError,
    LabelingError,
    LabelingJobFailedError,
    LabelingTimeoutError,
    Problem,
)
from labeling_provider.jobs import JobState, Progress
from labeling_provider.links import push_job_links
from labeling_provider.manifest import ManifestReport, check_manifest
from labeling_provider.request import (
    AutomatedLabeling,
    CostEstimate,
    LabelingJobDraft,
    LabelingJobSpec,
    Surroundings,
    Workforce,
    check_request,
    derive_job_name,
    estimate_cost,
    fingerprint,
)
from labeling_provider.request.facts import workforce_kind
from labeling_provider.request.templates import parse_category_document
from labeling_provider.request.workforces import amount_to_usd
from labeling_provider.waiting import Patience, is_transient

if TYPE_CHECKING:
    from airflow.sdk import Context

    from labeling_provider.hooks.labeling import LabelingHook

_OWNER_TAG = "airflow-labeling:owner"
_REQUEST_TAG = "airflow-labeling:request"
_TASK_TAG = "airflow-labeling:task"
_MOST_ROUNDS = 99
_MOST_REASONS = 10
_CATEGORY_FILE_LIMIT = 1_000_000


class CreateLabelingJobOperator(LabelingTask, BaseOperator):
    """Create a labeling job, wait for it, and hand on where the labels are.

    Everything that CreateLabelingJob accepts can be set: by name here, or in ``config``, a raw request that the named
    arguments fill up. Before anything is sent, all that can be checked is checked, and every problem is reported at
    once. The job's name is the same for every try of a task instance: a retry finds its job again and goes on with it.

    Returns one dict: ``job_name``, ``job_arn``, ``status``, ``output_manifest_uri``, ``label_attribute_name``,
    ``counters``, ``unlabeled``, ``failed``, ``final_model_arn``, ``estimated_cost_usd``, ``region``. The same goes
    into the event of every Asset among the outlets; without outlets, the output path becomes one.

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
    :param output_kms_key: key for the output.
    :param content_classifiers: declarations about the content.
    :param tags: tags of the job.
    :param config: a raw CreateLabelingJob request; what it says wins over the named arguments.
    :param wait_for_completion: False returns as soon as the job is created.
    :param deferrable: whether to wait without a worker.
    :param poll_interval: seconds between two looks at the job.
    :param job_timeout: longest time from the job's creation to its end; None for Amazon's 30 days.
    :param outage: seconds without any answer after which to give up waiting.
    :param on_missing_labels: ``warn`` or ``fail`` when the job ends with objects that have no label.
    :param stop_job_on_kill: whether to stop the job when the task is killed or runs out of time.
    :param aws_conn_id: the Airflow connection.
    :param region_name: the region, if it is not the connection's.
    :param verify: whether to check TLS certificates, or the path of a CA bundle.
    :param botocore_config: botocore configuration.
    :raises InvalidRequestError: with every problem of the request; nothing was sent.
    :raises JobNameTakenError: if a job of this name exists that this task has not made.
    :raises LabelingJobFailedError: if the job fails, is stopped, or misses labels and that is an error.
    :raises LabelingTimeoutError: if time is up.
    """

    _spec_fields = (
        "config",
        "manifest_uri",
        "input_topic_arn",
        "output_uri",
        "output_topic_arn",
        "output_kms_key",
        "label_attribute_name",
        "labels",
        "category_uri",
        "audited_attribute",
        "workforce",
        "role_arn",
        "title",
        "description",
        "instructions",
        "keywords",
        "ui_template_uri",
        "pre_annotation_function",
        "consolidation_function",
        "workers_per_object",
        "time_limit",
        "availability",
        "max_concurrent_objects",
        "max_human_labeled_objects",
        "max_percentage_labeled",
        "automated_labeling",
        "content_classifiers",
        "tags",
    )
    template_fields: Sequence[str] = (
        *_spec_fields,
        "labeling_type",
        "job_name",
        "max_cost_usd",
        "aws_conn_id",
        "region_name",
    )
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
        output_kms_key: str | None = None,
        content_classifiers: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 30,
        job_timeout: timedelta | None = None,
        outage: float = 900,
        on_missing_labels: str = "warn",
        stop_job_on_kill: bool = True,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not kwargs.get("outlets") and _is_plain_s3_uri(output_uri):
            kwargs["outlets"] = [Asset(str(output_uri))]
        super().__init__(**kwargs)
        # BaseOperator.task_type is the name of the operator class.
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
        self.output_kms_key = output_kms_key
        self.content_classifiers = content_classifiers
        self.tags = tags
        self.config = config or {}
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.job_timeout = job_timeout
        self.outage = outage
        self.on_missing_labels = on_missing_labels
        self.stop_job_on_kill = stop_job_on_kill
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        self._started_job: str | None = None
        if on_missing_labels not in {"warn", "fail"}:
            raise ValueError(f"on_missing_labels must be 'warn' or 'fail', not {on_missing_labels!r}")

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Find the job that an earlier try has made, or check and create it; then wait."""
        started = time.time()
        draft, cost = None, None
        name = self._existing_job(context)
        if name is None:
            draft = self._draft(self._next_name(context))
            cost = self._check(draft)
            name = self._create(context, draft, cost)
        self._started_job = name
        description = self._describe(name)
        push_job_links(context, self.hook, name, description["OutputConfig"]["S3OutputPath"])
        state = JobState.of(description)
        if not self.wait_for_completion:
            return self._result(description, state)
        deadline = self._deadline(state, started)
        if state.has_ended or not self.deferrable:
            return self._finish(context, self._wait(state, deadline))
        from labeling_provider.triggers.labeling_job import LabelingJobTrigger

        self.defer(
            trigger=LabelingJobTrigger(
                name,
                targets=[],
                poll_interval=self.poll_interval,
                deadline=deadline,
                outage=self.outage,
                stop_job_on_kill=self.stop_job_on_kill,
                aws_conn_id=self.aws_conn_id,
                region_name=self.region_name,
                verify=self.verify,
                botocore_config=self.botocore_config,
            ),
            method_name="execute_complete",
        )
        return None

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        if "error" in event:
            raise LabelingError(event["error"])
        state = JobState(**event["state"])
        self._started_job = state.name
        if event.get("timeout"):
            self._time_is_up(state)
        return self._finish(context, state)

    def on_kill(self) -> None:
        """Stop the job, unless ``stop_job_on_kill=False``."""
        if self._started_job and self.stop_job_on_kill:
            self.log.info("The task was killed: stopping labeling job %s", self._started_job)
            self.hook.stop_job(self._started_job)

    # Before the job

    def _owner(self, context: Context) -> str:
        """Whose job it is: a hash of dag, task, run and map index."""
        ti = context["ti"]
        return fingerprint([ti.dag_id, ti.task_id, ti.run_id, ti.map_index])

    def _names(self, context: Context) -> Iterator[str]:
        """Names that this task's jobs may have: the first, and a further one for each job that failed."""
        ti = context["ti"]
        given = self.job_name or self.config.get("LabelingJobName")
        if given:
            yield given
            return
        first = derive_job_name(ti.dag_id, ti.task_id, ti.run_id, -1 if ti.map_index is None else ti.map_index)
        yield first
        for number in range(2, _MOST_ROUNDS + 1):
            yield f"{first}-{number}"

    def _existing_job(self, context: Context) -> str | None:
        """A job of this task instance that runs or is complete.

        :raises JobNameTakenError: if the name belongs to somebody else's job, or to a given name's job that failed.
        """
        for name in self._names(context):
            description = self._find(name)
            if description is None:
                return None
            self._claim(context, description)
            status = description["LabelingJobStatus"]
            if status not in {"Failed", "Stopped", "Stopping"} or self._stopped_as_asked(description):
                self.log.info("Labeling job %s of an earlier try is %s: going on with it", name, status)
                return name
            if self.job_name or self.config.get("LabelingJobName"):
                raise JobNameTakenError(
                    f"Labeling job {name} of an earlier try has ended {status}. A name can't be used twice: "
                    "give another job_name, or none to have one derived."
                )
            self.log.info("Labeling job %s of an earlier try is %s: a further one follows", name, status)
        raise JobNameTakenError(f"This task has had {_MOST_ROUNDS} labeling jobs already; clear the cause first.")

    def _next_name(self, context: Context) -> str:
        """The first of this task's names that is free."""
        return next(name for name in self._names(context) if self._find(name) is None)

    def _find(self, name: str) -> dict[str, Any] | None:
        try:
            return self.hook.find_job(name)
        except Exception as error:
            raise LabelingError(f"Looking for labeling job {name}: {error}") from error

    def _claim(self, context: Context, description: dict[str, Any]) -> None:
        """Make sure that a job is this task's.

        :raises JobNameTakenError: if it is not.
        """
        tags = {tag["Key"]: tag["Value"] for tag in description.get("Tags", [])}
        if tags.get(_OWNER_TAG) != self._owner(context):
            raise JobNameTakenError(
                f"A labeling job named {description['LabelingJobName']} exists ({description['LabelingJobArn']}, "
                f"{description['LabelingJobStatus']}) and was not made by this task. Give another job_name."
            )

    def _draft(self, name: str) -> LabelingJobDraft:
        spec = LabelingJobSpec(
            task_type=self.labeling_type, **{field: getattr(self, field) for field in self._spec_fields}
        )
        return spec.draft(name, self.hook.conn_region_name)

    def _check(self, draft: LabelingJobDraft) -> CostEstimate:
        """Look at everything that can be looked at before money is spent.

        :raises InvalidRequestError: with all problems.
        """
        problems: list[Problem] = []
        request = draft.request
        report = self._manifest_report(draft, problems)
        categories = draft.categories or self._categories(request, problems)
        objects = report.unlabeled if report else None
        around = Surroundings(self.hook.conn_region_name, categories, objects)
        problems = check_request(request, around) + problems
        if problems:
            raise InvalidRequestError(problems)
        cost = _estimate(request, objects or 0)
        self.log.info("Estimated cost on Amazon: %s", cost)
        if self.max_cost_usd is not None and float(cost.total_usd) > float(self.max_cost_usd):
            message = f"the estimate is ${cost.total_usd:,.2f} ({cost.arithmetic})."
            raise InvalidRequestError(
                [Problem("max_cost_usd", message, f"Raise the limit of ${self.max_cost_usd} or label fewer objects.")]
            )
        if workforce_kind(request["HumanTaskConfig"]["WorkteamArn"]) == "public" and _is_amazon(self.hook):
            self.log.warning(
                "Amazon's own pages say that Mechanical Turk closed on 2026-09-30: the public workforce may never work."
            )
        return cost

    def _manifest_report(self, draft: LabelingJobDraft, problems: list[Problem]) -> ManifestReport | None:
        where = "InputConfig.DataSource.S3DataSource.ManifestS3Uri"
        source = draft.request.get("InputConfig", {}).get("DataSource", {})
        uri = source.get("S3DataSource", {}).get("ManifestS3Uri")
        if not uri:
            return None
        attribute = draft.request["LabelAttributeName"]
        try:
            report = check_manifest(
                self.hook.read_lines(uri), data_key=draft.task_type.data_key, label_attribute=attribute
            )
        except LabelingError as error:
            problems.append(Problem(where, f"{error}.", "Check the URI and the rights to read it."))
            return None
        problems.extend(Problem(where, f"{uri} {problem}.", "") for problem in report.problems)
        if report.more_problems:
            problems.append(Problem(where, f"{report.more_problems} further lines are wrong.", ""))
        if not report.problems and not report.unlabeled:
            problems.append(
                Problem(
                    where, f"every line of {uri} has the label {attribute!r} already.", "There is nothing to label."
                )
            )
        return report

    def _categories(self, request: dict[str, Any], problems: list[Problem]) -> dict[str, Any] | None:
        uri = request.get("LabelCategoryConfigS3Uri")
        if not uri:
            return None
        try:
            return parse_category_document(self.hook.read_object(uri, _CATEGORY_FILE_LIMIT))
        except (LabelingError, ValueError) as error:
            problems.append(Problem("LabelCategoryConfigS3Uri", f"{uri}: {error}", "Correct the file."))
            return None

    def _create(self, context: Context, draft: LabelingJobDraft, cost: CostEstimate) -> str:
        """Store the files and create the job; if the answer is lost, find the job by its name."""
        request = draft.request
        name: str = request["LabelingJobName"]
        request["Tags"] = [*request.get("Tags", []), *self._ownership(context, draft, cost)]
        for uri, text in draft.files.items():
            self.hook.write_text(uri, text)
        try:
            arn = self.hook.sagemaker.create_labeling_job(**request)["LabelingJobArn"]
        except Exception as error:
            description = self._find(name) if _may_exist(error) else None
            if description is None:
                raise LabelingError(f"Labeling job {name} was not created: {error}") from error
            self._claim(context, description)
            arn = description["LabelingJobArn"]
        self.log.info("Created labeling job %s", arn)
        return name

    def _ownership(self, context: Context, draft: LabelingJobDraft, cost: CostEstimate) -> list[dict[str, str]]:
        """Tags that prove whose job it is."""
        ti = context["ti"]
        readable = re.sub(r"[^\w\s.:/=+\-@]", "-", f"{ti.dag_id}/{ti.task_id}/{ti.run_id}/{ti.map_index}")
        content = {key: value for key, value in draft.request.items() if key not in {"Tags", "LabelingJobName"}}
        tags = {
            _OWNER_TAG: self._owner(context),
            _REQUEST_TAG: fingerprint(content),
            _TASK_TAG: readable[:256],
            "airflow-labeling:estimated-cost-usd": f"{cost.total_usd:.2f}",
        }
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    # While it runs

    def _describe(self, name: str) -> dict[str, Any]:
        description = self._find(name)
        if description is None:
            raise LabelingError(f"Labeling job {name} is gone.")
        return description

    def _deadline(self, state: JobState, started: float) -> float | None:
        """The moment at which to stop waiting, epoch seconds.

        Airflow does not call a task whose deferral has run out, so ``execution_timeout`` is kept here.
        """
        limits = []
        if self.job_timeout is not None:
            limits.append(state.created + self.job_timeout.total_seconds())
        if self.execution_timeout is not None:
            limits.append(started + self.execution_timeout.total_seconds())
        return min(limits, default=None)

    def _wait(self, state: JobState, deadline: float | None) -> JobState:
        """Look at the job until it ends, holding this worker."""
        patience, progress = Patience(self.outage), Progress()
        while True:
            if line := progress.line(state, time.time()):
                self.log.info(line)
            if state.has_ended:
                return state
            if deadline is not None and time.time() >= deadline:
                self._time_is_up(state)
            pause = self.poll_interval
            while True:
                time.sleep(pause)
                try:
                    state = JobState.of(self.hook.sagemaker.describe_labeling_job(LabelingJobName=state.name))
                except LabelingError:
                    raise
                except Exception as error:  # noqa: BLE001 - Patience tells the hopeless from the passing
                    pause = patience.pause(error, f"Waiting for {state.name}", time.monotonic(), self.poll_interval)
                    self.log.warning("No answer about %s, next try in %.0f s: %s", state.name, pause, error)
                else:
                    patience.answered()
                    break

    def _time_is_up(self, state: JobState) -> NoReturn:
        left = "It goes on, as stop_job_on_kill=False asks."
        if self.stop_job_on_kill:
            self.hook.stop_job(state.name)
            left = "It was stopped; what was labeled is in its output manifest."
        raise LabelingTimeoutError(
            f"Labeling job {state.name} was still {state.status} when time was up: {state.labeled:,} of "
            f"{state.total:,} objects labeled, {state.failed:,} failed. {left}"
        )

    # When it has ended

    def _finish(self, context: Context, state: JobState) -> dict[str, Any]:
        """Turn the end of the job into the task's result."""
        description = self._describe(state.name)
        push_job_links(context, self.hook, state.name, description["OutputConfig"]["S3OutputPath"])
        if state.status != "Completed" and not self._stopped_as_asked(description):
            reason = state.reason or "it was stopped from outside this task"
            raise LabelingJobFailedError(
                f"Labeling job {state.name} ended {state.status}: {reason}. {state.labeled:,} of {state.total:,} "
                f"objects were labeled; they are in {state.output_manifest_uri}."
            )
        result = self._result(description, state)
        if state.missing:
            self._missing_labels(state, result)
        self._announce(context, result)
        return result

    def _stopped_as_asked(self, description: dict[str, Any]) -> bool:
        """Whether a job was stopped by its own stopping conditions."""
        conditions = description.get("StoppingConditions") or {}
        counters = description["LabelCounters"]
        total = sum(counters.get(key, 0) for key in ("TotalLabeled", "FailedNonRetryableError", "Unlabeled"))
        people = conditions.get("MaxHumanLabeledObjectCount")
        percent = conditions.get("MaxPercentageOfInputDatasetLabeled")
        labeled = counters.get("TotalLabeled", 0)
        return description["LabelingJobStatus"] == "Stopped" and (
            (people is not None and counters.get("HumanLabeled", 0) >= people)
            or (percent is not None and labeled * 100 >= percent * total)
        )

    def _missing_labels(self, state: JobState, result: dict[str, Any]) -> None:
        """Say which objects have no label and why."""
        reasons: Counter[str] = Counter()
        examples: dict[str, int] = {}
        if state.output_manifest_uri and state.failed:
            metadata_key = f"{state.label_attribute}-metadata"
            for number, raw in enumerate(self.hook.read_lines(state.output_manifest_uri), 1):
                if b"failure-reason" not in raw:
                    continue
                metadata = json.loads(raw).get(metadata_key)
                reason = metadata.get("failure-reason") if isinstance(metadata, dict) else None
                if reason:
                    reasons[str(reason)[:300]] += 1
                    examples.setdefault(str(reason)[:300], number)
        message = (
            f"Labeling job {state.name} has ended with {state.missing:,} of {state.total:,} objects unlabeled "
            f"({state.failed:,} failed, {state.unlabeled:,} not labeled)"
        )
        for reason, count in reasons.most_common(_MOST_REASONS):
            self.log.warning("%s objects failed, line %s first: %s", f"{count:,}", examples[reason], reason)
        if self.on_missing_labels == "fail":
            known = "; ".join(f"{count:,}: {reason}" for reason, count in reasons.most_common(_MOST_REASONS))
            raise LabelingJobFailedError(
                f"{message}{': ' + known if known else ''}. What is labeled is in {result['output_manifest_uri']}."
            )
        self.log.warning(message)

    def _result(self, description: dict[str, Any], state: JobState) -> dict[str, Any]:
        tags = {tag["Key"]: tag["Value"] for tag in description.get("Tags", [])}
        cost = tags.get("airflow-labeling:estimated-cost-usd")
        return {
            "job_name": state.name,
            "job_arn": state.arn,
            "status": state.status,
            "output_manifest_uri": state.output_manifest_uri,
            "label_attribute_name": description["LabelAttributeName"],
            "counters": {
                "total_labeled": state.labeled,
                "human_labeled": state.human_labeled,
                "machine_labeled": state.machine_labeled,
                "failed": state.failed,
                "unlabeled": state.unlabeled,
            },
            "unlabeled": state.unlabeled,
            "failed": state.failed,
            "final_model_arn": state.final_model_arn,
            "estimated_cost_usd": float(cost) if cost else None,
            "region": self.hook.conn_region_name,
        }

    def _announce(self, context: Context, result: dict[str, Any]) -> None:
        """Put the result into the asset events of this task's outlets."""
        events = context["outlet_events"]
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                events[outlet].extra.update(result)
            elif isinstance(outlet, AssetAlias):
                events[outlet].add(Asset(result["output_manifest_uri"]), extra=result)


class StopLabelingJobOperator(LabelingTask, BaseOperator):
    """Stop a labeling job; quiet if it has already ended, so that it can be a teardown.

    Returns ``{"job_name": …, "status": …}``.

    :param job_name: the labeling job (templated).
    :param wait_for_completion: wait until it is Stopped.
    :param poll_interval: seconds between two looks.
    :param missing_ok: whether it is fine that there is no such job.
    :param aws_conn_id: the Airflow connection (templated).
    :param region_name: the region, if it is not the connection's (templated).
    :param verify: whether to check TLS certificates, or the path of a CA bundle.
    :param botocore_config: botocore configuration.
    :raises LabelingError: if there is no such job and that is not fine.
    """

    template_fields: Sequence[str] = ("job_name", "aws_conn_id", "region_name")

    def __init__(
        self,
        *,
        job_name: str,
        wait_for_completion: bool = True,
        poll_interval: float = 10,
        missing_ok: bool = False,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_name = job_name
        self.wait_for_completion = wait_for_completion
        self.poll_interval = poll_interval
        self.missing_ok = missing_ok
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config

    def execute(self, context: Context) -> dict[str, Any]:
        """Stop it."""
        description = self.hook.find_job(self.job_name)
        if description is None:
            if not self.missing_ok:
                raise LabelingError(f"There is no labeling job named {self.job_name} in {self.hook.conn_region_name}.")
            self.log.info("There is no labeling job %s: nothing to stop", self.job_name)
            return {"job_name": self.job_name, "status": None}
        push_job_links(context, self.hook, self.job_name, description["OutputConfig"]["S3OutputPath"])
        if not self.hook.stop_job(self.job_name):
            self.log.info("Labeling job %s is %s already", self.job_name, description["LabelingJobStatus"])
            return {"job_name": self.job_name, "status": description["LabelingJobStatus"]}
        self.log.info("Stopping labeling job %s", self.job_name)
        while True:
            state = JobState.of(self.hook.sagemaker.describe_labeling_job(LabelingJobName=self.job_name))
            if state.has_ended or not self.wait_for_completion:
                return {"job_name": self.job_name, "status": state.status}
            time.sleep(self.poll_interval)


def _is_plain_s3_uri(uri: Any) -> bool:
    return isinstance(uri, str) and uri.startswith("s3://") and "{" not in uri and len(uri) > len("s3://")


def _is_amazon(hook: LabelingHook) -> bool:
    return ".amazonaws." in hook.conn_client_meta.endpoint_url


def _may_exist(error: Exception) -> bool:
    """Whether a create that raised may have made the job all the same."""
    response = getattr(error, "response", None) or {}
    return response.get("Error", {}).get("Code") == "ResourceInUse" or is_transient(error)


def _estimate(request: dict[str, Any], objects: int) -> CostEstimate:
    human = request["HumanTaskConfig"]
    amount = human.get("PublicWorkforceTaskPrice", {}).get("AmountInUsd")
    return estimate_cost(
        objects,
        human["NumberOfHumanWorkersPerDataObject"],
        amount_to_usd(amount) if amount else 0,
        vendor=workforce_kind(human["WorkteamArn"]) == "vendor",
        automated="LabelingJobAlgorithmsConfig" in request,
        most_human_labels=request.get("StoppingConditions", {}).get("MaxHumanLabeledObjectCount"),
    )
