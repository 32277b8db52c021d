"""A labeling job on its way from Amazon: the request for it here, and notes for the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from labeling_provider.groundtruth.description import JobDescription
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.groundtruth.ready_functions import ready_function
from labeling_provider.groundtruth.request_edits import EditableRequest
from labeling_provider.groundtruth.task_types import TaskType
from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.jobs.moving_choice import Data, Manner
from labeling_provider.jobs.moving_parts import SOURCE_TAG, MovingError

AS_TAG: Final = "labeling-import:as"
"""Tag of an imported job: whether it was finished then."""
AS_FINISHED: Final = "finished"
AS_RUNNING: Final = "running"
DATA_TAG: Final = "labeling-import:data"
"""Tag of an imported job: which of its data were copied without a problem, one of :class:`Data`."""
OWN_FOLDER: Final = "self-hosted"
"""Folder in a job's old output path for its output here, where both sides use the same S3."""

_INPUT: Final = "labeling-import"
"""Folder in a job's output bucket for its input manifest here. Streaming jobs keep input and output apart."""


class LineCounts(NamedTuple):
    """The lines of a job's manifest with the labels so far.

    :param labeled: how many have a label.
    :param rest: how many have none.
    :param own: how many of the labels people made in this job, as far as their metadata says.
    """

    labeled: int
    rest: int
    own: int


@dataclass
class Plan:
    """A job on its way.

    :param is_finished: whether nobody is to work on it any more.
    :param labels_uri: URI of the source's manifest with the labels so far; None if there is no manifest yet.
    :param needs_functions: whether the service must know the job's own functions.
    """

    job: JobDescription
    request: EditableRequest
    task_type: TaskType
    is_finished: bool
    labels_uri: str | None
    needs_functions: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def output(self) -> str:
        """S3 URI of the job's output folder here."""
        return self.request.output_uri

    @property
    def manifest_uri(self) -> str:
        """S3 URI of its input manifest here."""
        bucket, _ = split_s3_uri(self.output)
        return f"s3://{bucket}/{_INPUT}/{self.job.name}.manifest"

    def prepare(self, manner: Manner, *, same_s3: bool) -> None:
        """Turn the request into one that the service understands.

        :param same_s3: whether source and service use one S3.
        :raises MovingError: if it can't be.
        """
        request, notes = self.request, self.notes
        tags = {key: value for key, value in self.job.tags.items() if not key.startswith("aws:")}
        if len(tags) < len(self.job.tags):
            notes.append("Tags that begin with aws: are Amazon's own and were left out.")
        tags |= {SOURCE_TAG: self.job.arn, AS_TAG: AS_FINISHED if self.is_finished else AS_RUNNING}
        if len(tags) >= Quota.TAGS:
            raise MovingError(f"With the import's three tags it has more than {Quota.TAGS}: remove some at the source.")
        request.tag(tags)
        if same_s3:
            request.write_to_folder(OWN_FOLDER)
        if self.labels_uri:
            request.read_manifest(self.manifest_uri)
        if self.is_finished:
            self._retire()
            return
        if self.job.state.status in {JobStatus.IN_PROGRESS, JobStatus.INITIALIZING}:
            notes.append("It is still running at Amazon: stop it there, or its objects are labeled twice.")
        self._check_functions(manner)

    def _retire(self) -> None:
        """Leave out what concerns only work to come."""
        left = self.request.retire()
        if not self.task_type.function:
            left += self.request.drop_functions()
        if left:
            self.notes.append(f"No more work will be done on it, so these were left out: {', '.join(left)}.")

    def _check_functions(self, manner: Manner) -> None:
        """:raises MovingError: if the service is known not to know a function of the job."""
        own = [arn for arn in self.request.function_arns if not self.task_type.function and not ready_function(arn)]
        self.needs_functions = bool(own)
        if manner.functions is None:
            if own and manner.dry_run:
                self.notes.append(f"The service refuses it unless it knows {' and '.join(own)}: see --function.")
            return
        if unknown := [arn for arn in own if arn not in manner.functions]:
            options = " ".join(f"--function {arn}=MODULE:CALLABLE" for arn in unknown)
            raise MovingError(
                f"The service does not know {' and '.join(unknown)}: say what replaces them with {options}, restart "
                "the service with that workforce file, and run this again."
            )

    def end_if_done(self, counts: LineCounts) -> None:
        """Make it a finished job if nothing is left to do."""
        if self.is_finished or self.job.is_streaming:
            return
        people, percentage = self.job.max_human_labeled, self.job.max_percentage_labeled
        if not counts.rest:
            why = "All of its objects have a label"
        elif people and self._by_people(counts) >= people:
            why = f"People have labeled {people:,} objects, which is where it stops"
        elif percentage and counts.labeled * 100 >= percentage * (counts.labeled + counts.rest):
            why = f"{percentage} % of its objects have a label, which is where it stops"
        else:
            return
        self.is_finished = True
        self.notes.append(f"{why}: nothing is left to do.")

    def _by_people(self, counts: LineCounts) -> int:
        # The manifest may lag behind the counter: what is not in it is not brought.
        return min(self.job.state.human_labeled, counts.own)

    def fit_to_rest(self, counts: LineCounts) -> None:
        """Adjust what depends on how many objects are left."""
        request, notes, rest = self.request, self.notes, counts.rest
        if self.is_finished:
            if rest:
                notes.append(f"Objects without a label: {rest:,}. The output manifest has them as they are.")
            return
        notes.append(f"Objects with a label: {counts.labeled:,}; left to label: {rest:,}.")
        if self.job.is_streaming and not counts.labeled + rest:
            request.drop_manifest()
        if request.is_automated:
            if rest < Quota.AUTOMATED_MINIMUM_OBJECTS:
                request.drop_automation()
                needed = f"{Quota.AUTOMATED_MINIMUM_OBJECTS:,}"
                notes.append(f"Automated labeling needs {needed} unlabeled objects, so people label all of them.")
            elif request.drop_first_model():
                notes.append("Automated labeling starts without Amazon's model.")
        wanted = request.max_human_labeled
        # Streaming jobs don't heed it; of all others, it is more than the labels so far.
        if wanted and not self.job.is_streaming:
            left = wanted - self._by_people(counts)
            if left < wanted:
                notes.append(f"It stops when people have labeled {left:,} more, {wanted:,} in all.")
            request.stop_after(left)

    def note_data(self, data: Data) -> None:
        """Write into the request which data were copied."""
        self.request.tag({DATA_TAG: str(data)})


def is_finished(job: JobDescription) -> bool:
    """Whether nobody is to work on a job any more."""
    return job.state.status == JobStatus.COMPLETED or job.was_stopped_as_asked
