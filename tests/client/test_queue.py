"""An SQS queue that is read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from botocore.config import Config

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.queue import MAX_MESSAGES, ReadQueue, is_missing_queue
from labeling_provider.errors import LabelingError
from tests.conftest import Lab
from tests.own_names import own_id


@pytest.fixture
def queue(client: GroundTruth) -> ReadQueue:
    sqs = client.client("sqs")
    return ReadQueue(sqs, sqs.create_queue(QueueName=f"read-{own_id().hex[:8]}")["QueueUrl"], 5)


def send(client: GroundTruth, queue: ReadQueue, count: int) -> None:
    for number in range(count):
        client.client("sqs").send_message(QueueUrl=queue.url, MessageBody=str(number))


def bodies(queue: ReadQueue, max_messages: int = MAX_MESSAGES, keep: float = 60) -> list[int]:
    return sorted(int(message["Body"]) for message in queue.receive(max_messages, wait=0, keep=keep))


def test_no_more_than_asked_for_is_handed_out_and_nobody_else_gets_it(client: GroundTruth, queue: ReadQueue) -> None:
    send(client, queue, 3)
    first = bodies(queue, 2)
    assert len(first) == 2
    assert sorted(first + bodies(queue)) == [0, 1, 2]
    assert bodies(queue) == []


def test_more_than_sqs_hands_out_at_once_may_be_asked_for(client: GroundTruth, queue: ReadQueue) -> None:
    send(client, queue, MAX_MESSAGES + 2)
    assert len(bodies(queue, 100)) == MAX_MESSAGES


def test_a_message_is_waited_for_longer_than_the_connection_waits_for_answers(lab: Lab) -> None:
    def impatient(service: str, **settings: Any) -> Any:
        return lab.service.client(service, config=Config(**{"read_timeout": 0.2, **settings}))

    client = GroundTruth(impatient)
    sqs = client.client("sqs")
    queue = ReadQueue(sqs, sqs.create_queue(QueueName=f"read-{own_id().hex[:8]}")["QueueUrl"], 0)
    assert queue.receive(1, wait=1, keep=60) == []
    with ThreadPoolExecutor() as pool:
        later = pool.submit(queue.receive, 1, wait=20, keep=60)
        assert not wait([later], 0.5).done
        send(client, queue, 1)
        assert [message["Body"] for message in later.result()] == ["0"]
    assert client.sagemaker.meta.config.read_timeout == 0.2


def test_a_message_that_is_kept_for_no_time_comes_again_until_it_is_deleted(
    client: GroundTruth, queue: ReadQueue
) -> None:
    send(client, queue, 1)
    (message,) = queue.receive(1, wait=0, keep=60)
    queue.keep(message["ReceiptHandle"], 0)
    (again,) = queue.receive(1, wait=0, keep=0)
    assert again["Body"] == "0"
    queue.delete([again["ReceiptHandle"]])
    assert bodies(queue) == []


def test_any_number_of_messages_is_deleted(client: GroundTruth, queue: ReadQueue) -> None:
    send(client, queue, 2 * MAX_MESSAGES + 1)
    receipts: list[str] = []
    while messages := queue.receive(MAX_MESSAGES, wait=0, keep=60):
        receipts += [message["ReceiptHandle"] for message in messages]
    assert len(receipts) == 2 * MAX_MESSAGES + 1
    queue.delete(receipts)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = client.client("sqs").get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
    assert set(left.values()) == {"0"}
    queue.delete([])


def test_a_queue_that_is_not_there_is_told_from_other_trouble(client: GroundTruth, queue: ReadQueue) -> None:
    gone = ReadQueue(client.client("sqs"), f"{queue.url}-gone", 5)
    with pytest.raises(LabelingError, match=f"Reading {queue.url}-gone") as caught:
        gone.receive(1, wait=0, keep=1)
    assert is_missing_queue(caught.value)
    with pytest.raises(LabelingError) as other:
        queue.keep("no receipt", 1)
    assert not is_missing_queue(other.value)
    assert not is_missing_queue(ValueError("NonExistentQueue"))
