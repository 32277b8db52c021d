"""Which labeling jobs to bring from Amazon, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from labeling_provider.groundtruth.description import JobDescription


class Data(StrEnum):
    """Which data objects to copy: pictures and whatever else the lines of manifests name."""

    NONE = "none"
    OPEN = "open"
    ALL = "all"

    def covers(self, other: Data) -> bool:
        """Whether copying these includes copying the others."""
        order = list(Data)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, kw_only=True)
class JobChoice:
    """Which labeling jobs to bring.

    :param names: only jobs with these names; empty for all.
    :param patterns: only jobs whose name matches one of these, such as ``birds-*``; empty for all.
    :param statuses: only jobs with one of these statuses; empty for all.
    :param created_after: only jobs created after this time.
    """

    names: Sequence[str] = ()
    patterns: Sequence[str] = ()
    statuses: Sequence[str] = ()
    created_after: datetime | None = None

    def takes(self, job: JobDescription) -> bool:
        """Whether a job is chosen, by its entry in ListLabelingJobs."""
        return (
            (not self.names or job.name in self.names)
            and (not self.patterns or any(fnmatchcase(job.name, pattern) for pattern in self.patterns))
            and (not self.statuses or job.status in self.statuses)
        )


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How to bring them.

    :param data: which data objects to copy.
    :param workteams: names of workteams here, by the ARN or name of Amazon's workteam that they replace.
    :param functions: ARNs of the functions of custom tasks that the service knows; None if that is not known.
    :param continue_stopped: whether to create jobs for what stopped or failed jobs left unlabeled.
    :param dry_run: whether only to look.
    """

    data: Data = Data.OPEN
    workteams: Mapping[str, str] = field(default_factory=dict)
    functions: frozenset[str] | None = None
    continue_stopped: bool = False
    dry_run: bool = False
