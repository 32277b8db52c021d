"""What a job says of its tasks, as the process that runs it knows it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.service.database.lease_rows import Lease
from labeling_provider.service.work.job_run import Run


def run_of(**task: int) -> Run:
    kind: Any = SimpleNamespace(job=SimpleNamespace(request=JobRequest({"HumanTaskConfig": task})))
    return Run(Lease(7, "me", 3), kind, ())


def test_times_and_sizes_are_those_of_the_request_or_else_amazons() -> None:
    own = {"TaskTimeLimitInSeconds": 60, "TaskAvailabilityLifetimeInSeconds": 3_600, "MaxConcurrentTaskCount": 5}
    run = run_of(**own)
    assert (run.id, run.time_limit, run.lifetime, run.set_size) == (7, 60.0, 3_600.0, 5)
    usual = run_of(TaskTimeLimitInSeconds=60)
    assert usual.lifetime == Quota.AVAILABILITY_SECONDS
    assert usual.set_size == Quota.CONCURRENT_OBJECTS_DEFAULT
    assert not usual.streams
