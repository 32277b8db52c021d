"""What is changed in moto's topics and queues is changed in the database, or in neither."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from moto.sqs.exceptions import SQSException

from labeling_provider.service.cloud.embedded.moto_messaging import EmbeddedMessaging
from labeling_provider.service.database import recorded_messages, revisions
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.recorded_messages import ResourceKind
from tests.service.cloud.conftest import NAME, TOPIC
from tests.service.inside import Inside


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


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "\x1b[0m"])
def test_a_message_that_no_database_holds_is_refused(inside: Inside, text: str) -> None:
    sqs = inside.client("sqs")
    url = sqs.create_queue(QueueName="news")["QueueUrl"]
    with pytest.raises(ClientError, match="InvalidMessageContents"):
        sqs.send_message(QueueUrl=url, MessageBody=text)
    assert inside.depth("news") == 0


def test_a_text_message_is_refused_and_not_kept(inside: Inside) -> None:
    with pytest.raises(ClientError, match="this service does not send text messages") as error:
        inside.client("sns").publish(PhoneNumber="+447420500600", Message="hello")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert inside.messaging._sns.sms_messages == {}
