"""Labels come back by batches, and a message goes only when Airflow knows of its labels."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dev.stack import wait_until
from labeling_provider.triggers import labels
from labeling_provider.triggers.labels import LabelsArrivedTrigger
from tests.conftest import Lab
from tests.own_names import own_id
from tests.service.engine.test_stream import Topic, stopped, stream, text
from tests.versions import ACKNOWLEDGED


class Stream:
    """A streaming job whose labels go to a queue."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.topic, self.output = lab, Topic(lab), Topic(lab, listen=True)
        self.job = stream(lab, self.topic, self.output)
        self.labels_uri = f"s3://lab/labels/{own_id().hex[:8]}"

    def publish(self, *numbers: int) -> None:
        """Publish texts, and wait for their labels: a batch that is awaited must not be smaller by luck."""
        wanted = self.in_queue() + len(numbers)
        for number in numbers:
            self.topic.publish(text(number))
        wait_until(lambda: self.in_queue() == wanted, 30, f"{wanted} messages are in the queue")

    def trigger(self, **arguments: Any) -> LabelsArrivedTrigger:
        made = LabelsArrivedTrigger(
            **{"queue": self.output.url, "labels_uri": self.labels_uri, "max_wait": 1, **arguments}
        )
        path, kept = made.serialize()
        assert path.endswith("triggers.labels.LabelsArrivedTrigger")
        return LabelsArrivedTrigger(**json.loads(json.dumps(kept)))

    def sources(self, event: dict[str, Any]) -> list[str]:
        return sorted(json.loads(line)["source"] for line in self.lab.get(event["labels_uri"]).splitlines())

    def in_queue(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self.output.sqs.get_queue_attributes(QueueUrl=self.output.url, AttributeNames=names)["Attributes"]
        return sum(map(int, counts.values()))


async def next_event(events: AsyncIterator[Any]) -> dict[str, Any]:
    return dict((await asyncio.wait_for(anext(events), 30)).payload)


def test_labels_arrive_by_batches(connected: Lab) -> None:
    of = Stream(connected)
    of.output.sqs.send_message(QueueUrl=of.output.url, MessageBody="no label")
    of.output.publish({"source": "no label"})
    of.publish(*range(7))

    async def scenario() -> list[dict[str, Any]]:
        events = of.trigger(batch_size=5, max_wait=3).run()
        seen = [await next_event(events), await next_event(events)]
        await events.aclose()  # type: ignore[attr-defined]
        return seen

    first, second = asyncio.run(scenario())
    assert (first["count"], second["count"]) == (5, 2)
    assert sorted(of.sources(first) + of.sources(second)) == [f"text {number}" for number in range(7)]
    assert first["label_attribute_name"] == "label"
    assert first["job_name"] == of.job
    assert first["classes"] == {"cat": 5}
    assert first["labels_uri"].startswith(of.labels_uri)
    stopped(connected, of.job)


def test_a_queue_that_is_made_later_is_waited_for(connected: Lab) -> None:
    of = Stream(connected)
    name = f"later-{own_id().hex[:8]}"

    async def scenario() -> dict[str, Any]:
        event = asyncio.ensure_future(next_event(of.trigger(queue=name, batch_size=1).run()))
        await asyncio.sleep(0.5)
        url = of.output.sqs.create_queue(QueueName=name)["QueueUrl"]
        of.output.sqs.send_message(
            QueueUrl=url, MessageBody=json.dumps({"source": "text 9", "label": 1, "label-metadata": {}})
        )
        return await event

    assert of.sources(asyncio.run(scenario())) == ["text 9"]
    stopped(connected, of.job)


def test_messages_stay_until_the_event_can_be_stored(connected: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    of = Stream(connected)
    of.publish(1, 2)

    async def scenario(wanted: int) -> None:
        events = of.trigger(batch_size=2).run()
        await next_event(events)
        assert of.in_queue() == 2
        more = asyncio.ensure_future(anext(events))
        await asyncio.to_thread(wait_until, lambda: of.in_queue() == wanted, 30, f"{wanted} messages are there")
        more.cancel()

    monkeypatch.setattr(labels, "_STORED_SECONDS", 1.0)
    asyncio.run(scenario(0))
    stopped(connected, of.job)


def test_trouble_with_the_queue_or_the_store_passes_and_no_label_is_lost(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "_TROUBLE_SECONDS", 0.1)
    of = Stream(connected)
    of.publish(1, 2)
    of.labels_uri = f"s3://made-later-{own_id().hex[:8]}/labels"
    bucket = of.labels_uri.split("/")[2]

    async def scenario() -> dict[str, Any]:
        event = asyncio.ensure_future(next_event(of.trigger(batch_size=2).run()))
        await asyncio.sleep(3)
        assert not event.done()
        await asyncio.to_thread(connected.s3.create_bucket, Bucket=bucket)
        return await event

    assert of.sources(asyncio.run(scenario())) == ["text 1", "text 2"]
    stopped(connected, of.job)


@ACKNOWLEDGED
@pytest.mark.parametrize("stored", [True, False])
def test_messages_go_when_airflow_has_stored_the_event_and_only_then(connected: Lab, stored: bool) -> None:
    from airflow.triggers.shared_stream import AdvanceItem, AdvanceOutcome

    of = Stream(connected)
    of.publish(1, 2, 3)

    async def scenario() -> None:
        first, other = of.trigger(batch_size=3), of.trigger(batch_size=3)
        assert first.shared_stream_key() == other.shared_stream_key()
        assert first.shared_stream_key() != of.trigger(batch_size=4).shared_stream_key()
        producer = LabelsArrivedTrigger.create_shared_stream_producer(first.serialize()[1])
        events = producer.open_stream()
        event, payload = await asyncio.wait_for(anext(events), 30)

        async def raw() -> AsyncIterator[Any]:
            yield event

        assert (await next_event(first.filter_shared_stream(raw())))["count"] == 3
        outcome = AdvanceOutcome(acked=1, failed=0) if stored else AdvanceOutcome(acked=1, failed=1)
        await producer.advance([AdvanceItem(payload, outcome)])
        await events.aclose()

    asyncio.run(scenario())
    assert of.in_queue() == (0 if stored else 3)
    stopped(connected, of.job)


@pytest.mark.parametrize("arguments", [{"batch_size": 0}, {"batch_size": 10_001}, {"max_wait": -1}])
def test_its_numbers_have_bounds(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="batch_size must be"):
        LabelsArrivedTrigger(queue="q", labels_uri="s3://b/p", **arguments)
