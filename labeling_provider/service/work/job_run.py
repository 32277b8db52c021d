"""A labeling job in the memory of the process that runs it."""

from __future__ import annotations

from collections.abc import Sequence

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
        self.request = self.job.request
        self.streams = self.request.is_streaming
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
        """Id of the job in the database."""
        return self.lease.job_id

    @property
    def lifetime(self) -> float:
        """How many seconds a task stays available to workers."""
        return float(self.request.availability_seconds)

    @property
    def time_limit(self) -> float:
        """How many seconds a worker has for one task."""
        return float(self.request.task_seconds)

    @property
    def set_size(self) -> int:
        """How many objects may be with workers at once."""
        return self.request.max_concurrent_objects
