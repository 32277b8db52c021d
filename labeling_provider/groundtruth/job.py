"""A labeling job as it is seen from outside: its status, counters and progress. Plain Python.

Source: API reference, DescribeLabelingJob and LabelCounters; developer guide, "Monitor labeling job status".
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from labeling_provider.errors import LabelingError


class JobStatus(StrEnum):
    """A labeling job's status. Source: API reference, DescribeLabelingJob, ``LabelingJobStatus``."""

    INITIALIZING = "Initializing"
    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPED = "Stopped"


RUNNING: Final = frozenset({JobStatus.INITIALIZING, JobStatus.IN_PROGRESS, JobStatus.STOPPING})
ENDED: Final = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED})
STATUSES: Final = RUNNING | ENDED
_LONGEST_LIFE: Final = 30 * 24 * 3600 - 3600


@dataclass(frozen=True, slots=True)
class JobState:
    """A labeling job at one moment. Two states are equal if nothing has happened in between.

    :param status: one of :data:`STATUSES`.
    :param labeled: objects with a label, by people and by machine.
    :param failed: objects that were given up.
    :param unlabeled: objects that are not decided yet.
    :param reason: why it failed; empty unless it did.
    :param created: epoch seconds, by the service's clock.
    :param output_manifest_uri: where the labels are; None before there are any.
    :param label_attribute: empty in a listing, which does not tell.
    :param modified: epoch seconds of the last change that the service knows of.
    """

    name: str
    arn: str
    status: str
    labeled: int
    human_labeled: int
    machine_labeled: int
    failed: int
    unlabeled: int
    reason: str
    created: float
    output_manifest_uri: str | None
    label_attribute: str = ""
    final_model_arn: str | None = None
    modified: float = field(default=0.0, compare=False)

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> JobState:
        """Read an answer of DescribeLabelingJob, or an entry of ListLabelingJobs.

        :raises LabelingError: if the status is one that this package does not know, rather than wait for ever.
        """
        status = description["LabelingJobStatus"]
        if status not in STATUSES:
            raise LabelingError(
                f"Labeling job {description['LabelingJobName']} has the status {status!r}, which this version of "
                f"airflow-provider-labeling does not know (it knows {', '.join(sorted(STATUSES))}). Upgrade it."
            )
        counters = description.get("LabelCounters", {})
        output = description.get("LabelingJobOutput", {})
        return cls(
            name=description["LabelingJobName"],
            arn=description["LabelingJobArn"],
            status=status,
            labeled=counters.get("TotalLabeled", 0),
            human_labeled=counters.get("HumanLabeled", 0),
            machine_labeled=counters.get("MachineLabeled", 0),
            failed=counters.get("FailedNonRetryableError", 0),
            unlabeled=counters.get("Unlabeled", 0),
            reason=description.get("FailureReason", ""),
            created=description["CreationTime"].timestamp(),
            output_manifest_uri=output.get("OutputDatasetS3Uri"),
            label_attribute=description.get("LabelAttributeName", ""),
            final_model_arn=output.get("FinalActiveLearningModelArn"),
            modified=description["LastModifiedTime"].timestamp(),
        )

    @property
    def total(self) -> int:
        """Objects that needed a label when the job began."""
        return self.labeled + self.failed + self.unlabeled

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in ENDED

    @property
    def missing(self) -> int:
        """Objects without a label."""
        return self.failed + self.unlabeled

    def with_follow_up(self, later: JobState) -> JobState:
        """This job and the one that followed up on what it has left over, taken together."""
        return replace(
            later,
            labeled=self.labeled + later.labeled,
            human_labeled=self.human_labeled + later.human_labeled,
            machine_labeled=self.machine_labeled + later.machine_labeled,
            created=self.created,
            final_model_arn=later.final_model_arn or self.final_model_arn,
        )

    @property
    def counted(self) -> list[str | int]:
        """What moves while people work: status and counters, as a JSON value."""
        return [self.status, self.human_labeled, self.machine_labeled, self.failed, self.unlabeled]

    def counters(self) -> dict[str, Any]:
        """Name, status and counters as a JSON value, for people and pages."""
        return {
            "job_name": self.name,
            "status": self.status,
            "total": self.total,
            "labeled": self.labeled,
            "human_labeled": self.human_labeled,
            "machine_labeled": self.machine_labeled,
            "failed": self.failed,
            "unlabeled": self.unlabeled,
        }

    def as_dict(self) -> dict[str, Any]:
        """A JSON value, for trigger events."""
        return asdict(self)


def is_streaming(description: Mapping[str, Any]) -> bool:
    """Whether a job takes objects from a topic.

    :param description: an answer of DescribeLabelingJob, an entry of ListLabelingJobs, or a request.
    """
    return "SnsDataSource" in description.get("InputConfig", {}).get("DataSource", {})


def queue_name(job_name: str) -> str:
    """The SQS queue in which the objects of a streaming job wait."""
    return f"GroundTruth-{job_name.lower()}"


def stopped_as_asked(description: Mapping[str, Any]) -> bool:
    """Whether a job was stopped by its own stopping conditions.

    :param description: an answer of DescribeLabelingJob.
    """
    conditions = description.get("StoppingConditions") or {}
    counters = description["LabelCounters"]
    total = sum(counters.get(key, 0) for key in ("TotalLabeled", "FailedNonRetryableError", "Unlabeled"))
    people = conditions.get("MaxHumanLabeledObjectCount")
    percent = conditions.get("MaxPercentageOfInputDatasetLabeled")
    labeled = counters.get("TotalLabeled", 0)
    return description["LabelingJobStatus"] == JobStatus.STOPPED and (
        (people is not None and counters.get("HumanLabeled", 0) >= people)
        or (percent is not None and labeled * 100 >= percent * total)
    )


def has_expired(description: Mapping[str, Any]) -> bool:
    """Whether a job failed because it was not finished within 30 days; what it has labeled is there.

    The guide says that such a job expires, the API reference that it fails with a client error.

    :param description: an answer of DescribeLabelingJob.
    """
    if description["LabelingJobStatus"] != JobStatus.FAILED:
        return False
    age = (description["LastModifiedTime"] - description["CreationTime"]).total_seconds()
    reason = description.get("FailureReason", "").lower()
    return age >= _LONGEST_LIFE or "expired" in reason or "30 days" in reason


def service_time(description: Mapping[str, Any]) -> float:
    """When the service has answered, epoch seconds by its own clock, or by this machine's if it does not say."""
    from email.utils import parsedate_to_datetime

    date = description.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return time.time()


def stall_report(description: Mapping[str, Any], state: JobState, seconds: float) -> str:
    """What is known about a job that stands still, and what usually is the cause.

    :param description: an answer of DescribeLabelingJob.
    :param seconds: for how long nothing has moved.
    """
    human = description.get("HumanTaskConfig", {})
    modified = datetime.fromtimestamp(state.modified, UTC).isoformat(timespec="seconds")
    known = (
        f"Labeling job {state.name} has stood still for {duration(seconds)}: {state.status}, {state.labeled:,} of "
        f"{state.total:,} objects labeled ({state.human_labeled:,} by people, {state.machine_labeled:,} by machine), "
        f"{state.failed:,} failed, {state.unlabeled:,} open; workteam {human.get('WorkteamArn')}; last change that the "
        f"service knows of at {modified}."
    )
    workers = human.get("NumberOfHumanWorkersPerDataObject", 1)
    if state.status == JobStatus.INITIALIZING:
        cause = "the execution role can't be assumed or can't read the manifest, or the manifest is very large."
    elif state.status == JobStatus.STOPPING:
        cause = "tasks that are in the workers' hands are waited for until their time limit."
    elif state.labeled + state.failed == 0:
        cause = (
            "the workteam has no members or they were not told; workers see broken images because the bucket has no "
            f"CORS rule; or fewer than {workers} workers have answered, and each object wants so many."
        )
    else:
        cause = (
            f"the workers have gone home, or each object that is left wants {workers} workers who have not declined it."
        )
    return f"{known} Usual cause: {cause}"


class Progress:
    """Turns states into log lines: one when something changed, none otherwise.

    :param first: the first state seen, and when (epoch seconds); the rate is reckoned from there.
    """

    def __init__(self) -> None:
        self._first: tuple[JobState, float] | None = None
        self._last: JobState | None = None

    def line(self, state: JobState, now: float) -> str | None:
        """What to log about a state; None if it is as before.

        :param now: epoch seconds.
        """
        before, self._last = self._last, state
        if self._first is None or self._first[0].labeled > state.labeled:
            self._first = (state, now)
        if before is not None and before.counted == state.counted:
            return None
        parts = [f"{state.name} {state.status}"]
        if state.total:
            by = f"{state.human_labeled:,} by people"
            if state.machine_labeled:
                by += f", {state.machine_labeled:,} by machine"
            parts.append(f"{state.labeled:,} of {state.total:,} labeled ({by})")
        if state.failed:
            parts.append(f"{state.failed:,} failed")
        parts.extend(self._outlook(state, now))
        if state.reason:
            parts.append(state.reason)
        return ", ".join(parts)

    def _outlook(self, state: JobState, now: float) -> Iterable[str]:
        """Rate and time left, once there is something to reckon from."""
        assert self._first is not None  # noqa: S101 - set by line()
        first, since = self._first
        done = state.labeled + state.failed - first.labeled - first.failed
        if state.status != JobStatus.IN_PROGRESS or done <= 0 or now <= since:
            return
        per_second = done / (now - since)
        yield f"{per_second * 3600:,.0f} objects/hour"
        yield f"about {duration(state.unlabeled / per_second)} left"


def duration(seconds: float) -> str:
    """A stretch of time for people: ``45 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
