"""The options for running a labeling job, and the interface to its caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

from labeling_provider.errors import check_choice
from labeling_provider.jobs.waiting import Vigil, wait_for_job

if TYPE_CHECKING:
    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.groundtruth.job import JobState
    from labeling_provider.jobs.ownership import Owner, OwnJob


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options for running a job; :class:`~labeling_provider.operators.labeling_job.CreateLabelingJobOperator` explains
    each.

    :raises ValueError: if an option is not one of the choices that there are.
    """

    job_name: str | None = None
    max_cost_usd: float | None = None
    create_topics: bool = False
    notify_from: str | None = None
    notify_suffix: str = ""
    labels_queue: str | None = None
    preflight: Literal["fail", "warn", "off"] = "fail"
    fix_cors: bool = False
    wait_for_completion: bool = True
    poll_interval: float = 30
    events_queue_url: str | None = None
    job_timeout: timedelta | None = None
    if_job_exists: Literal["adopt", "replace", "fail"] = "adopt"
    on_missing_labels: Literal["warn", "fail", "chain"] = "warn"
    max_rounds: int = 3
    stall_timeout: timedelta | None = None
    on_stall: Literal["leave", "stop"] = "leave"
    stop_job_on_kill: bool = True

    def __post_init__(self) -> None:
        for option, choices in _CHOICES.items():
            check_choice(option, getattr(self, option), choices)


_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    option: get_args(kind) for option, kind in get_type_hints(RunOptions).items() if get_origin(kind) is Literal
}


class Wait(NamedTuple):
    """A wait for a job.

    :param state: the last known state of the job.
    :param targets: statuses to wait for; the end of the job also ends the wait.
    :param deadline: when to stop waiting, in epoch seconds; None for never.
    :param stall_timeout: seconds without any change after which to stop waiting; None for never.
    """

    state: JobState
    targets: frozenset[str]
    deadline: float | None
    stall_timeout: float | None


class Caller:
    """The caller of a run: stores values between runs and receives progress. This base class stores nothing.

    :param owner: the task instance that owns the jobs.
    :param try_number: the number of the task's current try.
    :param deadline: when this try ends, in epoch seconds; None for never.
    """

    def __init__(self, owner: Owner, try_number: int = 1, deadline: float | None = None) -> None:
        self.owner, self.try_number, self.deadline = owner, try_number, deadline

    def remembered_name(self) -> str | None:
        """The stored name of an earlier try's first job."""
        return None

    def remember_name(self, name: str) -> None:
        """Store the name of the first job for later tries."""

    def last_model(self) -> str | None:
        """ARN of the last model from this task's automated labeling in any run."""
        return None

    def keep_model(self, arn: str) -> None:
        """Store the ARN of a model for later runs."""

    def follows(self, job: OwnJob) -> None:
        """Called when the run starts to follow a job."""

    def progressed(self, state: JobState, memory: dict[str, Any]) -> None:
        """Called when the job's state changes.

        :param memory: a JSON value from which a later wait can continue.
        """

    def has_ended(self, state: JobState) -> None:
        """Called when a job has ended."""

    def wait(self, ground_truth: GroundTruth, wait: Wait, options: RunOptions) -> dict[str, Any]:
        """Wait for a job, blocking.

        :return: the event that a trigger would fire.
        :raises LabelingError: if the job can no longer be followed.
        """
        vigil = Vigil(targets=wait.targets, deadline=wait.deadline, stall_timeout=wait.stall_timeout)
        return wait_for_job(
            ground_truth,
            wait.state,
            vigil,
            poll_interval=options.poll_interval,
            events_queue_url=options.events_queue_url,
            show=lambda state: self.progressed(state, vigil.memory),
        )
