"""Keeps moto's SNS and SQS in the database: topics, subscriptions, queues and messages.

A message is in the database before the sender gets an answer, and leaves it when the receiver deletes it. What a
request looks up in moto's dictionaries of topics, subscriptions and queues may change; it is compared with what is kept
when the request ends. Not kept: which messages are with a receiver and how often each was received (after a restart
they are visible again, and are counted anew), and what is in other regions.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.schema import messages, queues, subscriptions, topics

log = logging.getLogger(__name__)

_TOPIC_FIELDS: Final = (
    "display_name",
    "delivery_policy",
    "kms_master_key_id",
    "effective_delivery_policy",
    "policy",
    "fifo_topic",
    "content_based_deduplication",
    "_tags",
)
# Attributes of a queue and moto's fields for them.
_QUEUE_FIELDS: Final = {
    "ContentBasedDeduplication": "content_based_deduplication",
    "CreatedTimestamp": "created_timestamp",
    "DeduplicationScope": "deduplication_scope",
    "DelaySeconds": "delay_seconds",
    "FifoQueue": "fifo_queue",
    "FifoThroughputLimit": "fifo_throughput_limit",
    "KmsDataKeyReusePeriodSeconds": "kms_data_key_reuse_period_seconds",
    "KmsMasterKeyId": "kms_master_key_id",
    "LastModifiedTimestamp": "last_modified_timestamp",
    "MaximumMessageSize": "maximum_message_size",
    "MessageRetentionPeriod": "message_retention_period",
    "Policy": "policy",
    "ReceiveMessageWaitTimeSeconds": "receive_message_wait_time_seconds",
    "RedrivePolicy": "redrive_policy",
    "SqsManagedSseEnabled": "sqs_managed_sse_enabled",
    "VisibilityTimeout": "visibility_timeout",
}
# The characters that a message may consist of: SQS API reference, SendMessage.
_FOREIGN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_REPEAT_MS: Final = 300_000


class MessagingRecord:
    """moto's SNS and SQS of one account in one region, written through to the database.

    :param database: the database.
    :ivar changed: called with a queue's name when a message has come into it, or topics and queues have changed.
    :ivar sns: moto's SNS.
    :ivar sqs: moto's SQS.
    """

    def __init__(self, database: Database, account: str, region: str) -> None:
        from moto.sns import models as sns_models
        from moto.sqs import models as sqs_models

        self._database, self._account, self._region = database, account, region
        self._current = threading.local()
        self.changed: Callable[[str], None] = lambda queue: None
        self._sns_models: Any = sns_models
        self._sqs_models: Any = sqs_models
        # moto makes its queues by this name.
        sqs_models.Queue = _durable_queue(getattr(sqs_models.Queue, "original", sqs_models.Queue), self)
        self.sqs: Any = sqs_models.sqs_backends[account][region]
        self.sns: Any = sns_models.sns_backends[account][region]
        self.sqs.queues, self.sns.topics, self.sns.subscriptions = (_Watched(self, one) for one in _WATCHED)
        self.sqs.purge_queue = lambda queue_name: self.sqs.get_queue(queue_name).purge()
        self._alive: dict[sa.Table, _Watched] = {
            queues: self.sqs.queues,
            topics: self.sns.topics,
            subscriptions: self.sns.subscriptions,
        }
        self._kept: dict[sa.Table, dict[str, dict[str, Any]]] = {table: {} for table in self._alive}

    # Topics, subscriptions and queues

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep what the block changes, or undo it if the database fails.

        :raises DatabaseError: if the database doesn't take it.
        """
        if self._seen is not None:
            yield
            return
        seen: set[tuple[sa.Table, str]] = set()
        self._current.seen = seen
        failed = False
        try:
            yield
        except DatabaseError:
            failed = True
            raise
        finally:
            self._current.seen = None
            if failed:
                self._undo(seen)
            else:
                self._keep(seen)

    @property
    def _seen(self) -> set[tuple[sa.Table, str]] | None:
        return getattr(self._current, "seen", None)

    def see(self, table: sa.Table, key: str) -> None:
        """Note that moto has looked something up, which it may change."""
        if self._seen is not None:
            self._seen.add((table, key))

    def _keep(self, seen: set[tuple[sa.Table, str]]) -> None:
        if not seen:
            return
        with self._database.alone():
            rows = [
                (table, key, _ROWS[table](one))
                for table, key in seen
                if (one := dict.get(self._alive[table], key)) is not None
            ]
            differing = [(table, key, row) for table, key, row in rows if self._kept[table].get(key) != row]
            if not differing:
                return
            try:
                with self._database.write() as connection:
                    for table, _, row in differing:
                        self._database.upsert(connection, table, [row])
            except BaseException:
                self._undo(seen)
                raise
            for table, key, row in differing:
                self._kept[table][key] = row
        self._tell()

    def _undo(self, seen: set[tuple[sa.Table, str]]) -> None:
        """Give moto back what is kept of what it has looked up."""
        for table, key in seen:
            one, row = dict.get(self._alive[table], key), self._kept[table].get(key)
            if one is None or row is None:
                continue
            with _logged(f"{row['arn']} could not be given back what it had"):
                self._apply(table, one, row)
                if table is queues:
                    self._recall(one)
        self.link()

    def _recall(self, queue: Any) -> None:
        """Let a queue have the messages that the database has."""
        with self._database.alone(), self._database.read() as connection:
            found = sa.select(messages).where(messages.c.queue == queue.queue_arn).order_by(messages.c.id)
            rows = connection.execute(found).all()
            with queue._messages_lock:
                present = {one.id: one for one in queue._messages}
                queue._messages = [present.get(row.message_id) or self._restored(row) for row in rows]

    def add(self, table: sa.Table, key: str, one: Any) -> None:
        """Keep something new, and then let moto have it."""
        row = _ROWS[table](one)
        if table is topics:
            one.sent_notifications = _Unkept()
        with self._database.alone():
            with self._database.write() as connection:
                self._database.upsert(connection, table, [row])
            self._kept[table][key] = row
            dict.__setitem__(self._alive[table], key, one)
            self.link()
        self._tell()

    def remove(self, table: sa.Table, key: str) -> None:
        """Keep that something is gone, with its messages if it is a queue, and then take it from moto."""
        with self._database.alone():
            if key in self._kept[table]:
                arn = self._kept[table][key]["arn"]
                with self._database.write() as connection:
                    connection.execute(sa.delete(table).where(table.c.arn == arn))
                    if table is queues:
                        connection.execute(sa.delete(messages).where(messages.c.queue == arn))
                del self._kept[table][key]
            dict.pop(self._alive[table], key, None)
            self.link()
        self._tell()
        if table is queues:
            self.changed(key)

    def link(self) -> None:
        """Let every queue know its dead-letter queue by name, as Amazon does: it may be deleted and made again."""
        by_arn = {one.queue_arn: one for one in dict.values(self.sqs.queues)}
        for one in by_arn.values():
            one.dead_letter_queue = by_arn.get((one.redrive_policy or {}).get("deadLetterTargetArn"))

    def _tell(self) -> None:
        for name in list(dict.keys(self.sqs.queues)):
            self.changed(name)

    # Messages

    def make_message(self, message_id: str, body: str) -> Any:
        """A message of moto's."""
        return self._sqs_models.Message(message_id, body)

    @contextmanager
    def alone(self, queue: Any) -> Iterator[bool]:
        """Change what is in a queue. It is told whether the queue is kept; those of other regions are not.

        :raises QueueDoesNotExist: if it has been deleted meanwhile.
        """
        if queue.region != self._region or queue.account_id != self._account:
            yield False
            return
        with self._database.alone():
            if dict.get(self.sqs.queues, queue.name) is not queue:
                raise self._sqs_models.QueueDoesNotExist()
            yield True

    def keep_messages(self, queue: Any, added: Sequence[Any]) -> None:
        """Write messages down before anybody sees them; one that comes from another queue leaves that one."""
        rows = [_message_row(queue.queue_arn, one) for one in added]
        with self._database.write() as connection:
            self.drop(connection, [row["message_id"] for row in rows])
            connection.execute(sa.insert(messages), rows)

    def drop(self, connection: Connection, ids: Sequence[str]) -> None:
        """Delete messages from the database."""
        if ids:
            same = messages.c.message_id == sa.bindparam("gone")
            connection.execute(sa.delete(messages).where(same), [{"gone": one} for one in ids])

    def drop_messages(self, ids: Sequence[str]) -> None:
        """Delete messages that their receiver has deleted."""
        if ids:
            with self._database.write() as connection:
                self.drop(connection, ids)

    def drop_all(self, queue: Any) -> None:
        """Delete every message of a queue."""
        with self._database.write() as connection:
            connection.execute(sa.delete(messages).where(messages.c.queue == queue.queue_arn))

    # What comes back

    def restore(self) -> None:
        """Put everything back into moto; what can't be put back is logged and left out."""
        with self._database.read() as connection:
            # A subscription needs its topic.
            makers = ((queues, self._made_queue), (topics, self._made_topic), (subscriptions, self._subscribed))
            for table, make in makers:
                for kept in connection.execute(sa.select(table)).mappings():
                    with _logged(f"{kept['arn']} could not be restored"):
                        self._restore(table, make(kept), dict(kept))
            self.link()
            by_arn = {one.queue_arn: one for one in dict.values(self.sqs.queues)}
            for row in connection.execute(sa.select(messages).order_by(messages.c.id)).yield_per(1000):
                with _logged(f"the message {row.message_id} of {row.queue} could not be restored"):
                    by_arn[row.queue]._messages.append(self._restored(row))

    def _restore(self, table: sa.Table, one: Any, row: dict[str, Any]) -> None:
        self._apply(table, one, row)
        key = row["name"] if table is queues else row["arn"]
        dict.__setitem__(self._alive[table], key, one)
        self._kept[table][key] = row

    def _made_queue(self, row: Any) -> Any:
        fifo = {"FifoQueue": "true"} if row["name"].endswith(".fifo") else {}
        return self._sqs_models.Queue(row["name"], self._region, self._account, **fifo)

    def _made_topic(self, row: Any) -> Any:
        made = self._sns_models.Topic(row["name"], self.sns)
        made.sent_notifications = _Unkept()
        return made

    def _subscribed(self, row: Any) -> Any:
        topic = dict.__getitem__(self.sns.topics, row["topic"])
        made = self._sns_models.Subscription(self._account, topic, row["endpoint"], row["protocol"])
        made.arn = row["arn"]
        # moto's own method, which reads a filter, looks for it here.
        dict.__setitem__(self.sns.subscriptions, made.arn, made)
        return made

    def _apply(self, table: sa.Table, one: Any, row: dict[str, Any]) -> None:
        """Give a topic, subscription or queue what is kept of it."""
        if table is topics:
            for field, value in json.loads(row["fields"]).items():
                setattr(one, field, value)
        elif table is subscriptions:
            given = json.loads(row["attributes"])
            one.attributes, one._filter_policy, one._filter_policy_matcher = dict(given), None, None
            if given.get("FilterPolicy"):
                self.sns.set_subscription_attributes(one.arn, "FilterPolicy", given["FilterPolicy"])
        else:
            settings = json.loads(row["settings"])
            for name, field in _QUEUE_FIELDS.items():
                value = settings.get(name)
                # Version 0.1.0 kept some as text, and left out those that were not set.
                if name in {"ContentBasedDeduplication", "FifoQueue"}:
                    value = str(value).lower() == "true"
                if name == "RedrivePolicy" and isinstance(value, str):
                    value = json.loads(value)
                if name in settings or name in {"Policy", "RedrivePolicy"}:
                    setattr(one, field, value)
            one.tags = json.loads(row["tags"])

    def _restored(self, row: sa.Row[Any]) -> Any:
        message = self.make_message(row.message_id, row.body)
        message.sent_timestamp = row.sent
        for name, value in json.loads(row.details).items():
            setattr(message, name, _from_json(value))
        return message


_WATCHED: Final = (queues, topics, subscriptions)


class _Watched(dict[str, Any]):
    """One of moto's dictionaries, which tells the record what is looked up, and asks it to keep what comes and goes."""

    def __init__(self, record: MessagingRecord, table: sa.Table) -> None:
        super().__init__()
        self._record, self._table = record, table

    def __getitem__(self, key: str) -> Any:
        self._record.see(self._table, key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._record.see(self._table, key)
        return super().get(key, default)

    def values(self) -> Any:
        # As a list: others may change the dictionary meanwhile.
        for key in list(self):
            self._record.see(self._table, key)
        return list(super().values())

    def __setitem__(self, key: str, value: Any) -> None:
        self._record.add(self._table, key, value)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._record.remove(self._table, key)

    def pop(self, key: str, default: Any = None) -> Any:
        found = super().get(key, default)
        self._record.remove(self._table, key)
        return found


class _Unkept(list[Any]):
    """moto would remember every message that was published."""

    def append(self, _: Any) -> None:
        pass


@contextmanager
def _logged(what: str) -> Iterator[None]:
    try:
        yield
    except Exception:
        log.exception("%s", what)


def _durable_queue(base: Any, record: MessagingRecord) -> Any:
    """A subclass of moto's queue that writes its messages through."""

    class DurableQueue(base):  # type: ignore[misc]
        original = base

        def add_message(self, message: Any) -> None:
            if not (self.fifo_queue and self._repeats(message)):
                self.add_messages([message])

        def _repeats(self, message: Any) -> bool:
            """Whether the same message was sent in the last five minutes, and is still here."""
            wanted = message.deduplication_id
            return wanted is not None and any(
                one.deduplication_id == wanted and message.sent_timestamp - one.sent_timestamp < _MAX_REPEAT_MS
                for one in self._messages
            )

        def add_messages(self, added: list[Any]) -> None:
            if not added:
                return
            for one in added:
                if found := _FOREIGN.search(one.body):
                    raise record._sqs_models.SQSException(
                        "InvalidMessageContents", f"A message may not contain the character U+{ord(found[0]):04X}."
                    )
            with record.alone(self) as kept:
                if kept:
                    record.keep_messages(self, added)
                with self._messages_lock:
                    self._messages.extend(added)
                    self._messages_lock.notify_all()
            record.changed(self.name)

        def delete_message(self, receipt_handle: str) -> None:
            with record.alone(self) as kept:
                if kept:
                    record.drop_messages([one.id for one in self._messages if one.had_receipt_handle(receipt_handle)])
                # Without the lock a message that arrives meanwhile would be lost: moto puts a new list in place.
                with self._messages_lock:
                    super().delete_message(receipt_handle)

        def purge(self) -> None:
            """Delete every message."""
            with record.alone(self) as kept:
                if kept:
                    record.drop_all(self)
                with self._messages_lock:
                    self._messages: list[Any] = []
                    self._pending_messages: set[Any] = set()

    return DurableQueue


def _topic_row(topic: Any) -> dict[str, Any]:
    fields = json.dumps({name: getattr(topic, name) for name in _TOPIC_FIELDS})
    return {"arn": topic.arn, "name": topic.name, "fields": fields}


def _subscription_row(one: Any) -> dict[str, Any]:
    return {
        "arn": one.arn,
        "topic": one.topic_arn,
        "endpoint": one.endpoint,
        "protocol": one.protocol,
        "attributes": json.dumps(one.attributes),
    }


def _queue_row(queue: Any) -> dict[str, Any]:
    return {
        "arn": queue.queue_arn,
        "name": queue.name,
        "settings": json.dumps({name: getattr(queue, field) for name, field in _QUEUE_FIELDS.items()}),
        "tags": json.dumps(queue.tags),
    }


_ROWS: Final[dict[sa.Table, Callable[[Any], dict[str, Any]]]] = {
    topics: _topic_row,
    subscriptions: _subscription_row,
    queues: _queue_row,
}


def _message_row(queue_arn: str, message: Any) -> dict[str, Any]:
    details = {
        "message_attributes": _as_json(message.message_attributes),
        "system_attributes": _as_json(message.system_attributes),
        "deduplication_id": message.deduplication_id,
        "group_id": message.group_id,
        "sequence_number": message.sequence_number,
        "delayed_until": message.delayed_until,
    }
    return {
        "queue": queue_arn,
        "message_id": message.id,
        "sent": message.sent_timestamp,
        "body": message.body,
        "details": json.dumps(details),
    }


def _as_json(value: Any) -> Any:
    """Message attributes with their bytes in base64, under a key of their own."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return {key: _as_json(one) for key, one in value.items()} if isinstance(value, dict) else value


def _from_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value.keys() == {"base64"}:
        return base64.b64decode(value["base64"])
    return {key: _from_json(one) for key, one in value.items()}
