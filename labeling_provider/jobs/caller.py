"""What a labeling job is run with: its options, and whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from labeling_provider.jobs.waiting import Vigil, wait_for_job

if TYPE_CHECKING:
    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.groundtruth.job import JobState
    from labeling_provider.jobs.ownership import Owner, OwnJob


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a job is run; see :class:`labeling_provider.operators.labeling_job.CreateLabelingJobOperator` for each."""

    job_name: str | None = None
    max_cost_usd: float | None = None
    create_topics: bool = False
    notify_from: str | None = None
    notify_suffix: str = ""
    labels_queue: str | None = None
    preflight: str = "fail"
    fix_cors: bool = False
    wait_for_completion: bool = True
    poll_interval: float = 30
    events_queue_url: str | None = None
    job_timeout: timedelta | None = None
    if_job_exists: str = "adopt"
    on_missing_labels: str = "warn"
    max_rounds: int = 3
    stall_timeout: timedelta | None = None
    on_stall: str = "leave"
    stop_job_on_kill: bool = True


class Wait(NamedTuple):
    """A wait for a job.

    :param state: the job as it was last seen.
    :param targets: statuses to wait for; any end of the job ends the wait as well.
    :param deadline: epoch seconds at which to stop waiting; None for never.
    :param stall_timeout: seconds without any change after which to stop waiting; None for never.
    """

    state: JobState
    targets: frozenset[str]
    deadline: float | None
    stall_timeout: float | None


class Caller:
    """Whoever runs a job: what it remembers from run to run, and what it wants to hear. This one remembers nothing.

    :param owner: the task instance whose jobs they are.
    :param try_number: which try of it this is.
    :param deadline: epoch seconds at which this try ends; None for never.
    """

    def __init__(self, owner: Owner, try_number: int = 1, deadline: float | None = None) -> None:
        self.owner, self.try_number, self.deadline = owner, try_number, deadline

    def remembered_name(self) -> str | None:
        """The name of the first job of an earlier try."""
        return None

    def remember_name(self, name: str) -> None:
        """Keep the name of the first job for later tries."""

    def last_model(self) -> str | None:
        """ARN of the last model of this task's automated labeling, of whatever run."""
        return None

    def keep_model(self, arn: str) -> None:
        """Keep the ARN of a model for later runs."""

    def follows(self, job: OwnJob) -> None:
        """A job is followed from now on."""

    def progressed(self, state: JobState, memory: dict[str, Any]) -> None:
        """Something has happened to the job.

        :param memory: from what a later wait goes on.
        """

    def has_ended(self, state: JobState) -> None:
        """A job has ended."""

    def wait(self, ground_truth: GroundTruth, wait: Wait, options: RunOptions) -> dict[str, Any]:
        """Wait for a job, holding this process; the event that a trigger would have fired.

        :raises LabelingError: if the job can't be followed any more.
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
