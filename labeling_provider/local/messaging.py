"""The service's SNS and SQS: moto's, made durable.

moto keeps topics, subscriptions, queues and messages in memory. Here each message is in the database before the sender
gets an answer, and leaves it when the receiver deletes it; what topics, subscriptions and queues there are is written
down after each request that may have changed it. Not kept: which messages are with a receiver (after a restart they are
visible again), and what is in other regions.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.local.deliveries import deliver_in_background
from labeling_provider.local.store import Store, messages, queues, subscriptions, topics

_FOURTEEN_DAYS: Final = 1_209_600
_LEFT_ALONE: Final = ("Publish", "Send", "Receive", "DeleteMessage", "ChangeMessage", "Get", "List", "Check")
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
_QUEUE_SETTINGS: Final = (
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "Policy",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "VisibilityTimeout",
)
_FIFO_SETTINGS: Final = ("ContentBasedDeduplication", "DeduplicationScope", "FifoQueue", "FifoThroughputLimit")


class Waiting(NamedTuple):
    """A message that waits in a queue.

    :param message_id: SQS's id.
    :param body: its text.
    :param sent: epoch seconds.
    """

    message_id: str
    body: str
    sent: float


class Messaging:
    """Topics and queues of one account in one region, as the labeling jobs use them.

    :param store: where everything is kept.
    :ivar changed: called with a queue's name when a message has come into it, or topics and queues have changed.
    """

    def __init__(self, store: Store, account: str, region: str) -> None:
        from moto.sns.models import sns_backends
        from moto.sqs import models as sqs_models

        self._store, self._account = store, account
        self.changed: Callable[[str], None] = lambda queue: None
        self._kept: dict[sa.Table, dict[str, dict[str, Any]]] = {topics: {}, subscriptions: {}, queues: {}}
        self._keeping = threading.Lock()
        # moto makes its queues by this name.
        sqs_models.Queue = _durable_queue(sqs_models.Queue, self)
        self._message = sqs_models.Message
        deliver_in_background()
        self._here = f":sqs:{region}:{account}:"
        self._sqs: Any = sqs_models.sqs_backends[account][region]
        self._sns: Any = sns_backends[account][region]

    # What labeling jobs do

    def has_topic(self, arn: str) -> bool:
        """Whether there is a topic."""
        return arn in self._sns.topics

    def open_queue(self, name: str, topic_arn: str) -> None:
        """Make a queue that holds its messages for 14 days, and subscribe it to a topic; both may be there already."""
        if name not in self._sqs.queues:
            self._sqs.create_queue(name, MessageRetentionPeriod=_FOURTEEN_DAYS)
        self._sns.subscribe(topic_arn, self._sqs.queues[name].queue_arn, "sqs")
        self.keep_definitions()

    def leave(self, name: str) -> None:
        """Take a queue's subscriptions away; the queue and what is in it stay."""
        endpoint = f":{self._account}:{name}"
        for arn, one in list(self._sns.subscriptions.items()):
            if one.protocol == "sqs" and one.endpoint.endswith(endpoint):
                self._sns.unsubscribe(arn)
        self.keep_definitions()

    def has_queue(self, name: str) -> bool:
        """Whether there is a queue."""
        return name in self._sqs.queues

    def put(self, name: str, bodies: Iterable[tuple[str, str]]) -> None:
        """Put messages straight into a queue, each under an id; one whose id is there already is left out.

        :param bodies: id and text of each.
        """
        queue = self._sqs.queues[name]
        present = {one.id for one in queue._messages}
        made = []
        for message_id, body in bodies:
            if message_id not in present:
                message = self._message(message_id, body)
                message.mark_sent()
                made.append(message)
        queue.add_messages(made)

    def waiting(self, name: str, most: int) -> list[Waiting]:
        """The oldest messages that wait in a queue."""
        queue = self._sqs.queues.get(name)
        if queue is None:
            return []
        with queue._messages_lock:
            found: list[Waiting] = []
            for one in queue._messages:
                if len(found) >= most:
                    break
                if one.visible and not one.delayed:
                    found.append(Waiting(one.id, one.body, one.sent_timestamp / 1000))
            return found

    def depth(self, name: str) -> int:
        """How many messages are in a queue."""
        queue = self._sqs.queues.get(name)
        return len(queue._messages) if queue is not None else 0

    def drop(self, connection: Connection, ids: Sequence[str]) -> None:
        """Delete messages from the database, in the transaction that records what has become of them."""
        if ids:
            same = messages.c.message_id == sa.bindparam("gone")
            connection.execute(sa.delete(messages).where(same), [{"gone": one} for one in ids])

    def forget(self, name: str, ids: Sequence[str]) -> None:
        """Take messages out of moto's queue, after that transaction."""
        queue, gone = self._sqs.queues.get(name), set(ids)
        if queue is not None and gone:
            with queue._messages_lock:
                queue._messages = [one for one in queue._messages if one.id not in gone]

    def publish(self, topic_arn: str, message: str) -> bool:
        """Publish to a topic; False if there is none."""
        topic = self._sns.topics.get(topic_arn)
        if topic is None:
            return False
        topic.publish(message)
        topic.sent_notifications.clear()
        return True

    # What keeps it

    def after_request(self, action: str) -> None:
        """Write down what a request to SNS or SQS has changed.

        :param action: the operation, such as ``CreateTopic``.
        """
        if action.startswith("Publish"):
            for topic in list(self._sns.topics.values()):
                topic.sent_notifications.clear()
        if action == "PurgeQueue":
            self._purge()
        if not action.startswith(_LEFT_ALONE):
            self.keep_definitions()

    def _purge(self) -> None:
        empty = [one.queue_arn for one in self._sqs.queues.values() if not one._messages]
        with self._store.write() as connection:
            connection.execute(sa.delete(messages).where(messages.c.queue.in_(empty)))

    def keep_definitions(self) -> None:
        """Compare what topics, subscriptions and queues there are with what is kept, and keep the difference."""
        with self._keeping:
            found = {
                topics: {arn: _topic_row(one) for arn, one in list(self._sns.topics.items())},
                subscriptions: {arn: _subscription_row(one) for arn, one in list(self._sns.subscriptions.items())},
                queues: {one.queue_arn: _queue_row(one) for one in list(self._sqs.queues.values())},
            }
            if found == self._kept:
                return
            with self._store.write() as connection:
                for table, rows in found.items():
                    before = self._kept[table]
                    gone = before.keys() - rows.keys()
                    if gone:
                        connection.execute(sa.delete(table).where(table.c.arn.in_(gone)))
                    if gone and table is queues:
                        connection.execute(sa.delete(messages).where(messages.c.queue.in_(gone)))
                    changed = [row for arn, row in rows.items() if before.get(arn) != row]
                    self._store.upsert(connection, table, changed)
            affected = {row["name"] for rows in (self._kept[queues], found[queues]) for row in rows.values()}
            self._kept = found
        for name in affected:
            self.changed(name)

    def keep_messages(self, queue_arn: str, added: Sequence[Any]) -> None:
        """Write messages down before anybody sees them; one that comes from another queue leaves that one."""
        if self._here not in queue_arn:
            return
        rows = [_message_row(queue_arn, one) for one in added]
        with self._store.write() as connection:
            self.drop(connection, [row["message_id"] for row in rows])
            connection.execute(sa.insert(messages), rows)

    def drop_messages(self, ids: Sequence[str]) -> None:
        """Delete messages that their receiver has deleted."""
        with self._store.write() as connection:
            self.drop(connection, ids)

    def restore(self) -> None:
        """Put everything back into moto."""
        with self._store.read() as connection:
            rows = {table: connection.execute(sa.select(table)).all() for table in self._kept}
            # A queue may name another as its dead-letter queue.
            for row in sorted(rows[queues], key=lambda row: "RedrivePolicy" in json.loads(row.settings)):
                self._sqs.create_queue(row.name, json.loads(row.tags), **json.loads(row.settings))
            by_arn = {one.queue_arn: one for one in self._sqs.queues.values()}
            for row in connection.execute(sa.select(messages).order_by(messages.c.id)).yield_per(1000):
                if row.queue in by_arn:
                    by_arn[row.queue]._messages.append(self._restored(row))
            for row in rows[topics]:
                topic = self._sns.create_topic(row.name)
                for field, value in json.loads(row.fields).items():
                    setattr(topic, field, value)
            for row in rows[subscriptions]:
                self._restore_subscription(row)
        self.keep_definitions()

    def _restore_subscription(self, row: sa.Row[Any]) -> None:
        if row.topic not in self._sns.topics:
            return
        made = self._sns.subscribe(row.topic, row.endpoint, row.protocol)
        del self._sns.subscriptions[made.arn]
        made.arn = row.arn
        self._sns.subscriptions[row.arn] = made
        given = json.loads(row.attributes)
        made.attributes.update(given)
        # These have effects of their own in moto. The scope decides how the policy is read, so it is first.
        for name in ("FilterPolicyScope", "FilterPolicy"):
            if name in given:
                self._sns.set_subscription_attributes(row.arn, name, given[name])

    def _restored(self, row: sa.Row[Any]) -> Any:
        message = self._message(row.message_id, row.body)
        message.sent_timestamp = row.sent
        details = json.loads(row.details)
        message.message_attributes = _from_json(details.pop("message_attributes"))
        for name, value in details.items():
            setattr(message, name, value)
        return message


def _durable_queue(base: Any, messaging: Messaging) -> Any:
    """A subclass of moto's queue that writes its messages through."""

    class DurableQueue(base):  # type: ignore[misc]
        def add_message(self, message: Any) -> None:
            if not self.fifo_queue:
                self.add_messages([message])
                return
            before = set(self._messages)
            super().add_message(message)
            messaging.keep_messages(self.queue_arn, [one for one in self._messages if one not in before])

        def add_messages(self, added: list[Any]) -> None:
            if not added:
                return
            messaging.keep_messages(self.queue_arn, added)
            with self._messages_lock:
                self._messages.extend(added)
                self._messages_lock.notify_all()
            messaging.changed(self.name)

        def delete_message(self, receipt_handle: str) -> None:
            # Without the lock a message that arrives meanwhile would be lost: moto puts a new list in place.
            with self._messages_lock:
                before = {one.id for one in self._messages}
                super().delete_message(receipt_handle)
                gone = before - {one.id for one in self._messages}
            messaging.drop_messages(list(gone))

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
    present = queue.attributes
    names = (*_QUEUE_SETTINGS, *(_FIFO_SETTINGS if queue.fifo_queue else ()))
    settings = {name: present[name] for name in names if present.get(name) is not None}
    return {
        "arn": queue.queue_arn,
        "name": queue.name,
        "settings": json.dumps(settings),
        "tags": json.dumps(queue.tags),
    }


def _message_row(queue_arn: str, message: Any) -> dict[str, Any]:
    details = {
        "message_attributes": _as_json(message.message_attributes),
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
