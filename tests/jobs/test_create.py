"""One labeling job per task instance, unless the user wants another: crashes, retries and other arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import InvalidRequestError, JobNameTakenError, LabelingError
from labeling_provider.groundtruth.job import RUNNING
from labeling_provider.jobs.caller import RunOptions
from labeling_provider.jobs.create import Creation
from labeling_provider.jobs.ownership import Owner, OwnJob
from labeling_provider.request import LabelingJobSpec
from tests.client.clients import ground_truth
from tests.conftest import Lab, texts
from tests.flaky import proxy
from tests.jobs.runs import Notebook, names


def creation(client: GroundTruth, spec: LabelingJobSpec, owner: Owner, **options: Any) -> Creation:
    return Creation(client, spec, RunOptions(preflight="off", **options), Notebook(owner))


def found_or_made(creation: Creation) -> OwnJob:
    """The job that a try goes on with."""
    job, is_left_over = creation.adopt()
    assert not is_left_over
    return job or creation.create()


@pytest.fixture
def manifest(lab: Lab) -> str:
    return lab.manifest(texts(6))


Make = Callable[..., LabelingJobSpec]


@pytest.fixture
def for_people(lab: Lab, manifest: str) -> Make:
    """Jobs over one manifest that wait for people."""
    return lambda **arguments: lab.spec(manifest, workforce=lab.people, **arguments)


@pytest.fixture
def first(client: GroundTruth, owner: Owner, for_people: Make) -> OwnJob:
    """A job of an earlier try that runs."""
    return found_or_made(creation(client, for_people(), owner))


def test_a_try_with_other_arguments_adopts_by_default_and_says_what_differs(
    lab: Lab, client: GroundTruth, owner: Owner, for_people: Make, first: OwnJob, logged: Callable[[], str]
) -> None:
    again = found_or_made(creation(client, for_people(title="Which animal is it?"), owner))
    assert names(lab, first.name) == [first.name] == [again.name]
    assert "was created with different arguments (HumanTaskConfig)" in logged()


def test_labels_that_have_changed_are_other_arguments_too(
    client: GroundTruth, owner: Owner, for_people: Make, first: OwnJob, logged: Callable[[], str]
) -> None:
    found_or_made(creation(client, for_people(labels=["cat", "dog"]), owner))
    assert "different arguments (labels or instructions)" in logged()


def test_replace_stops_the_job_and_makes_another_and_the_next_try_finds_that(
    lab: Lab, client: GroundTruth, owner: Owner, for_people: Make, first: OwnJob
) -> None:
    lab.wait(first.name, {"InProgress"})
    for _ in range(2):
        job = found_or_made(creation(client, for_people(title="Which animal?"), owner, if_job_exists="replace"))
        assert job.name == f"{first.name}-2"
    assert lab.wait(first.name)["LabelingJobStatus"] == "Stopped"
    assert names(lab, first.name) == [first.name, f"{first.name}-2"]


def test_fail_fails_and_touches_nothing(
    lab: Lab, client: GroundTruth, owner: Owner, for_people: Make, first: OwnJob
) -> None:
    task = creation(client, for_people(title="Which animal?"), owner, if_job_exists="fail")
    with pytest.raises(
        JobNameTakenError, match="created with different arguments .HumanTaskConfig.. Set if_job_exists="
    ):
        task.adopt()
    assert names(lab, first.name) == [first.name]
    assert client.job(first.name).status in RUNNING


@pytest.mark.parametrize("choice", ["adopt", "replace", "fail"])
def test_the_same_arguments_adopt_whatever_the_choice(
    client: GroundTruth, owner: Owner, for_people: Make, first: OwnJob, choice: str
) -> None:
    task = creation(client, for_people(tags={"team": "cats"}), owner, if_job_exists=choice)
    assert found_or_made(task).name == first.name


@pytest.mark.parametrize("answered", [True, False], ids=["after-the-service-had-it", "before"])
def test_a_worker_that_dies_as_it_creates_the_job_leaves_one_job(
    lab: Lab,
    client: GroundTruth,
    owner: Owner,
    for_people: Make,
    monkeypatch: pytest.MonkeyPatch,
    answered: bool,
) -> None:
    dying = creation(client, for_people(), owner)
    real = client.sagemaker.create_labeling_job

    def die(**request: Any) -> None:
        if answered:
            real(**request)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(client.sagemaker, "create_labeling_job", die)
        found_or_made(dying)
    assert dying.under_way is not None
    job = found_or_made(creation(client, for_people(), owner))
    assert names(lab, job.name) == [dying.under_way] == [job.name]


def test_two_tries_that_create_at_the_same_moment_share_one_job(
    lab: Lab, client: GroundTruth, owner: Owner, for_people: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A try that was given up is still at it: its request arrives just before the next one's."""
    slow = ground_truth(lab)
    real = slow.sagemaker.create_labeling_job

    def overtaken(**request: Any) -> Any:
        monkeypatch.undo()
        found_or_made(creation(client, for_people(), owner))
        return real(**request)

    monkeypatch.setattr(slow.sagemaker, "create_labeling_job", overtaken)
    job = found_or_made(creation(slow, for_people(), owner))
    assert names(lab, job.name) == [job.name]


def test_a_request_that_is_lost_on_its_way_is_sent_again(
    client: GroundTruth, owner: Owner, for_people: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, lost = client.sagemaker.create_labeling_job, []

    def lose_the_first(**request: Any) -> Any:
        if not lost:
            lost.append(request)
            raise ConnectionClosedError(endpoint_url="http://local")
        return real(**request)

    monkeypatch.setattr(client.sagemaker, "create_labeling_job", lose_the_first)
    assert found_or_made(creation(client, for_people(), owner)).name == lost[0]["LabelingJobName"]


def test_that_one_may_not_look_is_an_error_and_not_no_such_job(lab: Lab, owner: Owner, for_people: Make) -> None:
    with proxy(lab) as between:
        between.refused = {"DescribeLabelingJob"}
        task = creation(ground_truth(lab, between.url), for_people(), owner)
        with pytest.raises(LabelingError, match="AccessDenied"):
            found_or_made(task)
        assert not between.operations["CreateLabelingJob"]


def test_a_name_that_is_given_may_stand_in_the_raw_request(client: GroundTruth, owner: Owner, for_people: Make) -> None:
    given = f"given-{owner.run_id[:12]}"
    spec = for_people(config={"LabelingJobName": given})
    assert found_or_made(creation(client, spec, owner)).name == given


def test_what_is_wrong_is_told_before_anything_is_stored(lab: Lab, client: GroundTruth, owner: Owner) -> None:
    output = f"s3://{lab.bucket}/{owner.run_id}"
    task = creation(client, lab.spec(texts(2), role_arn="nobody", output_uri=output), owner)
    with pytest.raises(InvalidRequestError, match="RoleArn"):
        task.create()
    assert task.under_way is None
    assert lab.keys(owner.run_id) == []
