"""The state of a labeling job: status, counters and progress.

Source: API reference, DescribeLabelingJob and LabelCounters; developer guide, "Monitor labeling job status".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
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


@dataclass(frozen=True, slots=True)
class JobState:
    """A labeling job at one moment. Two states are equal if nothing has happened in between.

    :param labeled: objects with a label, from people or a model.
    :param failed: objects given up on.
    :param unlabeled: objects still open.
    :param reason: why the job failed; otherwise empty.
    :param created: creation time by the service's clock, in epoch seconds.
    :param output_manifest_uri: S3 URI of the labels; None before there are any.
    :param label_attribute: empty in a listing, which omits it.
    :param modified: time of the last change by the service's clock, in epoch seconds.
    """

    name: str
    arn: str
    status: JobStatus
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
        """Read a response of DescribeLabelingJob or an entry of ListLabelingJobs.

        :raises LabelingError: if this package does not know the status; waiting for it to change could take for ever.
        """
        status = description["LabelingJobStatus"]
        if status not in STATUSES:
            raise LabelingError(
                f"Labeling job {description['LabelingJobName']} has the status {status!r}, which this version of "
                f"airflow-provider-labeling does not know (it knows {', '.join(sorted(STATUSES))}). "
                "Upgrade airflow-provider-labeling."
            )
        counters = description.get("LabelCounters", {})
        output = description.get("LabelingJobOutput", {})
        return cls(
            name=description["LabelingJobName"],
            arn=description["LabelingJobArn"],
            status=JobStatus(status),
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
        """Objects that needed a label when the job started."""
        return self.labeled + self.failed + self.unlabeled

    @property
    def has_ended(self) -> bool:
        """Whether the job has reached a final status."""
        return self.status in ENDED

    @property
    def missing(self) -> int:
        """Objects without a label."""
        return self.failed + self.unlabeled

    def with_follow_up(self, later: JobState) -> JobState:
        """This job and its follow-up job as one state."""
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
        """What changes while people work, as a JSON value: status and counters."""
        return [self.status.value, self.human_labeled, self.machine_labeled, self.failed, self.unlabeled]

    def counters(self) -> dict[str, Any]:
        """Name, status and counters as a JSON value, for XComs and pages."""
        return {
            "job_name": self.name,
            "status": self.status.value,
            "total": self.total,
            "labeled": self.labeled,
            "human_labeled": self.human_labeled,
            "machine_labeled": self.machine_labeled,
            "failed": self.failed,
            "unlabeled": self.unlabeled,
        }

    def as_dict(self) -> dict[str, Any]:
        """A JSON value, for trigger events."""
        return {**asdict(self), "status": self.status.value}

    @classmethod
    def of_dict(cls, members: Mapping[str, Any]) -> JobState:
        """Read what :meth:`as_dict` has written."""
        return cls(**{**members, "status": JobStatus(members["status"])})


def is_streaming(members: Mapping[str, Any]) -> bool:
    """Whether a job takes objects from a topic.

    :param members: a response of DescribeLabelingJob, an entry of ListLabelingJobs, or a request.
    """
    config = members.get("InputConfig")
    source = config.get("DataSource") if isinstance(config, Mapping) else None
    return isinstance(source, Mapping) and "SnsDataSource" in source


def queue_name(job_name: str) -> str:
    """Name of the SQS queue that holds a streaming job's waiting objects."""
    return f"GroundTruth-{job_name.lower()}"


def service_time(description: Mapping[str, Any]) -> float:
    """Time of a response in epoch seconds, by the service's clock, or by this machine's if the response has no date."""
    from email.utils import parsedate_to_datetime

    date = description.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return time.time()
