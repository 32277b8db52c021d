"""Whose labeling job is it? CreateLabelingJob has no idempotency token: the name is one, and tags prove the rest.

The jobs of one task instance are NAME, NAME-2, NAME-3 and so on. Each has tags that tell the task instance, the request
that the user has made, the round, and which job it follows up on. So after any crash a later try finds out from the
service alone how far an earlier one has come. Plain Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labeling_provider.errors import JobNameTakenError
from labeling_provider.groundtruth.description import JobDescription
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
        """The owner that an Airflow task instance is."""
        index = -1 if task_instance.map_index is None else task_instance.map_index
        return cls(task_instance.dag_id, task_instance.task_id, task_instance.run_id, index)

    @property
    def mark(self) -> str:
        """A hash that fits into a tag."""
        return fingerprint(list(self))

    def tags(self, request_mark: str, cost_usd: float, round_number: int, follows: str | None) -> list[dict[str, str]]:
        """Tags for a job of this task instance.

        :param request_mark: what :func:`request_mark` has made of the user's request.
        :param round_number: 1, or more for a follow-up on objects that were not labeled.
        :param follows: the job whose left-over objects this one labels.
        """
        readable = re.sub(r"[^\w\s.:/=+\-@]", "-", "/".join(str(part) for part in self))
        tags = {
            OWNER_TAG: self.mark,
            REQUEST_TAG: request_mark,
            TASK_TAG: readable[:256],
            ROUND_TAG: str(round_number),
            COST_TAG: f"{cost_usd:.2f}",
            **({FOLLOWS_TAG: follows} if follows else {}),
        }
        return [{"Key": key, "Value": value} for key, value in tags.items()]


@dataclass(frozen=True)
class OwnJob(JobDescription):
    """A labeling job of this task instance, as DescribeLabelingJob has answered."""

    @property
    def request_mark(self) -> str:
        """What the user's request was."""
        return self.tags.get(REQUEST_TAG, "")

    @property
    def round(self) -> int:
        """1, or more for a follow-up."""
        return int(self.tags.get(ROUND_TAG, "1"))

    @property
    def follows(self) -> str:
        """The job whose left-over objects it labels; empty if there is none."""
        return self.tags.get(FOLLOWS_TAG, "")

    @property
    def cost_usd(self) -> float:
        """What it was estimated to cost, USD."""
        return float(self.tags.get(COST_TAG, "0"))

    @property
    def is_good(self) -> bool:
        """Whether it runs, or has ended as it should."""
        return self.status not in {"Failed", "Stopped", "Stopping"} or self.was_stopped_as_asked

    @property
    def has_run_its_course(self) -> bool:
        """Whether it has done what it could: a further job may take up what it has left over."""
        return self.status == "Completed" or self.has_expired

    def was_killed_before(self, try_number: int) -> bool:
        """Whether it was stopped because a user has ended an earlier try of the task."""
        killed = self.tags.get(KILLED_TRY_TAG)
        return self.status in {"Stopping", "Stopped"} and killed is not None and killed != str(try_number)


def killed_tags(try_number: int | None) -> dict[str, str]:
    """What to note on a job that is stopped because a user has ended a try of its task; nothing for None."""
    return {} if try_number is None else {KILLED_TRY_TAG: str(try_number)}


class OwnJobs:
    """The labeling jobs that a task instance has made so far.

    :param owner: the task instance.
    :param given: the job name that the user has given; None to have one derived.
    :param remembered: the name that an earlier try has used, if Airflow has kept it.
    :param find: ``find_job`` of a :class:`labeling_provider.client.ground_truth.GroundTruth`.

    ``free_name`` is the first name that :meth:`all` has found free.
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

        :raises JobNameTakenError: if the first name belongs to somebody else's job, or there are too many.
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
        raise JobNameTakenError(f"There are {_MAX_JOBS} labeling jobs named like {self._first}; clear the cause first.")

    def claim(self, job: JobDescription) -> OwnJob:
        """Make sure that a job is this task instance's.

        :raises JobNameTakenError: if it is not.
        """
        if job.tags.get(OWNER_TAG) != self._owner.mark:
            raise JobNameTakenError(
                f"A labeling job named {job.name} exists ({job.arn}, {job.status}) and was not "
                "made by this task. Give another job_name."
            )
        return OwnJob(job.members)


def request_mark(draft: LabelingJobDraft) -> str:
    """A hash of what the user wants, files included; drafted for the same name, it is the same for every job.

    :param draft: a request that was drafted for a fixed name.
    """
    content = {key: value for key, value in draft.request.items() if key not in {"Tags", "LabelingJobName"}}
    return fingerprint([content, draft.files])


def changes(draft: LabelingJobDraft, job: OwnJob) -> list[str]:
    """Fields in which a job differs from what is wanted now, for people.

    :param draft: what is wanted, drafted for the job's own name.
    """
    differing = [
        key
        for key, value in draft.request.items()
        if key not in {"Tags", "LabelingJobName"} and not _within(value, job.members.get(key))
    ]
    return differing or ["labels or instructions"]


def _within(wanted: Any, there: Any) -> bool:
    """Whether all that is wanted is there; the service adds its defaults."""
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return all(_within(value, there.get(key)) for key, value in wanted.items())
    return bool(wanted == there)
