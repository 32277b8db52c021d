"""A labeling job as it is seen from outside: its status, counters and progress. Plain Python.

Source: API reference, DescribeLabelingJob and LabelCounters; developer guide, "Monitor labeling job status".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from labeling_provider.errors import LabelingError

RUNNING: Final = frozenset({"Initializing", "InProgress", "Stopping"})
ENDED: Final = frozenset({"Completed", "Failed", "Stopped"})
STATUSES: Final = RUNNING | ENDED


@dataclass(frozen=True)
class JobState:
    """A labeling job at one moment.

    :param status: one of :data:`STATUSES`.
    :param labeled: objects with a label, by people and by machine.
    :param failed: objects that were given up.
    :param unlabeled: objects that are not decided yet.
    :param reason: why it failed; empty unless it did.
    :param created: epoch seconds.
    :param output_manifest_uri: where the labels are; None before there are any.
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
    label_attribute: str
    final_model_arn: str | None

    @classmethod
    def of(cls, description: dict[str, Any]) -> JobState:
        """Read an answer of DescribeLabelingJob.

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

    def as_dict(self) -> dict[str, Any]:
        """A JSON value, for trigger events."""
        return asdict(self)


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
        if before is not None and (before.status, before.labeled, before.failed, before.unlabeled) == (
            state.status,
            state.labeled,
            state.failed,
            state.unlabeled,
        ):
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
        if state.status != "InProgress" or done <= 0 or now <= since:
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
