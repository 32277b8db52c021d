"""A labeling job as the process that does its steps remembers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.service.database.lease_rows import Lease
from labeling_provider.service.kinds.kind import Kind
from labeling_provider.service.work.workforce import SimulatedWorker


class Run:
    """A job's request, and what its kind has learned so far. All that counts is in the database.

    :param lease: the right to go on with the job; under another one this is worth nothing.
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
        """Why workers could not answer, by object id."""
        self.learner: object | None = None
        """What automated labeling knows of the job."""
        self.former_model: str | None = None
        """Model of the job that this one goes on from; empty if there is none, None if nobody has looked yet."""

    @property
    def id(self) -> int:
        return self.lease.job_id

    @property
    def lifetime(self) -> float:
        """Seconds that an object may wait for workers."""
        public = self.request.workforce_kind == "public"
        default = Quota.PUBLIC_AVAILABILITY_DEFAULT if public else Quota.AVAILABILITY_SECONDS
        return float(self.human.get("TaskAvailabilityLifetimeInSeconds", default))

    @property
    def time_limit(self) -> float:
        """Seconds that a worker has for one task."""
        return float(self.human["TaskTimeLimitInSeconds"])

    @property
    def set_size(self) -> int:
        """Objects in the workers' hands at once."""
        return int(self.human.get("MaxConcurrentTaskCount", Quota.CONCURRENT_OBJECTS_DEFAULT))
