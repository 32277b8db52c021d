"""Waiting for streaming jobs, and stopping them when they are empty."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException

from labeling_provider.errors import LabelingError, LabelingJobFailedError
from labeling_provider.operators.labeling_job import StopLabelingJobOperator
from labeling_provider.request import PrivateWorkteam
from labeling_provider.sensors.streaming import StreamingJobSensor
from tests.airflow_context import context
from tests.conftest import Lab, texts
from tests.operators.tasks import run_id, run_to_the_end
from tests.service.engine.test_stream import Topic, backlog, counted, stopped, stream, text

BOTH = pytest.mark.parametrize("deferrable", [True, False])


def wait_for(name: str, deferrable: bool, **arguments: Any) -> dict[str, Any]:
    task = StreamingJobSensor(
        task_id="wait", job_name=name, poke_interval=0.1, deferrable=deferrable, **{"timeout": 30, **arguments}
    )
    result = run_to_the_end(task, context(**run_id()))  # type: ignore[arg-type]
    assert result is not None
    json.dumps(result)
    return result


@BOTH
def test_so_many_labels_are_waited_for(connected: Lab, deferrable: bool) -> None:
    topic = Topic(connected)
    name = stream(connected, topic)
    topic.publish(text(1))
    counted(connected, name, TotalLabeled=1)
    with pytest.raises(AirflowSensorTimeout):
        wait_for(name, deferrable, labeled=1, timeout=1)
    assert wait_for(name, deferrable, labeled=1, baseline="0")["reached"] == "workers have labeled 1 object"
    topic.publish(text(2))
    seen = wait_for(name, deferrable, labeled=2, baseline=0)
    assert (seen["labeled"], seen["backlog"], seen["status"]) == (2, 0, "InProgress")
    stopped(connected, name)


def crowded(lab: Lab) -> str:
    """A job with one object at its people and two in its queue."""
    topic = Topic(lab)
    name = stream(lab, topic, workforce=lab.people, max_concurrent_objects=1)
    for number in range(3):
        topic.publish(text(number))
    counted(lab, name, Unlabeled=1)
    return name


@BOTH
def test_a_small_backlog_and_idleness_are_waited_for(connected: Lab, deferrable: bool) -> None:
    name = crowded(connected)
    with pytest.raises(AirflowSensorTimeout):
        wait_for(name, deferrable, backlog_below=2, idle_for=timedelta(0), timeout=1)
    assert wait_for(name, deferrable, backlog_below=3)["reached"] == "the queue has 2 objects"
    stopped(connected, name)
    idle = stream(connected, Topic(connected))
    assert "nothing has happened" in wait_for(idle, deferrable, idle_for=timedelta(seconds=0.5))["reached"]
    stopped(connected, idle)


@BOTH
def test_the_end_of_the_job_fails_the_wait(connected: Lab, deferrable: bool) -> None:
    name = stream(connected, Topic(connected))
    stopped(connected, name)
    with pytest.raises(LabelingJobFailedError, match=f"{name} is Stopped"):
        wait_for(name, deferrable, labeled=1)
    with pytest.raises(AirflowSkipException):
        wait_for(name, deferrable, labeled=1, soft_fail=True)
    with pytest.raises(LabelingError, match="There is no labeling job named nobody"):
        wait_for("nobody", deferrable, labeled=1)
    with pytest.raises(ValueError, match="Set backlog_below, labeled or idle_for"):
        wait_for(name, deferrable)


def stop(name: str, deferrable: bool, **arguments: Any) -> dict[str, Any]:
    task = StopLabelingJobOperator(
        task_id="stop", job_name=name, poll_interval=0.1, deferrable=deferrable, drain=True, **arguments
    )
    result = run_to_the_end(task, context(**run_id()))  # type: ignore[arg-type]
    assert result is not None
    return result


def queues(lab: Lab, name: str) -> list[str]:
    return list(lab.service.client("sqs").list_queues(QueueNamePrefix=f"GroundTruth-{name}").get("QueueUrls", []))


@BOTH
def test_a_job_is_stopped_when_it_is_empty_and_its_queue_goes_too(connected: Lab, deferrable: bool) -> None:
    topic = Topic(connected)
    name = stream(connected, topic, workforce=PrivateWorkteam(connected.team("steady")), max_concurrent_objects=1)
    for number in range(4):
        topic.publish(text(number))
    result = stop(name, deferrable, drain_quiet=1.5, delete_queue=True)
    assert result == {"job_name": name, "status": "Stopped", "left_in_queue": 0}
    assert [line["label-metadata"]["class-name"] for line in connected.output(connected.describe(name))] == ["cat"] * 4
    assert not queues(connected, name)
    assert stop(name, deferrable) == {"job_name": name, "status": "Stopped", "left_in_queue": None}


@BOTH
def test_when_time_is_up_a_job_is_stopped_as_it_is_and_its_queue_stays(connected: Lab, deferrable: bool) -> None:
    name = crowded(connected)
    result = stop(name, deferrable, drain_timeout=timedelta(seconds=1), delete_queue=True)
    assert result == {"job_name": name, "status": "Stopped", "left_in_queue": 2}
    assert backlog(connected, name) == 2


def test_a_static_job_is_not_drained(connected: Lab) -> None:
    name = connected.create(texts(2), workforce=connected.people)
    connected.wait(name, {"InProgress"})
    assert stop(name, False) == {"job_name": name, "status": "Stopped"}
