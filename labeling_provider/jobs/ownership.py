"""Decides who owns a labeling job. CreateLabelingJob has no idempotency token, so names and tags take its place.

The jobs of one task instance are NAME, NAME-2, NAME-3 and so on. Their tags hold the task instance, a hash of the
user's request, the round, and the job that they follow up on. So after any crash a later try can tell from the service
alone how far an earlier one got.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labeling_provider.errors import JobNameTakenError
from labeling_provider.groundtruth.description import JobDescription, JobRequest
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.request.names import MAX_JOB_NAME, derive_job_name, fingerprint

if TYPE_CHECKING:
    from labeling_provider.request import LabelingJobDraft

OWNER_TAG: Final = "airflow-labeling:owner"
REQUEST_TAG: Final = "airflow-labeling:request"
TASK_TAG: Final = "airflow-labeling:task"
COST_TAG: Final = "airflow-labeling:estimated-cost-usd"
ROUND_TAG: Final = "airflow-labeling:round"
FOLLOWS_TAG: Final = "airflow-labeling:follows"
KILLED_TRY_TAG: Final = "airflow-labeling:killed-try"
_MAX_JOBS: Final = 99


class Owner(NamedTuple):
    """A task instance."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int

    @classmethod
    def of(cls, task_instance: Any) -> Owner:
        """The owner for an Airflow task instance."""
        index = -1 if task_instance.map_index is None else task_instance.map_index
        return cls(task_instance.dag_id, task_instance.task_id, task_instance.run_id, index)

    @property
    def mark(self) -> str:
        """A hash of the task instance, short enough for a tag."""
        return fingerprint(list(self))

    def tags(self, request_mark: str, cost_usd: float, round_number: int, follows: str | None) -> dict[str, str]:
        """Tags for a job of this task instance, values by key.

        :param request_mark: :func:`request_mark` of the user's request.
        :param cost_usd: the estimated cost, in USD.
        :param round_number: 1, or more for a follow-up on unlabeled objects.
        :param follows: the name of the job to follow up on.
        """
        readable = re.sub(r"[^\w\s.:/=+\-@]", "-", "/".join(str(part) for part in self))
        return {
            OWNER_TAG: self.mark,
            REQUEST_TAG: request_mark,
            TASK_TAG: readable[:256],
            ROUND_TAG: str(round_number),
            COST_TAG: f"{cost_usd:.2f}",
            **({FOLLOWS_TAG: follows} if follows else {}),
        }


@dataclass(frozen=True)
class OwnJob(JobDescription):
    """A labeling job of this task instance: a response of DescribeLabelingJob."""

    @property
    def request_mark(self) -> str:
        """The hash of the user's request."""
        return self.tags.get(REQUEST_TAG, "")

    @property
    def round(self) -> int:
        """1, or more for a follow-up."""
        return int(self.tags.get(ROUND_TAG, "1"))

    @property
    def follows(self) -> str:
        """The name of the job that it follows up on; empty if there is none."""
        return self.tags.get(FOLLOWS_TAG, "")

    @property
    def cost_usd(self) -> float:
        """The estimated cost, in USD."""
        return float(self.tags.get(COST_TAG, "0"))

    @property
    def is_good(self) -> bool:
        """Whether it is running or has ended as intended."""
        return self.status not in {JobStatus.FAILED, JobStatus.STOPPED, JobStatus.STOPPING} or self.was_stopped_as_asked

    @property
    def has_run_its_course(self) -> bool:
        """Whether it completed or expired, so that another job may label the remaining objects."""
        return self.status == JobStatus.COMPLETED or self.has_expired

    def was_killed_before(self, try_number: int) -> bool:
        """Whether it was stopped because a user killed an earlier try of the task."""
        killed = self.tags.get(KILLED_TRY_TAG)
        return (
            self.status in {JobStatus.STOPPING, JobStatus.STOPPED} and killed is not None and killed != str(try_number)
        )


def killed_tags(try_number: int | None) -> dict[str, str]:
    """Tags for a job that is stopped because a user killed a try of its task; empty for None."""
    return {} if try_number is None else {KILLED_TRY_TAG: str(try_number)}


class OwnJobs:
    """The labeling jobs that a task instance has created so far.

    :param owner: the task instance.
    :param given: the job name from the user; None to derive one.
    :param remembered: the name used by an earlier try, if Airflow has stored it.
    :param find: ``find_job`` of a :class:`labeling_provider.client.ground_truth.GroundTruth`.
    :ivar free_name: the first unused name, as of the last call of :meth:`all`.
    """

    def __init__(
        self, owner: Owner, given: str | None, remembered: str | None, find: Callable[[str], JobDescription | None]
    ) -> None:
        self._owner, self._find = owner, find
        self._first = remembered or given or derive_job_name(*owner)
        self.free_name = self._first

    def _names(self) -> Iterator[str]:
        yield self._first
        for number in range(2, _MAX_JOBS + 1):
            name = f"{self._first[: MAX_JOB_NAME - len('-99')].rstrip('-')}-{number}"
            # A long name that ends with a number may be one of these itself.
            if name != self._first:
                yield name

    def all(self) -> list[OwnJob]:
        """Every job of this task instance, oldest first.

        :raises JobNameTakenError: if the first name belongs to somebody else's job, or there are too many jobs.
        """
        own: list[OwnJob] = []
        for name in self._names():
            job = self._find(name)
            if job is None:
                self.free_name = name
                return own
            if own and job.tags.get(OWNER_TAG) != self._owner.mark:
                continue
            own.append(self.claim(job))
        raise JobNameTakenError(
            f"This task has already created {_MAX_JOBS} labeling jobs named {self._first}-N. Find out why they ended, "
            "then choose another job_name."
        )

    def claim(self, job: JobDescription) -> OwnJob:
        """Make sure that a job belongs to this task instance.

        :raises JobNameTakenError: if it does not.
        """
        if job.tags.get(OWNER_TAG) != self._owner.mark:
            raise JobNameTakenError(
                f"A labeling job named {job.name} exists ({job.arn}, {job.status}) and was not "
                "created by this task. Choose another job_name."
            )
        return OwnJob(job.members)


def request_mark(draft: LabelingJobDraft) -> str:
    """A hash of the user's request, files included.

    :param draft: the request, drafted for a fixed name, so that the hash is the same for every job.
    """
    return fingerprint([JobRequest(draft.request).content(), draft.files])


def changes(draft: LabelingJobDraft, job: OwnJob) -> list[str]:
    """Fields in which a job differs from the current request, for messages.

    :param draft: the current request, drafted for the job's name.
    """
    differing = [
        key for key, value in JobRequest(draft.request).content().items() if not _within(value, job.members.get(key))
    ]
    return differing or ["labels or instructions"]


def _within(requested: Any, described: Any) -> bool:
    """Whether a description contains what was requested; the service adds defaults."""
    if isinstance(requested, Mapping) and isinstance(described, Mapping):
        return all(_within(value, described.get(key)) for key, value in requested.items())
    return bool(requested == described)
