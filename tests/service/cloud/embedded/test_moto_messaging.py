"""Topics and queues as labeling jobs use them."""

from __future__ import annotations

import json

import pytest
from moto.sqs.exceptions import SQSException

from labeling_provider.service.cloud.embedded.moto_messaging import EmbeddedMessaging
from labeling_provider.service.database import recorded_messages, revisions
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.recorded_messages import ResourceKind
from tests.service.inside import ACCOUNT, REGION

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:new"
NAME = "GroundTruth-cats"


@pytest.fixture
def messaging(database: Database) -> EmbeddedMessaging:
    """Topics and queues, with one topic."""
    embedded = EmbeddedMessaging(database, ACCOUNT, REGION)
    with embedded.recording():
        embedded._sns.create_topic("new")
    return embedded


def bodies(messaging: EmbeddedMessaging, most: int = 9) -> list[str]:
    return [message.body for message in messaging.waiting(NAME, most)]


def test_a_queue_is_opened_once_and_hears_its_topic_until_it_leaves(messaging: EmbeddedMessaging) -> None:
    assert messaging.has_topic(TOPIC)
    assert not messaging.has_topic(f"{TOPIC}-old")
    assert not messaging.has_queue(NAME)
    for _ in range(2):
        messaging.open_queue(NAME, TOPIC)
    assert messaging.has_queue(NAME)
    assert messaging.publish(TOPIC, "first", "1")
    messaging.leave(NAME)
    assert messaging.publish(TOPIC, "second", "2")
    notifications = [json.loads(body) for body in bodies(messaging)]
    assert [(notification["Message"], notification["MessageId"]) for notification in notifications] == [("first", "1")]
    assert not messaging.publish(f"{TOPIC}-old", "third", "3")


def test_a_message_is_put_once_under_its_id_and_the_oldest_come_first(messaging: EmbeddedMessaging) -> None:
    messaging.open_queue(NAME, TOPIC)
    changed_queues: list[str | None] = []
    messaging.changed = lambda _, queue: changed_queues.append(queue)
    messaging.put(NAME, [("1", "a"), ("2", "b")])
    messaging.put(NAME, [("2", "again"), ("3", "c")])
    assert changed_queues == [NAME, NAME]
    assert bodies(messaging) == ["a", "b", "c"]
    assert bodies(messaging, 2) == ["a", "b"]
    assert messaging.waiting("GroundTruth-dogs", 9) == []


def test_messages_are_gone_with_the_transaction_that_says_what_became_of_them(
    messaging: EmbeddedMessaging, database: Database
) -> None:
    messaging.open_queue(NAME, TOPIC)
    messaging.put(NAME, [(str(number), str(number)) for number in range(3)])
    with pytest.raises(KeyError), database.write() as connection:
        messaging.drop(connection, ["0"])
        raise KeyError
    again = EmbeddedMessaging(database, ACCOUNT, REGION)
    assert bodies(again) == ["0", "1", "2"]
    with database.write() as connection:
        again.drop(connection, ["0", "2"])
    assert bodies(again) == bodies(messaging) == ["1"]


def by_another_process(database: Database, **settings: int) -> None:
    """Set attributes of the queue, of which this process hears at its next look."""
    with database.write() as connection:
        revisions.changed(connection, revisions.CLOUD)
        (row,) = recorded_messages.kept(connection, ResourceKind.QUEUE)
        recorded_messages.keep(
            connection, ResourceKind.QUEUE, {**row, "settings": json.dumps({**json.loads(row["settings"]), **settings})}
        )


@pytest.mark.parametrize("looks", [False, True])
def test_attributes_that_two_processes_set_at_once_are_both_set(
    messaging: EmbeddedMessaging, database: Database, looks: bool
) -> None:
    """:param looks: whether this process hears of the other's change while it makes its own."""
    messaging.open_queue(NAME, TOPIC)
    with messaging.recording():
        messaging._sqs.set_queue_attributes(NAME, {"VisibilityTimeout": 77})
        by_another_process(database, DelaySeconds=5)
        if looks:
            messaging._in_step.refresh()
    with database.read() as connection:
        (row,) = recorded_messages.kept(connection, ResourceKind.QUEUE)
    stored = json.loads(row["settings"])
    assert (stored["VisibilityTimeout"], stored["DelaySeconds"]) == (77, 5)
    messaging._in_step.refresh()
    queue = messaging._sqs.queues[NAME]
    assert (queue.visibility_timeout, queue.delay_seconds) == (77, 5)


def test_a_refused_redrive_policy_is_not_set(messaging: EmbeddedMessaging) -> None:
    messaging.open_queue(NAME, TOPIC)
    policy = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:1:none", "maxReceiveCount": 2})
    with messaging.recording(), pytest.raises(SQSException, match="Could not find DLQ"):
        messaging._sqs.set_queue_attributes(NAME, {"RedrivePolicy": policy})
    assert messaging._sqs.queues[NAME].redrive_policy is None
