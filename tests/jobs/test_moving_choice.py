"""Which jobs are brought."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.groundtruth.description import JobDescription
from labeling_provider.jobs.moving_choice import JobChoice

JOBS = {"birds-1": "Completed", "birds-2": "Failed", "Birds-3": "Completed", "deer": "InProgress"}


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        ({}, set(JOBS)),
        ({"names": ["deer", "birds-1", "nobody"]}, {"deer", "birds-1"}),
        ({"patterns": ["birds-*", "d??r"]}, {"birds-1", "birds-2", "deer"}),
        ({"statuses": ["Completed", "InProgress"]}, {"birds-1", "Birds-3", "deer"}),
        ({"patterns": ["birds-*"], "statuses": ["Completed"]}, {"birds-1"}),
        ({"names": ["deer"], "statuses": ["Completed"]}, set()),
    ],
)
def test_a_job_is_brought_if_all_that_is_said_fits(choice: dict[str, Any], taken: set[str]) -> None:
    entries = [{"LabelingJobName": name, "LabelingJobStatus": status} for name, status in JOBS.items()]
    assert {job.name for job in map(JobDescription, entries) if JobChoice(**choice).takes(job)} == taken
