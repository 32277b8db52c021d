"""Typed views of a labeling job's request and of its description.

Source: API reference, CreateLabelingJob, DescribeLabelingJob and ListLabelingJobs. DescribeLabelingJob repeats the
members of the request, so the description extends the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from labeling_provider.groundtruth.facts import Quota, WorkforceKind, amount_to_usd, workforce_kind
from labeling_provider.groundtruth.job import JobState, JobStatus, is_streaming
from labeling_provider.groundtruth.layout import output_manifest_uri
from labeling_provider.groundtruth.tag_lists import are_tags, read_tags
from labeling_provider.groundtruth.task_types import CUSTOM, TASK_TYPES, TaskType, task_type_of_function
from labeling_provider.groundtruth.uris import as_s3_uri, join_s3_uri

_LIFETIME_SECONDS: Final = 30 * 24 * 3600 - 3600
"""A failed job at least this old has expired: 30 days, less an hour for clock differences."""

ECHOED: Final = (
    "LabelAttributeName",
    "InputConfig",
    "OutputConfig",
    "RoleArn",
    "LabelCategoryConfigS3Uri",
    "StoppingConditions",
    "LabelingJobAlgorithmsConfig",
    "HumanTaskConfig",
)
"""The members of a request that DescribeLabelingJob returns unchanged."""

_BY_INTERFACE: Final = {row.human_task_ui: row for row in reversed(TASK_TYPES.values()) if row.human_task_ui}
"""Task types by the worker interface that Amazon hosts; for one with an adjustment, the task type that it adjusts."""


@dataclass(frozen=True)
class JobRequest:
    """A CreateLabelingJob request. It need not be valid: a string that is missing or not a string reads as None.
    Addresses of objects at Amazon read as S3 URIs.

    :param members: arguments of ``create_labeling_job``, a response of DescribeLabelingJob, or an entry of
        ListLabelingJobs or a request that names a job, which have only some of the members.
    """

    members: Mapping[str, Any]

    @classmethod
    def named(cls, name: str, members: Mapping[str, Any] | None = None) -> JobRequest:
        """A request for a job with this name.

        :param members: the others, as far as they are known.
        """
        return cls({**(members or {}), "LabelingJobName": name})

    def without_name(self) -> dict[str, Any]:
        """Its members, except the job's name."""
        return {key: value for key, value in self.members.items() if key != "LabelingJobName"}

    def content(self) -> dict[str, Any]:
        """Its members, except the job's name and tags: two requests for the same work have the same."""
        return {key: value for key, value in self.without_name().items() if key != "Tags"}

    def _member(self, *path: str) -> Any:
        value: Any = self.members
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def _text(self, *path: str) -> str | None:
        value = self._member(*path)
        return value if isinstance(value, str) and value else None

    def _number(self, *path: str) -> int | None:
        value = self._member(*path)
        return value if isinstance(value, int) else None

    def _uri(self, *path: str) -> str | None:
        text = self._text(*path)
        return None if text is None else as_s3_uri(text)

    @property
    def name(self) -> str:
        """The job's name.

        :raises KeyError: if it has none.
        """
        return str(self.members["LabelingJobName"])

    @property
    def given_name(self) -> str | None:
        """The job's name, if it has one."""
        return self._text("LabelingJobName")

    @property
    def task_type(self) -> TaskType:
        """The row of its task type: by its functions, else by its worker interface, else custom."""
        for arn in self.function_arns:
            if task_type := task_type_of_function(arn.rpartition(":")[2]):
                return task_type
        return _BY_INTERFACE.get((self.human_task_ui_arn or "").rpartition("/")[2], CUSTOM)

    @property
    def input_config(self) -> Any:
        """Where the objects come from, as the request has it: ``InputConfig``."""
        return self._member("InputConfig")

    @property
    def label_attribute(self) -> str:
        """The label attribute: the key of the label in the output. Empty in a listing, which omits it."""
        return self._text("LabelAttributeName") or ""

    @property
    def manifest_uri(self) -> str | None:
        """S3 URI of the input manifest; None if all objects come from a topic."""
        return self._uri("InputConfig", "DataSource", "S3DataSource", "ManifestS3Uri")

    @property
    def has_manifest_member(self) -> bool:
        """Whether it says anything about an input manifest, even with an empty URI."""
        return bool(self._member("InputConfig", "DataSource", "S3DataSource"))

    @property
    def input_topic_arn(self) -> str | None:
        """ARN of the topic from which a streaming job takes its objects."""
        return self._text("InputConfig", "DataSource", "SnsDataSource", "SnsTopicArn")

    @property
    def output_topic_arn(self) -> str | None:
        """ARN of the topic to which each label is published."""
        return self._text("OutputConfig", "SnsTopicArn")

    @property
    def output_path(self) -> str | None:
        """S3 URI of the output; each job writes to a folder named after it."""
        return self._uri("OutputConfig", "S3OutputPath")

    @property
    def output_uri(self) -> str:
        """S3 URI of the folder with this job's output.

        :raises ValueError: if the job has no output path.
        """
        path = self.output_path
        if path is None:
            raise ValueError(f"Labeling job {self.name} has no output path")
        return join_s3_uri(path, self.name)

    @property
    def has_human_task(self) -> bool:
        """Whether it says anything about the work of people."""
        return bool(self._member("HumanTaskConfig"))

    @property
    def content_classifiers(self) -> list[str]:
        """Kinds of content that the requester declares the objects to be free of."""
        return list(self._member("InputConfig", "DataAttributes", "ContentClassifiers") or [])

    @property
    def role_arn(self) -> str | None:
        """ARN of the execution role."""
        return self._text("RoleArn")

    @property
    def category_uri(self) -> str | None:
        """S3 URI of the label category file: the labels, in order."""
        return self._uri("LabelCategoryConfigS3Uri")

    @property
    def has_category_member(self) -> bool:
        """Whether it says anything about the label category file, be it a URI or not."""
        return "LabelCategoryConfigS3Uri" in self.members

    @property
    def template_uri(self) -> str | None:
        """S3 URI of the worker template."""
        return self._uri("HumanTaskConfig", "UiConfig", "UiTemplateS3Uri")

    @property
    def lacks_interface(self) -> bool:
        """Whether ``UiConfig`` is missing or an empty mapping, so that a template or an interface can be put there."""
        human = self._member("HumanTaskConfig")
        return isinstance(human, Mapping) and human.get("UiConfig", {}) == {}

    @property
    def workteam_arn(self) -> str | None:
        """ARN of the workteam."""
        return self._text("HumanTaskConfig", "WorkteamArn")

    @property
    def human_task_ui_arn(self) -> str | None:
        """ARN of the worker interface that Amazon hosts in place of a template."""
        return self._text("HumanTaskConfig", "UiConfig", "HumanTaskUiArn")

    @property
    def title(self) -> str:
        """The title of the workers' tasks; empty if there is none."""
        return self._text("HumanTaskConfig", "TaskTitle") or ""

    @property
    def task_description(self) -> str:
        """What the workers' tasks are about; empty if it does not say."""
        return self._text("HumanTaskConfig", "TaskDescription") or ""

    @property
    def pre_annotation_arn(self) -> str | None:
        """ARN of the Lambda function before the workers' tasks."""
        return self._text("HumanTaskConfig", "PreHumanTaskLambdaArn")

    @property
    def consolidation_arn(self) -> str | None:
        """ARN of the Lambda function after the workers' tasks."""
        return self._text("HumanTaskConfig", "AnnotationConsolidationConfig", "AnnotationConsolidationLambdaArn")

    @property
    def function_arns(self) -> list[str]:
        """ARNs of the Lambda functions before and after the workers' tasks, as far as it names them."""
        return [arn for arn in (self.pre_annotation_arn, self.consolidation_arn) if arn]

    @property
    def workforce_kind(self) -> WorkforceKind:
        """The kind of workforce."""
        return workforce_kind(self.workteam_arn or "")

    @property
    def workers_per_object(self) -> int:
        """How many people label each object."""
        return int(self._member("HumanTaskConfig", "NumberOfHumanWorkersPerDataObject") or 1)

    @property
    def task_seconds(self) -> int:
        """How long a worker has for a task, in seconds; 0 if it does not say."""
        return int(self._member("HumanTaskConfig", "TaskTimeLimitInSeconds") or 0)

    @property
    def availability_seconds(self) -> int:
        """How long a task stays available to workers, in seconds: as given, or the default of its workforce."""
        public = self.workforce_kind == WorkforceKind.PUBLIC
        default = Quota.PUBLIC_AVAILABILITY_DEFAULT if public else Quota.AVAILABILITY_SECONDS
        given = self._member("HumanTaskConfig", "TaskAvailabilityLifetimeInSeconds")
        return default if given is None else int(given)

    @property
    def max_concurrent_objects(self) -> int:
        """How many objects may be with workers at once: as given, or the default."""
        given = self._member("HumanTaskConfig", "MaxConcurrentTaskCount")
        return Quota.CONCURRENT_OBJECTS_DEFAULT if given is None else int(given)

    @property
    def has_price(self) -> bool:
        """Whether it says what public workers are paid, even if not in USD."""
        return bool(self._member("HumanTaskConfig", "PublicWorkforceTaskPrice"))

    @property
    def price_usd(self) -> Decimal | None:
        """What a worker is paid for a task, in USD; None if it does not say."""
        amount = self._member("HumanTaskConfig", "PublicWorkforceTaskPrice", "AmountInUsd")
        return amount_to_usd(amount) if amount and isinstance(amount, Mapping) else None

    @property
    def has_stopping_conditions(self) -> bool:
        """Whether it has conditions on which the job stops by itself."""
        return bool(self._member("StoppingConditions"))

    @property
    def max_human_labeled(self) -> int | None:
        """Stopping condition: objects labeled by people."""
        return self._number("StoppingConditions", "MaxHumanLabeledObjectCount")

    @property
    def max_percentage_labeled(self) -> int | None:
        """Stopping condition: labeled objects in percent of all objects."""
        return self._number("StoppingConditions", "MaxPercentageOfInputDatasetLabeled")

    @property
    def is_streaming(self) -> bool:
        """Whether objects come from a topic."""
        return is_streaming(self.members)

    @property
    def is_automated(self) -> bool:
        """Whether the job uses automated labeling."""
        return self.members.get("LabelingJobAlgorithmsConfig") is not None

    @property
    def algorithm_arn(self) -> str | None:
        """ARN of the algorithm of automated labeling."""
        return self._text("LabelingJobAlgorithmsConfig", "LabelingJobAlgorithmSpecificationArn")

    @property
    def initial_model_arn(self) -> str | None:
        """ARN of the model that automated labeling starts from."""
        return self._text("LabelingJobAlgorithmsConfig", "InitialActiveLearningModelArn")

    @property
    def vpc_config(self) -> Mapping[str, Any]:
        """The network of automated labeling: ``VpcConfig``; empty if it names none."""
        return self._member("LabelingJobAlgorithmsConfig", "LabelingJobResourceConfig", "VpcConfig") or {}

    @property
    def tags(self) -> dict[str, str]:
        """The tags, values by key; none if they are not as Amazon writes them."""
        given = self.members.get("Tags", [])
        return read_tags(given) if are_tags(given) else {}

    def echo(self) -> dict[str, Any]:
        """The members that DescribeLabelingJob repeats. Without a key for the output it says that the key is empty."""
        members = {name: self.members[name] for name in ECHOED if name in self.members}
        output = members["OutputConfig"]
        return {**members, "OutputConfig": {**output, "KmsKeyId": output.get("KmsKeyId", "")}}


@dataclass(frozen=True)
class JobDescription(JobRequest):
    """A response of DescribeLabelingJob."""

    @cached_property
    def state(self) -> JobState:
        """Status and counters.

        :raises LabelingError: if this package does not know the status.
        """
        return JobState.of(self.members)

    @property
    def status(self) -> str:
        """The status, known or not."""
        return str(self.members["LabelingJobStatus"])

    @property
    def arn(self) -> str:
        """The job's ARN."""
        return str(self.members["LabelingJobArn"])

    @property
    def created(self) -> datetime:
        """When it was created, by the service's clock."""
        at: datetime = self.members["CreationTime"]
        return at

    @property
    def labeled(self) -> int:
        """Objects with a label, from people or a model."""
        return int(self._member("LabelCounters", "TotalLabeled") or 0)

    @property
    def total(self) -> int:
        """Objects that needed a label when the job started."""
        open_or_failed = ("FailedNonRetryableError", "Unlabeled")
        return self.labeled + sum(self._member("LabelCounters", name) or 0 for name in open_or_failed)

    @property
    def output_manifest_uri(self) -> str:
        """S3 URI of the output manifest, whether or not it exists yet."""
        return self.state.output_manifest_uri or output_manifest_uri(self.output_uri)

    @property
    def labels_uri(self) -> str:
        """S3 URI of the output manifest, or of the input manifest while there is no output.

        :raises ValueError: for a streaming job that has neither.
        """
        uri = self.state.output_manifest_uri or self.manifest_uri
        if uri is None:
            raise ValueError(f"Labeling job {self.name} has neither labels nor an input manifest")
        return uri

    @property
    def was_stopped_as_asked(self) -> bool:
        """Whether the job was stopped by its own stopping conditions."""
        state, people, percentage = self.state, self.max_human_labeled, self.max_percentage_labeled
        return state.status == JobStatus.STOPPED and (
            (people is not None and state.human_labeled >= people)
            or (percentage is not None and state.labeled * 100 >= percentage * state.total)
        )

    @property
    def has_expired(self) -> bool:
        """Whether the job failed because it did not finish within 30 days. The labels it has produced are available.

        The developer guide says that such a job expires, the API reference that it fails with a client error.
        """
        state, reason = self.state, self.state.reason.lower()
        is_old = state.modified - state.created >= _LIFETIME_SECONDS
        return state.status == JobStatus.FAILED and (is_old or "expired" in reason or "30 days" in reason)


def listed_jobs(answer: Mapping[str, Any]) -> list[JobDescription]:
    """The jobs of a page, with what a listing says of each.

    :param answer: a response of ListLabelingJobs.
    """
    return [JobDescription(entry) for entry in answer["LabelingJobSummaryList"]]
