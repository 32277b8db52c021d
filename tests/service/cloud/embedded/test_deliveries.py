"""Subscribers over HTTP and other receivers that fail or never answer: nobody else waits for them or goes without."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.config import Config

from dev.stack import wait_until
from labeling_provider.service.cloud.embedded import deliveries
from labeling_provider.service.cloud.embedded.deliveries import Deliveries
from tests.conftest import Lab, texts
from tests.service.engine.test_stream import Topic, counted, stopped, stream, text


@contextmanager
def silent() -> Iterator[str]:
    """The URL of a server that takes everything and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/hook"


@contextmanager
def answering(status: Callable[[int], int]) -> Iterator[tuple[str, list[Any]]]:
    """The URL of a server, and what it hears.

    :param status: what it answers to which request, counted from 1.
    """
    heard: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status(len(heard)))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", heard
    finally:
        server.shutdown()
        server.server_close()


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
    assert [one["Message"] for one in heard] == ["hello", "hello"]


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


def test_what_is_given_up_and_what_finds_no_room_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MAX_WAITING", 2)
    monkeypatch.setattr(deliveries, "_ANSWER_SECONDS", 0.2)
    caplog.set_level(logging.WARNING)
    sender = Deliveries(pauses=(0.01,))
    with silent() as url, answering(lambda _: 404) as (other, heard):
        sender.post(other, json={})
        wait_until(lambda: "responded with 404" in caplog.text, 30, "a refusal is told", 0.02)
        assert len(heard) == 1, "what is refused is not sent again"
        sender.post("http://[", json={})
        wait_until(lambda: "an invalid URL" in caplog.text, 30, "a crooked address is told", 0.02)
        for _ in range(6):
            sender.post(url, json={}, headers={})
        assert "2 messages are already waiting for it" in caplog.text
        monkeypatch.setattr(deliveries, "MAX_BYTES", 10)
        sender.post(other, json={"text": "too much"})
        assert "bytes of messages are already waiting" in caplog.text
        wait_until(lambda: "ReadTimeout" in caplog.text, 30, "what is given up is told", 0.02)
