"""Runs of labeling jobs without Airflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.groundtruth.job import JobState
from labeling_provider.jobs.caller import Caller, RunOptions
from labeling_provider.jobs.ownership import Owner, OwnJob
from labeling_provider.jobs.run import LabelingRun
from labeling_provider.request import LabelingJobSpec
from tests.conftest import Lab, texts


class Notebook(Caller):
    """A caller that notes what it hears.

    :param when_followed: called with each job that is followed from now on.
    """

    def __init__(
        self, owner: Owner, try_number: int = 1, when_followed: Callable[[OwnJob], None] = lambda job: None
    ) -> None:
        super().__init__(owner, try_number)
        self.followed: list[str] = []
        self.seen: list[JobState] = []
        self.ended: list[str] = []
        self._when_followed = when_followed

    def follows(self, job: OwnJob) -> None:
        self.followed.append(job.name)
        self._when_followed(job)

    def progressed(self, state: JobState, memory: dict[str, Any]) -> None:
        self.seen.append(state)

    def has_ended(self, state: JobState) -> None:
        self.ended.append(state.status)


def run(client: GroundTruth, spec: LabelingJobSpec, caller: Caller, **options: Any) -> LabelingRun:
    return LabelingRun(client, spec, RunOptions(**{"poll_interval": 0.1, "preflight": "off", **options}), caller)


def first_try(lab: Lab, client: GroundTruth, spec: LabelingJobSpec, owner: Owner, statuses: set[str]) -> None:
    """Leave the job of an owner's first try, which has one of the statuses by then."""
    result = run(client, spec, Notebook(owner), wait_for_completion=False).run()
    lab.wait(result["job_name"], statuses)


def for_people(lab: Lab) -> LabelingJobSpec:
    return lab.spec(texts(3), workforce=lab.people)


def names(lab: Lab, first: str) -> list[str]:
    """All jobs whose names begin so, oldest first."""
    answer = lab.sagemaker.list_labeling_jobs(NameContains=first, SortBy="CreationTime", SortOrder="Ascending")
    return [job["LabelingJobName"] for job in answer["LabelingJobSummaryList"]]
