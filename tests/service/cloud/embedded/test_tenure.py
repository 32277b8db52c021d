"""Of the services that share a database, one has topics, queues and event rules; the next gets all that was kept."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from dev.postgresql import PostgreSQL
from dev.stack import wait_until
from labeling_provider.service.cloud.embedded.tenure import Tenure
from labeling_provider.service.database import recorded_messages
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import NotHeld
from labeling_provider.service.database.recorded_messages import KeptMessage, ResourceKind
from tests.service.database.test_locks import drop_connections
from tests.service.inside import ACCOUNT, REGION, Inside

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:birds"


@pytest.fixture
def one(shared: Inside, postgresql_url: str) -> Iterator[Inside]:
    """One of the services on PostgreSQL; the other one is a database that is opened beside it."""
    shared.url, shared.is_shared = postgresql_url, True
    shared.start()
    yield shared
    shared.is_shared = False
    shared.stop()


def test_another_service_takes_over_and_this_one_takes_back_what_was_kept(
    one: Inside, postgres: PostgreSQL, postgresql_url: str
) -> None:
    sqs, sns, events = one.client("sqs"), one.client("sns"), one.client("events")
    url = sqs.create_queue(QueueName="birds")["QueueUrl"]
    sqs.create_queue(QueueName="fish")
    topic = sns.create_topic(Name="birds")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE)
    events.put_rule(Name="ends", EventPattern='{"source": ["aws.sagemaker"]}')
    events.put_targets(Rule="ends", Targets=[{"Id": "1", "Arn": QUEUE}])
    sns.publish(TopicArn=topic, Message="before")
    (held,) = sqs.receive_message(QueueUrl=url)["Messages"]

    drop_connections(postgres, postgresql_url)
    other = Database(postgresql_url, shared=True)
    assert other.tenure("messaging")
    for ask in (sns.list_topics, sqs.list_queues, events.list_rules):
        with pytest.raises(ClientError, match="another of the services that share the database") as error:
            ask()
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    with pytest.raises(NotHeld):
        one.messaging.put("birds", [("late", "written without the right to")])
    with other.write() as connection:
        other.hold(connection, "messaging")
        recorded_messages.keep_messages(
            connection, [KeptMessage(QUEUE, "1", int(time.time() * 1000), "meanwhile", "{}")]
        )
        recorded_messages.delete(connection, ResourceKind.QUEUE, QUEUE.replace("birds", "fish"))
    other.close()

    wait_until(one.messaging.is_here, 10, "the other one has let go", 0.02)
    names = [one.rpartition("/")[2] for one in sqs.list_queues()["QueueUrls"]]
    assert names == ["birds"]
    (found,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert found["Body"] == "meanwhile", "what a receiver has stays with it, and nothing else has come in"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=held["ReceiptHandle"])
    sns.publish(TopicArn=topic, Message="after")
    (found,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(found["Body"])["Message"] == "after"
    assert events.list_targets_by_rule(Rule="ends")["Targets"] == [{"Id": "1", "Arn": QUEUE}]


def test_nobody_takes_over_before_the_last_transaction_has_ended(postgres: PostgreSQL, postgresql_url: str) -> None:
    first, second = Database(postgresql_url, shared=True), Database(postgresql_url, shared=True)
    assert first.tenure("messaging")
    with first.write() as connection:
        first.hold(connection, "messaging")
        # The connection that holds the name is lost, the one of the transaction is not.
        pid = first._open.locks._pid  # type: ignore[union-attr]
        postgres.execute(f"SELECT pg_terminate_backend({pid}, 10000)")
        assert second.tenure("messaging") is None
    number = second.tenure("messaging")
    assert number is not None
    with (
        pytest.raises(NotHeld, match="messaging is now with another service that shares the database"),
        first.write() as connection,
    ):
        first.hold(connection, "messaging")
    first.close()
    second.close()


def test_all_is_restored_before_anybody_may_use_it_and_again_when_that_failed(url: str) -> None:
    database, done = Database(url), list[str]()

    def restore() -> None:
        done.append("messages")
        if len(done) == 1:
            raise OSError("the database is away")

    tenure = Tenure(database, restore)
    tenure.restore_also(lambda: done.append("rules"))
    with pytest.raises(OSError, match="away"):
        tenure.is_here()
    assert tenure.is_here()
    assert tenure.is_here()
    assert done == ["messages", "messages", "rules"]
    database.close()
