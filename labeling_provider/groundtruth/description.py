"""Typed views of a labeling job's request and of its description.

Source: API reference, CreateLabelingJob, DescribeLabelingJob and ListLabelingJobs. DescribeLabelingJob repeats the
members of the request, so the description extends the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from labeling_provider.groundtruth.facts import workforce_kind
from labeling_provider.groundtruth.job import JobState, JobStatus, is_streaming
from labeling_provider.groundtruth.layout import output_manifest_uri
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


@dataclass(frozen=True)
class JobRequest:
    """A CreateLabelingJob request. It need not be valid: a text that is missing or not a text reads as None.
    Addresses of objects at Amazon read as S3 URIs.

    :param members: arguments of ``create_labeling_job``, a response of DescribeLabelingJob, or an entry of
        ListLabelingJobs, which has only some of the members.
    """

    members: Mapping[str, Any]

    def _member(self, *path: str) -> Any:
        value: Any = self.members
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def _text(self, *path: str) -> str | None:
        value = self._member(*path)
        return value if isinstance(value, str) and value else None

    def _uri(self, *path: str) -> str | None:
        text = self._text(*path)
        return None if text is None else as_s3_uri(text)

    @property
    def name(self) -> str:
        """The job's name."""
        return str(self.members["LabelingJobName"])

    @property
    def label_attribute(self) -> str:
        """The label attribute: the key of the label in the output. Empty in a listing, which omits it."""
        return self._text("LabelAttributeName") or ""

    @property
    def manifest_uri(self) -> str | None:
        """S3 URI of the input manifest; None if all objects come from a topic."""
        return self._uri("InputConfig", "DataSource", "S3DataSource", "ManifestS3Uri")

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
    def role_arn(self) -> str | None:
        """ARN of the execution role."""
        return self._text("RoleArn")

    @property
    def category_uri(self) -> str | None:
        """S3 URI of the label category file: the labels, in order."""
        return self._uri("LabelCategoryConfigS3Uri")

    @property
    def template_uri(self) -> str | None:
        """S3 URI of the worker template."""
        return self._uri("HumanTaskConfig", "UiConfig", "UiTemplateS3Uri")

    @property
    def workteam_arn(self) -> str | None:
        """ARN of the workteam."""
        return self._text("HumanTaskConfig", "WorkteamArn")

    @property
    def function_arns(self) -> list[str]:
        """ARNs of the Lambda functions before and after the workers' tasks, as far as it names them."""
        before = self._text("HumanTaskConfig", "PreHumanTaskLambdaArn")
        after = self._text("HumanTaskConfig", "AnnotationConsolidationConfig", "AnnotationConsolidationLambdaArn")
        return [arn for arn in (before, after) if arn]

    @property
    def workforce_kind(self) -> str:
        """The kind of workforce: ``private``, ``vendor``, ``public`` or ``unknown``."""
        return workforce_kind(self.workteam_arn or "")

    @property
    def workers_per_object(self) -> int:
        """How many people label each object."""
        return int(self._member("HumanTaskConfig", "NumberOfHumanWorkersPerDataObject") or 1)

    @property
    def max_human_labeled(self) -> int | None:
        """Stopping condition: objects labeled by people."""
        count: int | None = self._member("StoppingConditions", "MaxHumanLabeledObjectCount")
        return count

    @property
    def max_percentage_labeled(self) -> int | None:
        """Stopping condition: labeled objects in percent of all objects."""
        percentage: int | None = self._member("StoppingConditions", "MaxPercentageOfInputDatasetLabeled")
        return percentage

    @property
    def is_streaming(self) -> bool:
        """Whether objects come from a topic."""
        return is_streaming(self.members)

    @property
    def is_automated(self) -> bool:
        """Whether the job uses automated labeling."""
        return "LabelingJobAlgorithmsConfig" in self.members

    @property
    def tags(self) -> dict[str, str]:
        """The tags, values by key."""
        return {tag["Key"]: tag["Value"] for tag in self.members.get("Tags", [])}


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
