"""The sensor against the local service."""

from __future__ import annotations

import time
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException, TaskDeferred

from labeling_provider.errors import LabelingError, LabelingJobFailedError
from labeling_provider.groundtruth.job import JobState
from labeling_provider.sensors.labeling_job import LabelingJobSensor
from tests.airflow_context import context
from tests.conftest import Lab, texts
from tests.flaky import connection, proxy
from tests.triggers.waits import fire

BOTH = pytest.mark.parametrize("deferrable", [True, False])


def sensor(name: str, **arguments: Any) -> LabelingJobSensor:
    defaults = {"task_id": "wait", "job_name": name, "poke_interval": 0.05, "timeout": 30}
    return LabelingJobSensor(**{**defaults, **arguments})


def sense(name: str, deferrable: bool, **arguments: Any) -> Any:
    """Run a sensor to its end, through its trigger if it defers."""
    sensing = sensor(name, **arguments, deferrable=deferrable)
    try:
        return sensing.execute(context())
    except TaskDeferred as deferred:
        return sensing.resume_execution(deferred.method_name, {"event": fire(deferred.trigger)}, context())


def waiting_job(lab: Lab) -> str:
    name = lab.create(texts(3), workforce=lab.people)
    lab.wait(name, {"InProgress"})
    return name


@BOTH
def test_it_succeeds_when_the_job_is_complete(connected: Lab, deferrable: bool) -> None:
    state = sense(connected.create(texts(20)), deferrable)
    assert (state["status"], state["labeled"]) == ("Completed", 20)


@BOTH
def test_it_can_wait_for_other_statuses(connected: Lab, deferrable: bool) -> None:
    assert sense(waiting_job(connected), deferrable, target_statuses=["InProgress"])["status"] == "InProgress"


@BOTH
def test_a_stopped_job_fails_the_sensor_and_never_waits_for_ever(connected: Lab, deferrable: bool) -> None:
    name = waiting_job(connected)
    connected.sagemaker.stop_labeling_job(LabelingJobName=name)
    with pytest.raises(LabelingJobFailedError, match="ended as Stopped, not as Completed"):
        sense(name, deferrable)


@BOTH
def test_a_failed_job_fails_the_sensor_with_the_reason(connected: Lab, deferrable: bool) -> None:
    name = connected.create("s3://lab/none.manifest")
    with pytest.raises(LabelingJobFailedError, match="ended as Failed.*none.manifest does not exist"):
        sense(name, deferrable)


@BOTH
def test_soft_fail_skips(connected: Lab, deferrable: bool) -> None:
    name = connected.create("s3://lab/none.manifest")
    with pytest.raises(AirflowSkipException, match="ended as Failed"):
        sense(name, deferrable, soft_fail=True)
    with pytest.raises(AirflowSkipException, match="is still InProgress after 0 s" if deferrable else "timed out"):
        sense(waiting_job(connected), deferrable, soft_fail=True, timeout=0.3)


def test_an_end_that_nobody_looked_at_before_the_timeout_counts(connected: Lab) -> None:
    name = waiting_job(connected)
    with pytest.raises(TaskDeferred) as deferred:
        sensor(name, timeout=0.1, deferrable=True).execute(context())
    late = {"job_name": name, "state": None, "timeout": True}
    with pytest.raises(AirflowSensorTimeout, match="is still InProgress after 30 s"):
        sensor(name).execute_complete(context(), late)
    connected.sagemaker.stop_labeling_job(LabelingJobName=name)
    connected.wait(name)
    event = fire(deferred.value.trigger)
    assert event == late, "the triggerer was down past the deadline"
    with pytest.raises(LabelingJobFailedError, match="ended as Stopped"):
        sensor(name).execute_complete(context(), event)
    assert sensor(name, target_statuses=["Stopped"]).execute_complete(context(), event)["status"] == "Stopped"


def test_a_timeout_while_the_service_is_away_is_a_timeout(connected: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    name = waiting_job(connected)
    state = JobState.of(connected.describe(name)).as_dict()
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection("http://127.0.0.1:1"))
    for known, status in ((state, "InProgress"), (None, "unknown")):
        with pytest.raises(AirflowSensorTimeout, match=f"{name} is still {status} after 30 s"):
            sensor(name).execute_complete(context(), {"job_name": name, "state": known, "timeout": True})


@BOTH
def test_the_timeout_is_a_matter_of_time_and_not_of_looks(connected: Lab, deferrable: bool) -> None:
    started = time.monotonic()
    with pytest.raises(AirflowSensorTimeout):
        sense(waiting_job(connected), deferrable, timeout=0.5)
    assert time.monotonic() - started < 30


@BOTH
def test_a_job_that_does_not_exist_is_one_clear_error(connected: Lab, deferrable: bool) -> None:
    with pytest.raises(LabelingError, match="no labeling job named"):
        sense("nobody", deferrable)


@BOTH
def test_trouble_on_the_way_is_sat_out(connected: Lab, monkeypatch: pytest.MonkeyPatch, deferrable: bool) -> None:
    name = connected.create(texts(3))
    with proxy(connected) as between:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))
        between.trouble = ["ThrottlingException", "drop", "InternalFailure"]
        assert sense(name, deferrable)["status"] == "Completed"


@BOTH
def test_an_unknown_status_is_an_error(connected: Lab, monkeypatch: pytest.MonkeyPatch, deferrable: bool) -> None:
    name = connected.create(texts(3))
    with proxy(connected) as between:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))
        between.changed_status = "Hibernating"
        with pytest.raises(LabelingError, match="Hibernating"):
            sense(name, deferrable)


def test_statuses_that_no_job_can_have_are_refused(connected: Lab) -> None:
    with pytest.raises(LabelingError, match="Done is not a status"):
        sense("any", False, target_statuses=["Done"])
