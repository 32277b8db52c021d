"""A wait for a streaming job, without a worker."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from labeling_provider import compat
from labeling_provider.triggers.streaming_job import StreamingJobTrigger
from tests.conftest import Lab
from tests.service.engine.test_stream import stopped
from tests.streaming.yards import Yard


def event_of(
    name: str, goal: dict[str, Any], deadline: float | None = None, task_instance: Any = None
) -> dict[str, Any]:
    """What a trigger that has travelled to a triggerer fires."""
    made = StreamingJobTrigger(name, goal=goal, poll_interval=0.05, deadline=deadline)
    path, arguments = made.serialize()
    assert path == "labeling_provider.triggers.streaming_job.StreamingJobTrigger"
    made = StreamingJobTrigger(**json.loads(json.dumps(arguments)))
    made.task_instance = task_instance

    async def first() -> dict[str, Any]:
        return dict((await anext(made.run())).payload)

    return asyncio.run(asyncio.wait_for(first(), 60))


def test_it_fires_when_its_goal_is_reached_when_time_is_up_and_when_the_job_ends(connected: Lab) -> None:
    yard = Yard(connected)
    event = event_of(yard.job, {"backlog_below": 1})
    assert (event["job_name"], event["reached"]) == (yard.job, "the queue has 0 objects")
    assert (event["snapshot"]["status"], event["snapshot"]["backlog"]) == ("InProgress", 0)
    assert "timeout" not in event
    event = event_of(yard.job, {"labeled": 1}, deadline=time.time() + 0.2)
    assert (event["reached"], event["timeout"]) == ("", True)
    stopped(connected, yard.job)
    event = event_of(yard.job, {"labeled": 1})
    assert (event["reached"], event["snapshot"]["status"]) == ("", "Stopped")


def test_a_job_that_is_not_there_is_an_error(connected: Lab) -> None:
    assert event_of("nobody", {"labeled": 1}) == {"error": "There is no labeling job named nobody."}


def test_a_wait_that_moves_to_another_triggerer_goes_on_from_what_is_shown(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the task shows of its progress holds how long nothing has moved."""
    yard = Yard(connected)
    task_instance = SimpleNamespace(task_id="wait")
    shown: list[dict[str, Any]] = []

    async def pull(instance: Any, key: str) -> Any:
        assert (instance, key) == (task_instance, "labeling_progress")
        return shown[-1] if shown else None

    monkeypatch.setattr(compat, "pull_xcom", pull)
    monkeypatch.setattr(compat, "push_xcom_soon", lambda instance, key, value: shown.append(value))
    event_of(yard.job, {"idle_for": 3600.0}, time.time() + 0.2, task_instance)
    assert shown[-1]["job_name"] == yard.job
    shown.append({**shown[-1], "moved_at": time.time() - 4000})
    event = event_of(yard.job, {"idle_for": 3600.0}, None, task_instance)
    assert event["reached"].startswith("nothing has happened for 400")
    shown.append({**shown[-1], "job_name": "another", "moved_at": time.time() - 4000})
    assert event_of(yard.job, {"idle_for": 3600.0}, time.time() + 0.2, task_instance)["timeout"] is True
    stopped(connected, yard.job)
