"""A labeling job on its way from Amazon: the request for it here, and what is told about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from labeling_provider.groundtruth.description import JobDescription, JobRequest
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.groundtruth.ready_functions import ready_function
from labeling_provider.groundtruth.task_types import TaskType
from labeling_provider.groundtruth.uris import as_s3_uri, join_s3_uri, split_s3_uri
from labeling_provider.jobs.moving_choice import Manner
from labeling_provider.jobs.moving_teams import SOURCE_TAG, MovingError

AS_TAG: Final = "labeling-import:as"
"""Tag of an imported job: whether it was finished then."""
FINISHED: Final = "finished"
RUNNING: Final = "running"
OWN_FOLDER: Final = "self-hosted"
"""Folder in a job's old output path for its output here, where both sides use the same S3."""
MAX_TAGS: Final = 50

_INPUT: Final = "labeling-import"
"""Folder, in the bucket of a job's output, for its input manifest here. Streaming jobs keep input and output apart."""


@dataclass
class Plan:
    """A job on its way.

    :param is_finished: whether nobody shall work on it any more.
    :param labels_uri: URI of the source's manifest with the labels so far; None if there is no manifest yet.
    :param needs_functions: whether the service has to know functions of the job's own.
    """

    job: JobDescription
    request: dict[str, Any]
    task_type: TaskType
    is_finished: bool
    labels_uri: str | None
    needs_functions: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def output(self) -> str:
        """S3 URI of the job's output folder here."""
        return JobRequest(self.request).output_uri

    @property
    def manifest_uri(self) -> str:
        """S3 URI of its input manifest here."""
        bucket, _ = split_s3_uri(self.output)
        return f"s3://{bucket}/{_INPUT}/{self.job.name}.manifest"

    def prepare(self, manner: Manner, *, same_s3: bool) -> None:
        """Make the request one that the service understands.

        :param same_s3: whether source and service use one S3.
        :raises MovingError: if it can't be.
        """
        request, notes = self.request, self.notes
        tags = {key: value for key, value in self.job.tags.items() if not key.startswith("aws:")}
        if len(tags) < len(self.job.tags):
            notes.append("Tags that begin with aws: are Amazon's own and were left out.")
        tags |= {SOURCE_TAG: self.job.arn, AS_TAG: FINISHED if self.is_finished else RUNNING}
        if len(tags) > MAX_TAGS:
            raise MovingError(f"With two tags of the import it has more than {MAX_TAGS}: remove some at the source.")
        request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        output = request["OutputConfig"]
        if same_s3:
            output["S3OutputPath"] = join_s3_uri(as_s3_uri(output["S3OutputPath"]), OWN_FOLDER)
        source = request["InputConfig"]["DataSource"]
        if self.labels_uri:
            source["S3DataSource"] = {"ManifestS3Uri": self.manifest_uri}
        if self.is_finished:
            self._retire()
            return
        if self.job.state.status in {JobStatus.IN_PROGRESS, JobStatus.INITIALIZING}:
            notes.append("It still runs at Amazon: stop it there, or its objects are labeled twice.")
        self._check_functions(manner)

    def _retire(self) -> None:
        """Leave out what concerns only work to come."""
        request, human, left = self.request, self.request["HumanTaskConfig"], []
        for holder, member in (
            (request["InputConfig"]["DataSource"], "SnsDataSource"),
            (request["OutputConfig"], "SnsTopicArn"),
        ):
            if holder.pop(member, None):
                left.append(member)
        for member in ("StoppingConditions", "LabelingJobAlgorithmsConfig"):
            if request.pop(member, None):
                left.append(member)
        if not self.task_type.function:
            for member in ("PreHumanTaskLambdaArn", "AnnotationConsolidationConfig"):
                if human.pop(member, None):
                    left.append(member)
        if left:
            self.notes.append(f"Nobody works on it any more, so it is without {', '.join(left)}.")

    def _check_functions(self, manner: Manner) -> None:
        """:raises MovingError: if the service is known not to know a function of the job."""
        human = self.request["HumanTaskConfig"]
        consolidation = human.get("AnnotationConsolidationConfig", {}).get("AnnotationConsolidationLambdaArn")
        for arn in (human.get("PreHumanTaskLambdaArn"), consolidation):
            if not arn or self.task_type.function or ready_function(arn):
                continue
            self.needs_functions = True
            known = manner.functions
            if known is None:
                self.notes.append(f"The service must know the function {arn}.")
            elif arn not in known:
                raise MovingError(
                    f"The service does not know the function {arn}: say what takes its place with --function "
                    f"{arn}=MODULE:CALLABLE, start the service again with that workforce file, and run this again."
                )

    def fit_to_rest(self, labeled: int, rest: int) -> None:
        """Adjust what depends on how many objects are left.

        :param labeled: how many objects have a label.
        :param rest: how many have none.
        """
        request, notes = self.request, self.notes
        if self.is_finished:
            if rest:
                notes.append(f"Objects without a label: {rest:,}. Its output manifest has them; nobody is asked.")
            return
        notes.append(f"Objects with a label: {labeled:,}; left to label: {rest:,}.")
        if self.job.is_streaming and not labeled + rest:
            request["InputConfig"]["DataSource"].pop("S3DataSource", None)
        if automated := request.get("LabelingJobAlgorithmsConfig"):
            if rest < Quota.AUTOMATED_MINIMUM_OBJECTS:
                del request["LabelingJobAlgorithmsConfig"]
                notes.append("The latter are too few for automated labeling, so people label them.")
            elif automated.pop("InitialActiveLearningModelArn", None):
                notes.append("Automated labeling starts without Amazon's model.")
        conditions = request.get("StoppingConditions", {})
        if wanted := conditions.get("MaxHumanLabeledObjectCount"):
            conditions["MaxHumanLabeledObjectCount"] = max(wanted - self.job.state.human_labeled, 1)


def is_finished(job: JobDescription) -> bool:
    """Whether nobody shall work on a job any more."""
    return job.state.status == JobStatus.COMPLETED or job.was_stopped_as_asked
