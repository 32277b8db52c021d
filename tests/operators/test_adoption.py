"""Crashes, retries and clears: one labeling job per task run, unless the user wants another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from botocore.exceptions import ConnectionClosedError

from labeling_provider.errors import JobNameTakenError, LabelingJobFailedError
from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from labeling_provider.request import PrivateWorkteam, derive_job_name
from tests.airflow_context import TaskStateStore, context
from tests.conftest import Lab, texts
from tests.operators.test_labeling_job import fire, operator, run_id


def for_people(lab: Lab, **arguments: Any) -> CreateLabelingJobOperator:
    """A job that waits for people, created and not waited for."""
    team = PrivateWorkteam(lab.team("private-people"))
    return operator(lab, **{"workforce": team, "wait_for_completion": False, **arguments})


def names(lab: Lab, first: str) -> list[str]:
    """All jobs whose names begin so, oldest first."""
    found = lab.sagemaker.list_labeling_jobs(NameContains=first, SortBy="CreationTime", SortOrder="Ascending")
    return [one["LabelingJobName"] for one in found["LabelingJobSummaryList"]]


@pytest.fixture
def manifest(connected: Lab) -> str:
    return connected.manifest(texts(6))


@pytest.fixture
def first(connected: Lab, manifest: str) -> dict[str, Any]:
    """A job of an earlier try that runs, and the task instance that it belongs to."""
    identity = run_id()
    result = for_people(connected, manifest_uri=manifest).execute(context(**identity))
    assert result is not None
    return {"name": result["job_name"], **identity}


def test_a_try_with_other_arguments_adopts_by_default_and_says_what_differs(
    connected: Lab, manifest: str, first: dict[str, Any], logged: Callable[[], str]
) -> None:
    again = for_people(connected, manifest_uri=manifest, title="Which animal is it?")
    result = again.execute(context(run_id=first["run_id"], try_number=2))
    assert result is not None
    assert names(connected, first["name"]) == [first["name"]] == [result["job_name"]]
    assert "was created with different arguments (HumanTaskConfig)" in logged()


def test_labels_that_have_changed_are_other_arguments_too(
    connected: Lab, manifest: str, first: dict[str, Any], logged: Callable[[], str]
) -> None:
    for_people(connected, manifest_uri=manifest, labels=["cat", "dog"]).execute(context(run_id=first["run_id"]))
    assert "different arguments (labels or instructions)" in logged()


def test_replace_stops_the_job_and_makes_another_and_the_next_try_finds_that(
    connected: Lab, manifest: str, first: dict[str, Any]
) -> None:
    connected.wait(first["name"], {"InProgress"})
    for _ in range(2):
        task = for_people(connected, manifest_uri=manifest, title="Which animal?", if_job_exists="replace")
        result = task.execute(context(run_id=first["run_id"]))
        assert result is not None
        assert result["job_name"] == f"{first['name']}-2"
    assert connected.wait(first["name"])["LabelingJobStatus"] == "Stopped"
    assert names(connected, first["name"]) == [first["name"], f"{first['name']}-2"]


def test_fail_fails_and_touches_nothing(connected: Lab, manifest: str, first: dict[str, Any]) -> None:
    task = for_people(connected, manifest_uri=manifest, title="Which animal?", if_job_exists="fail")
    with pytest.raises(
        JobNameTakenError, match="created with different arguments .HumanTaskConfig.. Set if_job_exists="
    ):
        task.execute(context(run_id=first["run_id"]))
    assert names(connected, first["name"]) == [first["name"]]
    assert connected.describe(first["name"])["LabelingJobStatus"] in {"Initializing", "InProgress"}


@pytest.mark.parametrize("choice", ["adopt", "replace", "fail"])
def test_the_same_arguments_adopt_whatever_the_choice(
    connected: Lab, manifest: str, first: dict[str, Any], choice: str
) -> None:
    task = for_people(connected, manifest_uri=manifest, if_job_exists=choice, tags={"team": "cats"})
    result = task.execute(context(run_id=first["run_id"]))
    assert result is not None
    assert result["job_name"] == first["name"]


def test_a_try_that_has_taken_up_a_job_which_the_clear_before_it_then_stops_makes_another(
    connected: Lab, manifest: str, first: dict[str, Any]
) -> None:
    around = context(run_id=first["run_id"], try_number=2)
    second = operator(connected, manifest, workforce=PrivateWorkteam(connected.team("private-people")), deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        second.execute(around)
    connected.wait(first["name"], {"InProgress"})
    second.hook.stop_job(first["name"], killed_try=1)
    with pytest.raises(TaskDeferred) as deferred_again:
        second.execute_complete(around, fire(deferred.value))
    assert deferred_again.value.trigger.job_name == f"{first['name']}-2"
    connected.wait(f"{first['name']}-2", {"InProgress"})


def test_a_job_that_is_stopped_outside_is_not_made_again_by_a_retry(
    connected: Lab, manifest: str, first: dict[str, Any]
) -> None:
    connected.wait(first["name"], {"InProgress"})
    team = PrivateWorkteam(connected.team("private-people"))
    task = operator(connected, manifest, workforce=team, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context(run_id=first["run_id"]))
    connected.sagemaker.stop_labeling_job(LabelingJobName=first["name"])
    with pytest.raises(LabelingJobFailedError, match="stopped from outside") as caught:
        task.execute_complete(context(run_id=first["run_id"]), fire(deferred.value))
    assert isinstance(caught.value, AirflowFailException)


def test_a_name_that_differs_at_every_try_is_remembered_where_airflow_can(connected: Lab, manifest: str) -> None:
    store, identity = TaskStateStore(), run_id()
    made = [
        for_people(connected, manifest_uri=manifest, job_name=f"{identity['run_id'][8:]}-try-{number}").execute(
            context(store, try_number=number, **identity)
        )
        for number in (1, 2)
    ]
    assert made[0] is not None
    assert made[1] is not None
    assert made[0]["job_name"] == made[1]["job_name"]


def test_a_job_of_that_name_with_a_number_which_is_somebody_elses_is_passed_over(connected: Lab, manifest: str) -> None:
    identity = run_id()
    first = derive_job_name("dag", "label", identity["run_id"])
    connected.create(texts(1), f"{first}-2")
    result = for_people(connected, manifest_uri=manifest).execute(context(**identity))
    assert result is not None
    connected.wait(first, {"InProgress"})
    connected.sagemaker.stop_labeling_job(LabelingJobName=first)
    connected.wait(first)
    again = for_people(connected, manifest_uri=manifest).execute(context(**identity))
    assert again is not None
    assert again["job_name"] == f"{first}-3"


@pytest.mark.parametrize("answered", [True, False], ids=["after-the-service-had-it", "before"])
def test_a_worker_that_dies_as_it_creates_the_job_leaves_one_job(
    connected: Lab, manifest: str, monkeypatch: pytest.MonkeyPatch, answered: bool
) -> None:
    identity = run_id()
    dying = for_people(connected, manifest_uri=manifest)
    real = dying.hook.sagemaker.create_labeling_job

    def die(**request: Any) -> None:
        if answered:
            real(**request)
        raise KeyboardInterrupt

    monkeypatch.setattr(dying.hook.sagemaker, "create_labeling_job", die)
    with pytest.raises(KeyboardInterrupt):
        dying.execute(context(**identity))
    result = for_people(connected, manifest_uri=manifest).execute(context(try_number=2, **identity))
    assert result is not None
    assert names(connected, result["job_name"]) == [derive_job_name("dag", "label", identity["run_id"])]


def test_two_tries_that_create_at_the_same_moment_share_one_job(
    connected: Lab, manifest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A try that was given up is still at it: its request arrives just before the next one's."""
    identity = run_id()
    slow = for_people(connected, manifest_uri=manifest)
    real = slow.hook.sagemaker.create_labeling_job

    def overtaken(**request: Any) -> Any:
        monkeypatch.undo()
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connected.service.connection())
        for_people(connected, manifest_uri=manifest).execute(context(**identity))
        return real(**request)

    monkeypatch.setattr(slow.hook.sagemaker, "create_labeling_job", overtaken)
    result = slow.execute(context(**identity))
    assert result is not None
    assert names(connected, result["job_name"]) == [result["job_name"]]


def test_a_request_that_is_lost_on_its_way_is_sent_again(
    connected: Lab, manifest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = for_people(connected, manifest_uri=manifest)
    real, lost = task.hook.sagemaker.create_labeling_job, []

    def lose_the_first(**request: Any) -> Any:
        if not lost:
            lost.append(request)
            raise ConnectionClosedError(endpoint_url="http://local")
        return real(**request)

    monkeypatch.setattr(task.hook.sagemaker, "create_labeling_job", lose_the_first)
    result = task.execute(context(**run_id()))
    assert result is not None
    assert lost
