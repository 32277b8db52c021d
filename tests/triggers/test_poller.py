"""What many waiting triggers cost together, and what becomes of them when something is in the way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import botocore.client
import pytest

from dev.stack import wait_until
from tests.conftest import Lab, texts
from tests.flaky import Proxy, connection, credentials_endpoint, proxy
from tests.triggers.waits import event_of, queue_of_events, stop, sweeps, trigger, waiting_jobs, watch


@pytest.fixture
def between(connected: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with proxy(connected) as made:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(made.url))
        yield made


def test_many_triggers_are_answered_by_one_listing_per_sweep(connected: Lab, between: Proxy) -> None:
    names = waiting_jobs(connected, 30)

    async def scenario() -> list[dict[str, Any]]:
        tasks = [asyncio.create_task(event_of(watching)) for watching in watch(connected, names)]
        await sweeps(between, 5)
        assert between.operations == {"ListLabelingJobs": between.looks}
        before = between.looks
        await asyncio.to_thread(stop, connected, names)
        events = await asyncio.gather(*tasks)
        assert between.operations["DescribeLabelingJob"] <= 2 * (between.looks - before)
        return events

    events = asyncio.run(scenario())
    assert [event["job_name"] for event in events] == names
    assert {event["state"]["status"] for event in events} == {"Stopped"}


def test_a_listing_ends_where_the_youngest_watched_job_was_created(connected: Lab, between: Proxy) -> None:
    names = waiting_jobs(connected, 3)
    oldest = connected.describe(names[0])["CreationTime"].timestamp()

    def the_clock_has_moved_on() -> bool:
        probe = connected.describe(connected.create(texts(1)))
        return bool(probe["CreationTime"].timestamp() > oldest + 4)

    wait_until(the_clock_has_moved_on, 30, "younger jobs are outside the window", 0.02)

    async def scenario() -> None:
        tasks = [asyncio.create_task(event_of(watching)) for watching in watch(connected, names)]
        await sweeps(between, 4)
        assert set(between.operations) == {"ListLabelingJobs"}
        await asyncio.to_thread(stop, connected, names)
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


def test_a_trigger_that_is_cancelled_takes_nobody_along_and_the_last_one_ends_the_poller(
    connected: Lab, between: Proxy
) -> None:
    names = waiting_jobs(connected, 4)

    async def scenario() -> None:
        tasks = [asyncio.create_task(event_of(watching)) for watching in watch(connected, names)]
        tasks[0].cancel()
        await sweeps(between, 1)
        tasks[1].cancel()
        await sweeps(between, 1)
        await asyncio.to_thread(stop, connected, names[2:3])
        assert (await tasks[2])["state"]["status"] == "Stopped"
        tasks[3].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        threads = [thread for thread in threading.enumerate() if thread.name.startswith("labeling-poller")]
        await asyncio.to_thread(lambda: [thread.join(60) for thread in threads])
        before = between.looks
        await asyncio.sleep(0.3)
        assert between.looks == before

    asyncio.run(scenario())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("labeling-poller")]


def test_whoever_may_not_list_jobs_is_answered_job_by_job(connected: Lab, between: Proxy) -> None:
    between.refused = {"ListLabelingJobs"}
    names = waiting_jobs(connected, 4)

    async def scenario() -> list[dict[str, Any]]:
        tasks = [asyncio.create_task(event_of(watching)) for watching in watch(connected, names)]
        await sweeps(between, 8)
        await asyncio.to_thread(stop, connected, names)
        return await asyncio.gather(*tasks)

    assert {event["state"]["status"] for event in asyncio.run(scenario())} == {"Stopped"}
    assert between.operations["ListLabelingJobs"] == 1


def test_a_job_that_is_not_there_is_the_trouble_of_its_own_trigger_only(connected: Lab, between: Proxy) -> None:
    names = waiting_jobs(connected, 3)

    async def scenario() -> list[dict[str, Any]]:
        tasks = [asyncio.create_task(event_of(watching)) for watching in [*watch(connected, names), trigger("nobody")]]
        assert "the labeling job no longer exists" in (await tasks[3])["error"]
        await asyncio.to_thread(stop, connected, names)
        return await asyncio.gather(*tasks[:3])

    assert {event["state"]["status"] for event in asyncio.run(scenario())} == {"Stopped"}


def test_throttling_slows_everybody_down_and_fails_nobody(connected: Lab, between: Proxy) -> None:
    names = waiting_jobs(connected, 5)

    async def scenario() -> list[dict[str, Any]]:
        between.trouble = ["ThrottlingException", "truncated", "drop", "skew", "InternalFailure"]
        tasks = [asyncio.create_task(event_of(watching)) for watching in watch(connected, names)]
        await sweeps(between, 7)
        await asyncio.to_thread(stop, connected, names)
        return await asyncio.gather(*tasks)

    assert {event["state"]["status"] for event in asyncio.run(scenario())} == {"Stopped"}
    assert not between.trouble


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """No long pauses, neither between two looks nor before a client is made anew."""
    monkeypatch.setattr("labeling_provider.client.retries._MAX_PAUSE", 0.2)
    monkeypatch.setattr("labeling_provider.client.renewal._PAUSE", 0.1)


@pytest.mark.usefixtures("eager")
def test_a_hiccup_of_the_credentials_endpoint_fails_nobody(
    connected: Lab, between: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url, key=None))
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    names = waiting_jobs(connected, 4)

    async def scenario() -> list[dict[str, Any]]:
        with credentials_endpoint() as statuses:
            statuses.extend([500] * 12)
            tasks = [asyncio.create_task(event_of(watching)) for watching in watch(connected, names)]
            await asyncio.to_thread(wait_until, lambda: not statuses, 30, "the endpoint has failed often enough")
            await sweeps(between, 1)
            await asyncio.to_thread(stop, connected, names)
            return await asyncio.gather(*tasks)

    assert {event.get("state", event)["status"] for event in asyncio.run(scenario())} == {"Stopped"}


@pytest.mark.usefixtures("eager")
def test_keys_that_are_replaced_in_the_connection_are_taken_up_by_all_who_wait(
    connected: Lab, between: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = waiting_jobs(connected, 4)

    async def scenario() -> list[dict[str, Any]]:
        early, late = names[:3], names[3:]
        tasks = [asyncio.create_task(event_of(watching)) for watching in watch(connected, early)]
        await sweeps(between, 2)
        between.keys = {"new"}
        await asyncio.to_thread(wait_until, lambda: between.spoilt["key"] > 2, 30, "the old key is refused")
        tasks += [asyncio.create_task(event_of(watching)) for watching in watch(connected, late)]
        await asyncio.sleep(0)
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url, key="new"))
        await asyncio.to_thread(stop, connected, names)
        return await asyncio.wait_for(asyncio.gather(*tasks), 30)

    assert {event.get("state", event)["status"] for event in asyncio.run(scenario())} == {"Stopped"}


@pytest.mark.usefixtures("eager")
def test_whoever_joins_in_an_outage_waits_as_long_as_everybody_else(connected: Lab, between: Proxy) -> None:
    names = waiting_jobs(connected, 3)

    async def scenario() -> dict[str, Any]:
        between.trouble = ["ThrottlingException"] * 1000
        patient, first, second = watch(connected, names[:1])[0], *(trigger(name, outage=5) for name in names[1:])
        waiting = asyncio.create_task(event_of(patient))
        assert "no answer for" in (await event_of(first))["error"]
        late = asyncio.create_task(event_of(second))
        await sweeps(between, 2)
        between.trouble = []
        await asyncio.to_thread(stop, connected, names)
        waiting.cancel()
        return await late

    assert asyncio.run(scenario())["state"]["status"] == "Stopped"


def test_an_event_is_seen_long_before_the_next_sweep_and_what_is_not_ours_stays_in_the_queue(
    connected: Lab, between: Proxy
) -> None:
    url = queue_of_events(connected, "ended-jobs")
    sqs = connected.service.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="not for us")
    (name,) = waiting_jobs(connected, 1)
    (other,) = waiting_jobs(connected, 1)

    async def scenario() -> dict[str, Any]:
        (watching,) = watch(connected, [name], poll_interval=3600, events_queue_url=url)
        task = asyncio.create_task(event_of(watching))
        await sweeps(between, 1)
        await asyncio.to_thread(stop, connected, [other])
        await asyncio.to_thread(wait_until, lambda: messages("NotVisible") == 2, 30, "both were read and left")
        await asyncio.to_thread(stop, connected, [name])
        async with asyncio.timeout(30):
            return await task

    def messages(which: str) -> int:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return int(attributes[f"ApproximateNumberOfMessages{which}"])

    assert asyncio.run(scenario())["state"]["status"] == "Stopped"
    assert messages("") + messages("NotVisible") == 2


def test_without_its_queue_a_trigger_goes_by_the_sweep(connected: Lab) -> None:
    (name,) = waiting_jobs(connected, 1)

    async def scenario() -> dict[str, Any]:
        (watching,) = watch(
            connected, [name], events_queue_url=f"{connected.service.endpoint_url}/123456789012/no-queue"
        )
        task = asyncio.create_task(event_of(watching))
        await asyncio.sleep(1)
        await asyncio.to_thread(stop, connected, [name])
        async with asyncio.timeout(30):
            return await task

    assert asyncio.run(scenario())["state"]["status"] == "Stopped"


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
        tasks = [asyncio.create_task(event_of(watching)) for watching in triggers]
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
            (watching,) = watch(connected, [name], poll_interval=3600, events_queue_url=url)
            task = asyncio.create_task(event_of(watching))
            await sweeps(between, 1)
            between.trouble = ["InternalFailure"]
            await asyncio.to_thread(stop, connected, [name])
            async with asyncio.timeout(60):
                return await task

        assert asyncio.run(scenario())["state"]["status"] == "Stopped"
        assert between.spoilt["InternalFailure"] == 1
