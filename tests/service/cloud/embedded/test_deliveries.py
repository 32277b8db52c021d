"""Subscribers over HTTP and other receivers that fail or never answer: nobody else waits for them or goes without."""

from __future__ import annotations

import json
import logging

import pytest
import sqlalchemy as sa
from botocore.config import Config

from dev.stack import wait_until
from labeling_provider.service.cloud.embedded import deliveries
from labeling_provider.service.cloud.embedded.deliveries import Deliveries
from labeling_provider.service.database import recorded_messages
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.recorded_messages import ResourceKind
from labeling_provider.service.database.schema import deliveries as rows_of
from tests.conftest import Lab, texts
from tests.service.cloud.subscribers import answering, silent
from tests.service.engine.test_stream import Topic, counted, stopped, stream, text
from tests.service.inside import Inside


def test_a_subscriber_that_never_answers_holds_up_neither_publishers_nor_jobs(lab: Lab) -> None:
    topics, output = [Topic(lab) for _ in range(3)], Topic(lab, listen=True)
    hasty = lab.service.client("sns", config=Config(read_timeout=10, retries={"total_max_attempts": 1}))
    with silent() as url:
        output.sns.subscribe(TopicArn=output.arn, Protocol="http", Endpoint=url)
        names = [stream(lab, topic, output) for topic in topics]
        for number, topic in enumerate(topics):
            topic.publish(text(number))
        output.heard(3)
        assert hasty.publish(TopicArn=output.arn, Message="hello")["MessageId"]
        description, _ = lab.run(texts(3))
        assert description["LabelingJobStatus"] == "Completed"
        for name in names:
            assert len(stopped(lab, name)) == 1


def test_a_subscriber_that_is_in_trouble_for_a_moment_gets_its_message(lab: Lab) -> None:
    topic = Topic(lab)
    with answering(lambda count: 503 if count == 1 else 200) as (url, heard):
        topic.sns.subscribe(TopicArn=topic.arn, Protocol="http", Endpoint=url)
        topic.publish("hello")
        wait_until(lambda: len(heard) == 2, 30, "the message was sent again", 0.05)
    assert [notification["Message"] for notification in heard] == ["hello", "hello"]


def test_a_queue_that_is_gone_stops_neither_the_job_nor_the_other_subscribers(lab: Lab) -> None:
    topic, output = Topic(lab), Topic(lab)
    gone = output.sqs.create_queue(QueueName=f"{output.arn.rpartition(':')[2]}-gone")["QueueUrl"]
    attributes = output.sqs.get_queue_attributes(QueueUrl=gone, AttributeNames=["QueueArn"])["Attributes"]
    output.sns.subscribe(TopicArn=output.arn, Protocol="sqs", Endpoint=attributes["QueueArn"])
    output.sqs.delete_queue(QueueUrl=gone)
    with answering(lambda _: 200) as (url, heard):
        output.sns.subscribe(TopicArn=output.arn, Protocol="http", Endpoint=url)
        name = stream(lab, topic, output)
        topic.publish(text(1))
        wait_until(lambda: heard, 30, "the other subscriber has heard of the label", 0.05)
    assert json.loads(heard[0]["Message"])["label-metadata"]["class-name"] == "cat"
    counted(lab, name, TotalLabeled=1)
    assert len(stopped(lab, name)) == 1


def test_a_target_of_event_bridge_that_is_gone_does_not_keep_the_end_of_a_job_from_the_others(lab: Lab) -> None:
    events, sqs = lab.service.client("events"), lab.service.client("sqs")
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("target-gone", "target-there")]
    arns = [
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"] for url in urls
    ]
    events.put_rule(Name="ends", EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
    events.put_targets(Rule="ends", Targets=[{"Id": str(number), "Arn": arn} for number, arn in enumerate(arns)])
    sqs.delete_queue(QueueUrl=urls[0])
    try:
        description, _ = lab.run(texts(1))
        message = wait_until(lambda: sqs.receive_message(QueueUrl=urls[1]).get("Messages"), 30, "the event has come")
    finally:
        events.remove_targets(Rule="ends", Ids=["0", "1"])
        events.delete_rule(Name="ends")
    assert json.loads(message[0]["Body"])["resources"] == [description["LabelingJobArn"]]


def left(database: Database) -> list[tuple[str, int]]:
    """The bodies that are still to be delivered, and how often each was tried."""
    with database.read() as connection:
        rows = connection.execute(sa.select(rows_of.c.body, rows_of.c.attempts).order_by(rows_of.c.id))
        return [(row.body, row.attempts) for row in rows]


def test_what_finds_no_room_is_told_and_does_not_grow_the_database(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, opened: Database
) -> None:
    monkeypatch.setattr(deliveries, "MAX_WAITING", 2)
    monkeypatch.setattr(deliveries, "MAX_ENDPOINTS", 2)
    caplog.set_level(logging.WARNING)
    outbox, before = Deliveries(opened), left(opened)
    for number in range(3):
        outbox.post("http://user:secret@first/hook?token=secret", json={"number": number})
    outbox.request("PUT", "http://second/", {})
    assert "http://first:/hook was dropped: 2 messages are already waiting for it" in caplog.text
    outbox.post("http://third/", json={})
    assert "2 endpoints are already being served" in caplog.text
    monkeypatch.setattr(deliveries, "MAX_BYTES", 40)
    outbox.post("http://second/", json={"text": "too much"})
    assert "26 bytes of messages are already waiting" in caplog.text
    assert "secret" not in caplog.text
    assert left(opened)[len(before) :] == [('{"number": 0}', 0), ('{"number": 1}', 0), ("", 0)]
    with opened.write() as connection:
        connection.execute(sa.delete(rows_of))


def test_what_is_not_delivered_yet_goes_with_its_subscription(inside: Inside) -> None:
    sns = inside.client("sns")
    topic = sns.create_topic(Name="told")["TopicArn"]
    urls = [f"http://127.0.0.1:9/{number}" for number in range(2)]
    gone, kept = (
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url, ReturnSubscriptionArn=True)["SubscriptionArn"]
        for url in urls
    )
    message_id = sns.publish(TopicArn=topic, Message="hello")["MessageId"]
    assert inside.store is not None
    bodies = [json.loads(body) for body, _ in left(inside.store)]
    assert [(body["MessageId"], body["Message"]) for body in bodies] == [(message_id, "hello")] * 2
    assert not inside.messaging._record.sns._message_public_keys, "moto keeps nothing of each message"
    sns.unsubscribe(SubscriptionArn=gone)
    assert len(left(inside.store)) == 1
    # Somebody else has unsubscribed it, and moto here does not know yet.
    with inside.store.write() as connection:
        recorded_messages.delete(connection, ResourceKind.SUBSCRIPTION, kept)
    sns.publish(TopicArn=topic, Message="to nobody")
    assert left(inside.store) == []
