"""What stops labeling jobs, when the task that has made them can't say which they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

from labeling_provider.errors import LabelingError, LabelingJobStalledError
from labeling_provider.operators.labeling_job import CreateLabelingJobOperator, StopLabelingJobOperator
from tests.airflow_context import context, tell_task_states
from tests.conftest import Lab, texts
from tests.operators.tasks import first_try, operator, run_id


def stop(**arguments: Any) -> StopLabelingJobOperator:
    return StopLabelingJobOperator(task_id="stop", **{"poll_interval": 0.1, **arguments})


def stalled(lab: Lab, run: str, index: int = -1, **arguments: Any) -> dict[str, Any]:
    """What a task that has given up on its job has pushed; the job goes on."""
    identity = {"run_id": run, "map_index": index}
    task = operator(lab, workforce=lab.people, stall_timeout=timedelta(seconds=0.2), **arguments)
    first_try(lab, task, {"InProgress"}, **identity)
    around = context(**identity)
    with pytest.raises(LabelingJobStalledError):
        task.execute(around)
    return dict(around["ti"].pushed)


def test_the_jobs_of_a_task_that_has_failed_are_found_without_its_result(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_id()["run_id"]
    name = stalled(connected, run)["labeling_job"]["job_name"]
    assert connected.describe(name)["LabelingJobStatus"] == "InProgress"
    tell_task_states(monkeypatch, run, {"label": "failed"})
    around = context(task_id="stop", run_id=run)
    result = stop(of_task="label").execute(around)
    assert result == {"jobs": [{"job_name": name, "status": "Stopped"}]}
    assert stop(of_task="label").execute(around) == result


def test_a_name_that_the_task_was_given_is_known_from_the_beginning_of_its_try(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_id()["run_id"]
    given = f"given-{run[-12:]}"
    pushed = stalled(connected, run, job_name=given)
    assert pushed["labeling_job_name"] == given
    tell_task_states(monkeypatch, run, {"label": "failed"})
    around = context(task_id="stop", run_id=run)
    around["ti"].others = {("label", -1, "labeling_job_name"): given}
    assert stop(of_task="label").execute(around)["jobs"] == [{"job_name": given, "status": "Stopped"}]


def test_the_jobs_of_all_instances_of_a_mapped_task_are_stopped(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_id()["run_id"]
    names = [stalled(connected, run, index)["labeling_job"]["job_name"] for index in range(2)]
    tell_task_states(monkeypatch, run, {"label_0": "failed", "label_1": "failed", "label_2": "upstream_failed"})
    done = stop(of_task="label").execute(context(task_id="stop", run_id=run))["jobs"]
    assert done == [{"job_name": name, "status": "Stopped"} for name in names]


def test_a_task_may_be_given_itself_and_a_job_of_somebody_else_is_left_alone(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = run_id()["run_id"], run_id()["run_id"]
    name = f"given-{run[-12:]}"
    stalled(connected, other, job_name=name)
    tell_task_states(monkeypatch, run, {"label": "failed"})
    around = context(task_id="stop", run_id=run)
    around["ti"].others = {("label", -1, "labeling_job_name"): name}
    task = stop(of_task=CreateLabelingJobOperator(task_id="label"), missing_ok=True)
    assert task.execute(around) == {"jobs": []}
    assert connected.describe(name)["LabelingJobStatus"] == "InProgress"


@pytest.mark.parametrize(
    ("arguments", "words", "quiet"),
    [
        ({"job_name": "None"}, "job_name is empty", {"job_name": None, "status": None}),
        ({"job_name": ""}, "job_name is empty", {"job_name": None, "status": None}),
        ({"of_task": "label"}, "of the task label in this run", {"jobs": []}),
        ({"of_task": "nobody"}, "of the task nobody in this run", {"jobs": []}),
    ],
)
@pytest.mark.parametrize("states", [{}, {"label": "failed"}], ids=["never-began", "failed"])
def test_nothing_to_stop_is_an_error_unless_told_otherwise(
    connected: Lab,
    monkeypatch: pytest.MonkeyPatch,
    states: dict[str, str],
    arguments: dict[str, str],
    words: str,
    quiet: dict[str, Any],
) -> None:
    run = run_id()["run_id"]
    tell_task_states(monkeypatch, run, states if arguments.get("of_task") != "nobody" else {})
    around = context(task_id="stop", run_id=run)
    with pytest.raises(LabelingError, match=words):
        stop(**arguments).execute(around)
    assert stop(**arguments, missing_ok=True).execute(around) == quiet


@pytest.mark.parametrize("arguments", [{}, {"job_name": "a", "of_task": "b"}])
def test_one_of_job_name_and_of_task_is_given(arguments: dict[str, str]) -> None:
    with pytest.raises((ValueError, AirflowException), match="set either job_name or of_task"):
        stop(**arguments)


def test_a_job_that_can_not_be_stopped_keeps_no_other_from_it(connected: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_id()["run_id"]
    first, second = (stalled(connected, run, index)["labeling_job"]["job_name"] for index in range(2))
    tell_task_states(monkeypatch, run, {"label_0": "failed", "label_1": "failed"})
    task = stop(of_task="label")
    stop_job = task.ground_truth.stop_job

    def refuse(name: str) -> bool:
        if name == first:
            raise LabelingError("not today")
        return stop_job(name)

    monkeypatch.setattr(task.ground_truth, "stop_job", refuse)
    with pytest.raises(LabelingError, match="not today"):
        task.execute(context(task_id="stop", run_id=run))
    assert connected.describe(second)["LabelingJobStatus"] == "Stopped"


def test_stopping_a_job_that_has_ended_is_quiet(connected: Lab) -> None:
    description, _ = connected.run(texts(2))
    name = description["LabelingJobName"]
    around = context()
    result = StopLabelingJobOperator(task_id="stop", job_name=name).execute(around)
    assert result == {"job_name": name, "status": "Completed"}
    assert around["ti"].pushed["_link_LabelingJobLink"].endswith(f"/_labeling/jobs/{name}")


def test_stopping_a_job_that_does_not_exist_is_an_error_unless_told_otherwise(connected: Lab) -> None:
    with pytest.raises(LabelingError, match="no labeling job named nobody"):
        StopLabelingJobOperator(task_id="stop", job_name="nobody").execute(context())
    quiet = StopLabelingJobOperator(task_id="stop", job_name="nobody", missing_ok=True)
    assert quiet.execute(context()) == {"job_name": "nobody", "status": None}
