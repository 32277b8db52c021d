"""Labeling-job state changes in a queue."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.job_events import JobEvents, Notice
from labeling_provider.groundtruth.events import DETAIL_TYPE
from tests.own_names import own_id


class Queue:
    """A queue of its own."""

    def __init__(self, client: GroundTruth) -> None:
        self.sqs = client.client("sqs")
        attributes = {"VisibilityTimeout": "0"}
        self.url = self.sqs.create_queue(QueueName=f"events-{own_id().hex[:8]}", Attributes=attributes)["QueueUrl"]
        self.events = JobEvents(self.sqs, self.url)

    def tell(self, *names: str) -> None:
        arns = [f"arn:aws:sagemaker:us-east-1:123456789012:labeling-job/{name}" for name in names]
        self.send(json.dumps({"detail-type": DETAIL_TYPE, "resources": arns}))

    def send(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    @property
    def left(self) -> int:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])


@pytest.fixture
def queue(client: GroundTruth) -> Queue:
    return Queue(client)


def test_an_event_names_the_job_that_has_ended_and_when_it_was_sent(queue: Queue) -> None:
    assert queue.events.receive(0) == []
    before = time.time()
    queue.tell("Birds-7", "texts")
    (notice,) = queue.events.receive(0)
    assert notice.jobs == {"birds-7", "texts"}
    assert before - 1 <= notice.sent <= time.time() + 1
    queue.events.settle(notice, mine=True)
    assert queue.left == 0


def test_what_is_no_event_stays_and_is_told_once(queue: Queue, logged: Callable[[], str]) -> None:
    queue.send("not for us")
    for _ in range(2):
        assert queue.events.receive(0) == []
    assert queue.left == 1
    assert logged().count("contains messages that are not labeling job state changes; ignoring them") == 1


def test_an_event_that_nobody_here_waits_for_stays_for_others_but_not_for_ever(queue: Queue) -> None:
    queue.tell("birds")
    (notice,) = queue.events.receive(0)
    queue.events.settle(notice, mine=False)
    assert queue.left == 1
    old = Notice(notice.jobs, time.time() - 901, queue.events.receive(0)[0].receipt)
    queue.events.settle(old, mine=False)
    assert queue.left == 0
