"""A labeling job in the memory of the process that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.service.database.lease_rows import Lease
from labeling_provider.service.kinds.kind import Kind
from labeling_provider.service.work.workforce import SimulatedWorker


class Run:
    """A cache of a job: its request, and what its kind has learned so far. The truth is in the database.

    :param lease: the lease that this is valid under.
    :param team: the simulated workers of its workteam; empty if people do the work.
    """

    def __init__(self, lease: Lease, kind: Kind, team: Sequence[SimulatedWorker]) -> None:
        self.lease = lease
        self.kind = kind
        self.job = kind.job
        self.team = team
        self.request = JobRequest(self.job.request)
        self.streams = self.request.is_streaming
        self.human: dict[str, Any] = self.job.request["HumanTaskConfig"]
        self.refreshed = 0.0
        self.changed = False
        self.output_is_gone = False
        self.troubles: dict[int, str] = {}
        """Why simulated workers could not answer, by object id."""
        self.learner: object | None = None
        """The state of automated labeling, a :class:`~labeling_provider.service.learning.learner.Learner`."""
        self.former_model: str | None = None
        """ARN of the model of the job that this one continues; empty if there is none, None if not yet looked up."""

    @property
    def id(self) -> int:
        return self.lease.job_id

    @property
    def lifetime(self) -> float:
        """How many seconds a task stays available to workers."""
        public = self.request.workforce_kind == "public"
        default = Quota.PUBLIC_AVAILABILITY_DEFAULT if public else Quota.AVAILABILITY_SECONDS
        return float(self.human.get("TaskAvailabilityLifetimeInSeconds", default))

    @property
    def time_limit(self) -> float:
        """How many seconds a worker has for one task."""
        return float(self.human["TaskTimeLimitInSeconds"])

    @property
    def set_size(self) -> int:
        """How many objects may be with workers at once."""
        return int(self.human.get("MaxConcurrentTaskCount", Quota.CONCURRENT_OBJECTS_DEFAULT))
