"""Whose a labeling job is, by its name and its tags."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import JobNameTakenError
from labeling_provider.groundtruth.description import JobDescription
from labeling_provider.groundtruth.model import violations
from labeling_provider.groundtruth.tag_lists import write_tags
from labeling_provider.jobs.ownership import (
    KILLED_TRY_TAG,
    OWNER_TAG,
    Owner,
    OwnJob,
    OwnJobs,
    changes,
    killed_tags,
    request_mark,
)
from labeling_provider.request import LabelingJobDraft, derive_job_name
from tests.conftest import Lab, texts
from tests.jobs.runs import for_people

OWNER = Owner("birds", "label", "manual__1", -1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(name: str, tags: dict[str, str] | None = None, status: str = "InProgress", **members: Any) -> JobDescription:
    noted = write_tags(tags or {})
    times = {"CreationTime": NOW, "LastModifiedTime": NOW}
    known = {"LabelingJobName": name, "LabelingJobArn": f"arn:{name}", "LabelingJobStatus": status, "Tags": noted}
    return JobDescription({**known, **times, **members})


def mine(name: str, **more: Any) -> JobDescription:
    return job(name, OWNER.tags("mark", 1.5, 1, None), **more)


def own_jobs(*there: JobDescription, given: str | None = "birds", remembered: str | None = None) -> OwnJobs:
    """The owner's jobs, where some jobs are there."""
    return OwnJobs(OWNER, given, remembered, {present.name: present for present in there}.get)


def test_jobs_are_found_in_their_order_and_the_first_free_name_is_told() -> None:
    jobs = own_jobs(mine("birds-3"), mine("birds"), mine("birds-2"), mine("birds-5"))
    assert jobs.free_name == "birds"
    assert [own.name for own in jobs.all()] == ["birds", "birds-2", "birds-3"]
    assert jobs.free_name == "birds-4"


def test_a_job_of_that_name_with_a_number_which_is_somebody_elses_is_passed_over() -> None:
    jobs = own_jobs(mine("birds"), job("birds-2"), job("birds-3", {OWNER_TAG: "other"}), mine("birds-4"))
    assert [own.name for own in jobs.all()] == ["birds", "birds-4"]
    assert jobs.free_name == "birds-5"


def test_a_first_name_that_is_somebody_elses_is_an_error() -> None:
    with pytest.raises(JobNameTakenError, match=r"named birds exists \(arn:birds, InProgress\) and was not created by"):
        own_jobs(job("birds", {OWNER_TAG: "other"})).all()


def test_there_is_an_end_to_the_names() -> None:
    jobs = own_jobs(mine("birds"), *[mine(f"birds-{number}") for number in range(2, 100)])
    with pytest.raises(JobNameTakenError, match="This task has already created 99 labeling jobs named birds-N"):
        jobs.all()


def test_a_name_that_airflow_has_kept_comes_before_a_given_one_and_that_before_a_derived_one() -> None:
    assert own_jobs(given="given", remembered="kept").free_name == "kept"
    assert own_jobs(given="given").free_name == "given"
    assert own_jobs(given=None).free_name == derive_job_name(*OWNER)


@settings(deadline=None)
@example("birds" * 12 + "-2")
@given(st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", fullmatch=True).filter(lambda name: len(name) <= 63))
def test_a_name_with_a_number_is_a_job_s_name_too(name: str) -> None:
    jobs = OwnJobs(OWNER, name, None, {name: mine(name)}.get)
    assert [own.name for own in jobs.all()] == [name]
    assert jobs.free_name != name
    assert violations("StopLabelingJob", {"LabelingJobName": jobs.free_name}) == []


parts = st.text(max_size=300)


@settings(deadline=None)
@example(Owner("ä" * 300, "<label>", "manual__1", 7))
@given(st.builds(Owner, parts, parts, parts, st.integers(-1, 10_000)))
def test_its_tags_are_such_as_the_service_takes(owner: Owner) -> None:
    tags = write_tags(owner.tags("mark", 1234.567, 3, "before"))
    arn = "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/birds"
    assert violations("AddTags", {"ResourceArn": arn, "Tags": tags}) == []
    own = OwnJob({**job("birds").members, "Tags": tags})
    assert (own.request_mark, own.round, own.follows, own.cost_usd) == ("mark", 3, "before", 1234.57)
    assert own.tags[OWNER_TAG] == owner.mark


@given(*[st.tuples(parts, parts, parts, st.integers(-1, 3))] * 2)
def test_only_the_same_task_instance_has_the_same_mark(owner: Any, other: Any) -> None:
    assert (Owner(*owner).mark == Owner(*other).mark) is (owner == other)


def test_a_task_instance_that_is_not_mapped_is_one_owner_however_airflow_says_so() -> None:
    known = {"dag_id": "birds", "task_id": "label", "run_id": "manual__1"}
    assert (
        Owner.of(SimpleNamespace(**known, map_index=None)) == Owner.of(SimpleNamespace(**known, map_index=-1)) == OWNER
    )


def test_a_job_without_tags_is_of_the_first_round_and_follows_nothing() -> None:
    own = OwnJob(job("birds").members)
    assert (own.request_mark, own.round, own.follows, own.cost_usd) == ("", 1, "", 0)


@pytest.mark.parametrize(
    ("status", "good"),
    [("Initializing", True), ("InProgress", True), ("Completed", True), ("Stopping", False), ("Failed", False)],
)
def test_a_job_is_good_while_it_runs_and_when_it_has_ended_as_it_should(status: str, good: bool) -> None:
    own = OwnJob(job("birds", status=status).members)
    assert own.is_good is good
    assert own.has_run_its_course is (status == "Completed")


def test_a_job_that_was_stopped_as_asked_is_good() -> None:
    conditions = {"MaxHumanLabeledObjectCount": 5}
    counters = {"HumanLabeled": 5, "TotalLabeled": 5, "Unlabeled": 4}
    stopped = job("birds", status="Stopped", StoppingConditions=conditions, LabelCounters=counters)
    assert OwnJob(stopped.members).is_good
    assert not OwnJob(job("birds", status="Stopped").members).is_good


def test_who_was_killed_is_told_by_the_try() -> None:
    killed = OwnJob(job("birds", killed_tags(1), "Stopped").members)
    assert killed.was_killed_before(2)
    assert not killed.was_killed_before(1), "the try that was killed has not been killed before itself"
    assert not OwnJob(job("birds", killed_tags(None), "Stopped").members).was_killed_before(2)
    assert not OwnJob(job("birds", {KILLED_TRY_TAG: "1"}, "InProgress").members).was_killed_before(2)


@pytest.fixture
def draft(lab: Lab) -> LabelingJobDraft:
    return for_people(lab).draft("birds", "us-east-1")


def test_a_request_has_one_mark_whatever_the_name_and_the_tags_and_another_with_other_files(
    draft: LabelingJobDraft,
) -> None:
    tagged = {**draft.request, "Tags": [{"Key": "a", "Value": "b"}], "LabelingJobName": "birds-2"}
    assert request_mark(replace(draft, request=tagged)) == request_mark(draft)
    files = dict.fromkeys(draft.files, "other")
    assert request_mark(replace(draft, files=files)) != request_mark(draft)
    other = {**draft.request, "RoleArn": "arn:other"}
    assert request_mark(replace(draft, request=other)) != request_mark(draft)


def test_what_the_service_adds_to_a_request_is_no_change(
    lab: Lab, client: GroundTruth, draft: LabelingJobDraft
) -> None:
    there = OwnJob(client.create_job({**lab.request(texts(1)), "Tags": []}).members)
    same = replace(draft, request={key: value for key, value in there.members.items() if key in draft.request})
    del same.request["HumanTaskConfig"]["PreHumanTaskLambdaArn"]
    assert changes(same, there) == ["labels or instructions"]
    assert changes(replace(same, request={**same.request, "RoleArn": "arn:other"}), there) == ["RoleArn"]
