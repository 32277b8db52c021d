"""The trigger, on a service that behaves and on one that does not."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from labeling_provider import compat
from labeling_provider.triggers.labeling_job import LabelingJobTrigger
from tests.airflow_context import FakeTaskInstance, tell_task_state
from tests.conftest import Lab, texts
from tests.flaky import connection, proxy
from tests.triggers.waits import event_of, fire, stop, sweeps, trigger, waiting_jobs


def test_it_fires_when_the_job_ends(connected: Lab) -> None:
    event = fire(trigger(connected.create(texts(5))))
    assert event["state"]["status"] == "Completed"
    assert event["state"]["labeled"] == 5


def test_it_fires_at_a_status_that_is_waited_for(connected: Lab) -> None:
    name = connected.create(texts(5), workforce=connected.people)
    assert fire(trigger(name, targets=["InProgress"]))["state"]["status"] == "InProgress"


def test_it_fires_at_its_deadline(connected: Lab) -> None:
    name = connected.create(texts(5), workforce=connected.people)
    connected.wait(name, {"InProgress"})
    event = fire(trigger(name, deadline=time.time() + 6))
    assert event["timeout"] is True
    assert event["state"]["unlabeled"] == 5


def test_it_fires_when_nothing_moves(connected: Lab) -> None:
    name = connected.create(texts(5), workforce=connected.people)
    connected.wait(name, {"InProgress"})
    event = fire(trigger(name, stall_timeout=0.5))
    assert event["stalled"] >= 0.5
    assert (event["job_name"], event["state"]["unlabeled"]) == (name, 5)


def test_a_job_that_is_gone_is_an_error(connected: Lab) -> None:
    assert "the labeling job no longer exists" in fire(trigger("nobody"))["error"]


@pytest.mark.parametrize("kind", ["ThrottlingException", "InternalFailure", "drop"])
def test_bursts_of_trouble_are_sat_out(connected: Lab, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    name = connected.create(texts(3))
    connected.wait(name)
    with proxy(connected) as between:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url, read_timeout=60))
        between.trouble = [kind] * 4
        assert fire(trigger(name))["state"]["status"] == "Completed"
        assert not between.trouble
        assert between.looks == 5


def test_a_service_that_stays_away_is_given_up_with_one_clear_error(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = connected.create(texts(3))
    with proxy(connected) as between:
        url = between.url
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(url))
    error = fire(trigger(name, outage=0.5))["error"]
    assert f"Waiting for {name}: no answer for" in error
    assert "a retry of this task will find it" in error


def test_a_status_that_is_not_known_is_an_error_and_not_a_wait(connected: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    name = connected.create(texts(3))
    with proxy(connected) as between:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))
        between.changed_status = "Hibernating"
        assert "'Hibernating', which this version" in fire(trigger(name))["error"]


@pytest.mark.parametrize(
    ("stop", "state", "status"),
    [(True, "failed", "Stopped"), (False, "failed", "InProgress"), (True, "deferred", "InProgress")],
    ids=["killed", "asked-not-to", "taken-over-by-another-triggerer"],
)
def test_a_users_kill_stops_the_job_if_it_should(
    connected: Lab, monkeypatch: pytest.MonkeyPatch, stop: bool, state: str, status: str
) -> None:
    name = connected.create(texts(5), workforce=connected.people)
    connected.wait(name, {"InProgress"})
    task_instance = FakeTaskInstance()
    tell_task_state(monkeypatch, task_instance, state)
    monkeypatch.setattr(compat, "read_xcom", lambda ti_key, key: task_instance.try_number)
    stopped = trigger(name, stop_job_on_kill=stop)
    stopped.task_instance = task_instance  # type: ignore[assignment]
    asyncio.run(stopped.on_kill())
    assert connected.wait(name, {status})


def test_being_cancelled_alone_leaves_the_job_running(connected: Lab) -> None:
    name = connected.create(texts(5), workforce=connected.people)
    connected.wait(name, {"InProgress"})
    waiting = trigger(name)

    async def cancel() -> None:
        async def run() -> None:
            async for _ in waiting.run():
                pass

        task = asyncio.create_task(run())
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert connected.describe(name)["LabelingJobStatus"] == "InProgress"


def test_it_survives_being_written_down() -> None:
    path, arguments = trigger("name", targets=["Completed"], deadline=3.5).serialize()
    assert path == "labeling_provider.triggers.labeling_job.LabelingJobTrigger"
    assert LabelingJobTrigger(**arguments).serialize() == (path, arguments)


@pytest.mark.parametrize("status", ["Initializing", "Stopping"])
def test_a_job_that_is_being_prepared_or_stopped_has_not_ended(
    connected: Lab, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    name = connected.create(texts(2))
    connected.wait(name)

    async def scenario() -> dict[str, Any]:
        with proxy(connected) as between:
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))
            between.changed_status = status
            task = asyncio.create_task(event_of(trigger(name)))
            await sweeps(between, 5)
            assert not task.done()
            between.changed_status = None
            return await task

    assert asyncio.run(scenario())["state"]["status"] == "Completed"


@pytest.mark.once
def test_no_number_of_looks_ends_a_wait(connected: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    (name,) = waiting_jobs(connected, 1)

    async def scenario() -> dict[str, Any]:
        with proxy(connected) as between:
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))
            task = asyncio.create_task(event_of(trigger(name, poll_interval=0.001)))
            await sweeps(between, 200, seconds=180)
            assert not task.done()
            await asyncio.to_thread(stop, connected, [name])
            return await task

    assert asyncio.run(scenario())["state"]["status"] == "Stopped"
