"""Jobs as rows, and their entries in the memory of the process that runs them, without an engine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import lease_rows, running
from labeling_provider.service.database.database import Database
from labeling_provider.service.work.job_run import Run
from tests.own_names import own_id
from tests.service.database.rows import job
from tests.service.kinds.some_jobs import make_kind


def run_in(
    database: Database, states: str, *, workers: int = 1, team: Sequence[Any] = (), **members: Any
) -> tuple[Run, Any]:
    """A job in progress with an object in each of some states, by first letter; its entry, and its row.

    :param workers: how many label an object.
    :param members: of its request.
    """
    request = {"HumanTaskConfig": {}, **members}
    with database.write() as connection:
        job_id = job(connection, f"cats-{own_id().hex}", states, request)
        running.update_job(connection, job_id, status=JobStatus.IN_PROGRESS, lines=len(states))
        taken = lease_rows.take(connection, job_id, "me", 1.0, time.time() + 999)
    assert taken is not None
    lease, row = taken
    kind = make_kind("text-classification", workers)
    kind.job = replace(kind.job, name=row.name, request=JobRequest(request))
    return Run(lease, kind, team), row
