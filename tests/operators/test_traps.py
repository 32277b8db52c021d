"""Known complaints about waiting operators in Airflow's issue tracker; each must not be one about ours.

Tested elsewhere: the kill of a deferred task and of one on a worker, a restarted triggerer, ``dags test``
(tests/e2e); name collisions (tests/request); time that is up, stops from outside, failures and stalls
(test_labeling_job); recovery of deferred tasks (test_adoption); throttling (test_faults); the loop at the start
(benchmarks/waiting).
"""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import botocore.client
import pytest
from airflow.sdk.exceptions import TaskDeferred

from labeling_provider.errors import LabelingError
from labeling_provider.hooks.labeling import LabelingHook
from labeling_provider.request import PrivateWorkteam
from labeling_provider.triggers.labeling_job import LabelingJobTrigger
from labeling_provider.triggers.poller import HookArguments
from tests.airflow_context import context
from tests.conftest import Lab, texts
from tests.flaky import connection, proxy
from tests.operators.test_labeling_job import operator, run_id
from tests.triggers.test_labeling_job import trigger
from tests.triggers.test_poller import event_of, queue_of_events, stop, sweeps, waiting_jobs, watch


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


def test_that_there_is_no_such_job_is_an_answer_and_no_error(connected: Lab) -> None:
    assert LabelingHook().find_job("nobody") is None


def test_that_one_may_not_look_is_an_error_and_not_no_such_job(connected: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy(connected) as between:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))
        between.refused = {"DescribeLabelingJob"}
        with pytest.raises(LabelingError, match="AccessDenied"):
            operator(connected).execute(context(**run_id()))
        assert not between.operations["CreateLabelingJob"]


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


def test_the_deferred_half_talks_to_the_same_place_in_the_same_way(connected: Lab) -> None:
    config = {"user_agent_extra": "labeling-test", "read_timeout": 17}
    task = operator(
        connected,
        workforce=PrivateWorkteam(connected.team("private-people")),
        deferrable=True,
        region_name="us-east-1",
        verify=False,
        botocore_config=config,
    )
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context(**run_id()))
    rebuilt = LabelingJobTrigger(**json.loads(json.dumps(deferred.value.trigger.serialize()[1])))
    hook = HookArguments.of(rebuilt).hook(lambda question: question())
    assert (hook.aws_conn_id, hook.region_name, hook.verify) == ("aws_default", "us-east-1", False)
    assert hook.sagemaker.meta.config.read_timeout == 17
    assert hook.sagemaker.meta.config.user_agent_extra.endswith("labeling-test")
    assert hook.sagemaker.meta.endpoint_url == connected.service.endpoint_url


def test_no_client_is_made_and_nothing_is_asked_in_the_event_loops_thread(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = waiting_jobs(connected, 3)
    triggers = watch(connected, names)
    threads: set[int] = set()

    def noting(cls: Any, name: str) -> None:
        real = getattr(cls, name)

        def noted(*arguments: Any, **named: Any) -> Any:
            threads.add(threading.get_ident())
            return real(*arguments, **named)

        monkeypatch.setattr(cls, name, noted)

    async def scenario() -> None:
        noting(botocore.client.ClientCreator, "create_client")
        noting(botocore.client.BaseClient, "_make_api_call")
        tasks = [asyncio.create_task(event_of(one)) for one in triggers]
        async with asyncio.timeout(30):
            while len(threads) < 1:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        assert threading.get_ident() not in threads
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scenario())


def test_a_message_is_kept_until_its_job_has_been_looked_at(connected: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    url = queue_of_events(connected, "looked-at")
    sqs = connected.service.client("sqs")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    (name,) = waiting_jobs(connected, 1)
    with proxy(connected) as between:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))

        async def scenario() -> dict[str, Any]:
            (one,) = watch(connected, [name], poll_interval=3600, events_queue_url=url)
            task = asyncio.create_task(event_of(one))
            await sweeps(between, 1)
            between.trouble = ["InternalFailure"]
            await asyncio.to_thread(stop, connected, [name])
            async with asyncio.timeout(60):
                return await task

        assert asyncio.run(scenario())["state"]["status"] == "Stopped"
        assert between.spoilt["InternalFailure"] == 1
