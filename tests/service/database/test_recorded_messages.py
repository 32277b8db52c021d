"""Topics, subscriptions and queues as they are kept."""

from __future__ import annotations

from labeling_provider.service.database import queue_rows
from labeling_provider.service.database import recorded_messages as record
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.queue_rows import NewMessage
from labeling_provider.service.database.recorded_messages import ResourceKind


def test_what_has_changed_takes_the_place_of_what_was(connection: Connection) -> None:
    topic = {"arn": "t", "name": "birds", "fields": "{}"}
    record.keep(connection, ResourceKind.TOPIC, topic)
    record.keep(connection, ResourceKind.TOPIC, {**topic, "fields": '{"a": 1}'})
    record.keep(connection, ResourceKind.TOPIC, {**topic, "arn": "u"})
    topics = sorted(record.kept(connection, ResourceKind.TOPIC), key=lambda row: str(row["arn"]))
    assert topics == [{**topic, "fields": '{"a": 1}'}, {**topic, "arn": "u"}]
    record.delete(connection, ResourceKind.TOPIC, "t")
    assert [row["arn"] for row in record.kept(connection, ResourceKind.TOPIC)] == ["u"]


def test_what_two_change_at_once_is_changed_by_both(connection: Connection) -> None:
    base = {"arn": "q", "name": "q", "settings": '{"delay": 0, "size": 1, "old": 2}', "tags": "{}"}
    record.keep(connection, ResourceKind.QUEUE, base)
    first = {**base, "settings": '{"delay": 5, "size": 1, "old": 2}', "tags": '{"a": "b"}'}
    second = {**base, "settings": '{"delay": 0, "size": 7}'}
    for changed in (first, second):
        record.change(connection, ResourceKind.QUEUE, base, changed)
    assert record.kept(connection, ResourceKind.QUEUE) == [
        {**base, "settings": '{"delay": 5, "size": 7}', "tags": '{"a": "b"}'}
    ]
    topic = {"arn": "t", "name": "t", "fields": '{"name": "n", "_tags": {"a": "1", "b": "2"}}'}
    record.keep(connection, ResourceKind.TOPIC, topic)
    for tags in ('{"b": "2", "c": "3"}', '{"a": "1", "b": "4"}'):
        after = {**topic, "fields": f'{{"name": "n", "_tags": {tags}}}'}
        record.change(connection, ResourceKind.TOPIC, topic, after)
    assert record.kept(connection, ResourceKind.TOPIC) == [
        {**topic, "fields": '{"name": "n", "_tags": {"b": "4", "c": "3"}}'}
    ]
    record.change(connection, ResourceKind.QUEUE, {**base, "arn": "gone"}, {**first, "arn": "gone"})
    assert [row["arn"] for row in record.kept(connection, ResourceKind.QUEUE)] == ["q"], "what is deleted stays deleted"


def test_a_queue_goes_with_its_messages_and_takes_no_others(connection: Connection) -> None:
    for arn in ("q", "other"):
        record.keep(connection, ResourceKind.QUEUE, {"arn": arn, "name": arn, "settings": "{}", "tags": "{}"})
    queue_rows.add(connection, [NewMessage(queue, queue, 1, "b", "{}") for queue in ("q", "other")])
    record.delete(connection, ResourceKind.QUEUE, "q")
    assert queue_rows.present(connection, ["q", "other"]) == {"other"}
    assert [row["arn"] for row in record.kept(connection, ResourceKind.QUEUE)] == ["other"]
    assert queue_rows.is_kept(connection, "other")
    assert not queue_rows.is_kept(connection, "q")
