"""Topics, subscriptions, queues and messages as they are kept."""

from __future__ import annotations

from labeling_provider.service.database import recorded_messages as record
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.recorded_messages import KeptMessage, ResourceKind


def message(number: int, queue: str = "q", body: str = "b") -> KeptMessage:
    return KeptMessage(queue, str(number), 1_700_000_000_000 + number, body, "{}")


def test_what_has_changed_takes_the_place_of_what_was(connection: Connection) -> None:
    topic = {"arn": "t", "name": "birds", "fields": "{}"}
    record.keep(connection, ResourceKind.TOPIC, topic)
    record.keep(connection, ResourceKind.TOPIC, {**topic, "fields": '{"a": 1}'})
    record.keep(connection, ResourceKind.TOPIC, {**topic, "arn": "u"})
    found = sorted(record.kept(connection, ResourceKind.TOPIC), key=lambda row: str(row["arn"]))
    assert found == [{**topic, "fields": '{"a": 1}'}, {**topic, "arn": "u"}]
    record.delete(connection, ResourceKind.TOPIC, "t")
    assert [row["arn"] for row in record.kept(connection, ResourceKind.TOPIC)] == ["u"]


def test_a_queue_goes_with_its_messages_and_takes_no_others(connection: Connection) -> None:
    for arn in ("q", "other"):
        record.keep(connection, ResourceKind.QUEUE, {"arn": arn, "name": arn, "settings": "{}", "tags": "{}"})
    record.keep_messages(connection, [message(1), message(2, "other"), message(3)])
    assert [one.message_id for one in record.kept_messages(connection, "q")] == ["1", "3"]
    record.delete(connection, ResourceKind.QUEUE, "q")
    assert list(record.kept_messages(connection)) == [message(2, "other")]
    assert [row["arn"] for row in record.kept(connection, ResourceKind.QUEUE)] == ["other"]


def test_a_message_is_in_one_queue_and_messages_stay_in_order(connection: Connection) -> None:
    record.keep_messages(connection, [message(3), message(1), message(2)])
    record.keep_messages(connection, [message(1, "dead")])
    assert [(one.queue, one.message_id) for one in record.kept_messages(connection)] == [
        *(("q", "3"), ("q", "2"), ("dead", "1"))
    ]
    record.delete_messages(connection, ["2", "9"])
    record.delete_messages(connection, [])
    assert [one.message_id for one in record.kept_messages(connection)] == ["3", "1"]
