"""Stores the state of moto's SNS and SQS in the database: topics, subscriptions, queues and messages.

A message is in the database before the sender gets a response, and stays until the receiver deletes it. A request may
change any topic, subscription or queue that it looks up in moto's dictionaries, so those are compared with what is
stored when the request ends. Not stored are other regions, which messages are with a receiver, and how often each was
received: after a restart, all messages are visible and their counts start again.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from labeling_provider.service.cloud.embedded.messaging_state import (
    apply,
    describe_message,
    restored_message,
    row_of,
)
from labeling_provider.service.cloud.embedded.restoring import restoring
from labeling_provider.service.cloud.embedded.tenure import Tenure
from labeling_provider.service.database import recorded_messages
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.recorded_messages import KeptMessage, ResourceKind, Row

# Characters that a message must not contain. Source: SQS API reference, SendMessage.
_FOREIGN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_REPEAT_MS: Final = 300_000


class MessagingRecord:
    """moto's SNS and SQS of one account in one region, written through to the database.

    :param database: the database.
    :ivar changed: called with a queue's name when a message arrives in it, or when topics or queues change.
    :ivar tenure: whether this process has them.
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
        # moto creates its queues by this name.
        sqs_models.Queue = _durable_queue(getattr(sqs_models.Queue, "original", sqs_models.Queue), self)
        self.sqs: Any = sqs_models.sqs_backends[account][region]
        self.sns: Any = sns_models.sns_backends[account][region]
        self.sqs.queues, self.sns.topics, self.sns.subscriptions = (
            _WatchedResources(self, kind) for kind in ResourceKind
        )
        self.sqs.purge_queue = lambda queue_name: self.sqs.get_queue(queue_name).purge()
        self.sns.publish = _to_topics_only(self.sns.publish)
        self._alive: dict[ResourceKind, _WatchedResources] = {
            ResourceKind.QUEUE: self.sqs.queues,
            ResourceKind.TOPIC: self.sns.topics,
            ResourceKind.SUBSCRIPTION: self.sns.subscriptions,
        }
        self._kept: dict[ResourceKind, dict[str, Row]] = {kind: {} for kind in ResourceKind}
        self.tenure = Tenure(database, self.restore)

    # Topics, subscriptions and queues

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Store what the block changes; undo it in moto if the database fails.

        :raises DatabaseError: if the changes can't be stored.
        """
        if self._seen is not None:
            yield
            return
        seen: set[tuple[ResourceKind, str]] = set()
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
    def _seen(self) -> set[tuple[ResourceKind, str]] | None:
        return getattr(self._current, "seen", None)

    def see(self, kind: ResourceKind, key: str) -> None:
        """Note that moto has looked something up, and may change it."""
        if self._seen is not None:
            self._seen.add((kind, key))

    def _keep(self, seen: set[tuple[ResourceKind, str]]) -> None:
        if not seen:
            return
        with self._database.alone():
            rows = [
                (kind, key, row_of(kind, alive))
                for kind, key in seen
                if (alive := dict.get(self._alive[kind], key)) is not None
            ]
            differing = [(kind, key, row) for kind, key, row in rows if self._kept[kind].get(key) != row]
            if not differing:
                return
            try:
                with self.tenure.writing() as connection:
                    for kind, _, row in differing:
                        recorded_messages.keep(connection, kind, row)
            except BaseException:
                self._undo(seen)
                raise
            for kind, key, row in differing:
                self._kept[kind][key] = row
        self._notify()

    def _undo(self, seen: set[tuple[ResourceKind, str]]) -> None:
        """Reset what moto has looked up to what is stored."""
        for kind, key in seen:
            alive, row = dict.get(self._alive[kind], key), self._kept[kind].get(key)
            if alive is None or row is None:
                continue
            with restoring(str(row["arn"])):
                apply(kind, alive, row, self.sns)
                if kind is ResourceKind.QUEUE:
                    with self._database.alone(), self._database.read() as connection:
                        self._recall({alive.queue_arn: alive}, recorded_messages.kept_messages(connection, row["arn"]))
        self.link()

    @staticmethod
    def _recall(queues: dict[str, Any], kept: Iterable[KeptMessage]) -> None:
        """Reset the messages of queues, by ARN, to those in the database; messages in flight stay in flight."""
        present = {arn: {message.id: message for message in queue._messages} for arn, queue in queues.items()}
        found: dict[str, list[Any]] = {arn: [] for arn in queues}
        for one in kept:
            with restoring(f"the message {one.message_id} of {one.queue}"):
                found[one.queue].append(present[one.queue].get(one.message_id) or restored_message(one))
        for arn, queue in queues.items():
            with queue._messages_lock:
                queue._messages = found[arn]
                queue._messages_lock.notify_all()

    def add(self, kind: ResourceKind, key: str, new: Any) -> None:
        """Store something new, and then add it to moto."""
        row = row_of(kind, new)
        if kind is ResourceKind.TOPIC:
            new.sent_notifications = _Unkept()
        with self._database.alone():
            with self.tenure.writing() as connection:
                recorded_messages.keep(connection, kind, row)
            self._kept[kind][key] = row
            dict.__setitem__(self._alive[kind], key, new)
            self.link()
        self._notify()

    def remove(self, kind: ResourceKind, key: str) -> None:
        """Delete something from the database, including a queue's messages, and then from moto."""
        with self._database.alone():
            if key in self._kept[kind]:
                with self.tenure.writing() as connection:
                    recorded_messages.delete(connection, kind, self._kept[kind][key]["arn"])
                del self._kept[kind][key]
            dict.pop(self._alive[kind], key, None)
            self.link()
        self._notify()
        if kind is ResourceKind.QUEUE:
            self.changed(key)

    def link(self) -> None:
        """Link every queue to its dead-letter queue by name, as Amazon does: that may be deleted and created again."""
        by_arn = self._by_arn()
        for queue in by_arn.values():
            queue.dead_letter_queue = by_arn.get((queue.redrive_policy or {}).get("deadLetterTargetArn", ""))

    def _by_arn(self) -> dict[str, Any]:
        return {queue.queue_arn: queue for queue in dict.values(self.sqs.queues)}

    def _notify(self) -> None:
        for name in list(dict.keys(self.sqs.queues)):
            self.changed(name)

    # Messages

    @contextmanager
    def alone(self, queue: Any) -> Iterator[bool]:
        """Lock a queue while its messages change.

        :return: whether the queue is stored in the database; those of other regions and accounts are not.
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
        """Store messages before receivers can see them. A message from another queue is moved."""
        kept = [describe_message(queue.queue_arn, message) for message in added]
        with self.tenure.writing() as connection:
            recorded_messages.keep_messages(connection, kept)

    def drop_messages(self, ids: Sequence[str]) -> None:
        """Delete messages by id."""
        if ids:
            with self._database.write() as connection:
                self.drop(connection, ids)

    def drop(self, connection: Connection, ids: Sequence[str]) -> None:
        """Delete messages in a caller's transaction, which fails if SNS and SQS are not in this process any more."""
        self.tenure.hold(connection)
        recorded_messages.delete_messages(connection, ids)

    def drop_all(self, queue: Any) -> None:
        """Delete every message of a queue."""
        with self.tenure.writing() as connection:
            recorded_messages.delete_messages_of(connection, queue.queue_arn)

    # Restoring

    def restore(self) -> None:
        """Make moto's state that of the database. What can't be restored is logged and skipped."""
        # A subscription needs its topic.
        makers = {
            ResourceKind.QUEUE: self._new_queue,
            ResourceKind.TOPIC: self._new_topic,
            ResourceKind.SUBSCRIPTION: self._new_subscription,
        }
        with self._database.alone(), self._database.read() as connection:
            for kind, make in makers.items():
                alive = self._alive[kind]
                rows = {
                    row["name"] if kind is ResourceKind.QUEUE else row["arn"]: row
                    for row in recorded_messages.kept(connection, kind)
                }
                for key in alive.keys() - rows.keys():
                    dict.pop(alive, key)
                for key, row in rows.items():
                    with restoring(str(row["arn"])):
                        made = dict.get(alive, key)
                        made = make(row) if made is None else made
                        apply(kind, made, row, self.sns)
                        dict.__setitem__(alive, key, made)
                self._kept[kind] = rows
            self.link()
            self._recall(self._by_arn(), recorded_messages.kept_messages(connection))
        self._notify()

    def _new_queue(self, row: Row) -> Any:
        fifo = {"FifoQueue": "true"} if row["name"].endswith(".fifo") else {}
        return self._sqs_models.Queue(row["name"], self._region, self._account, **fifo)

    def _new_topic(self, row: Row) -> Any:
        topic = self._sns_models.Topic(row["name"], self.sns)
        topic.sent_notifications = _Unkept()
        return topic

    def _new_subscription(self, row: Row) -> Any:
        topic = dict.__getitem__(self.sns.topics, row["topic"])
        subscription = self._sns_models.Subscription(self._account, topic, row["endpoint"], row["protocol"])
        subscription.arn = row["arn"]
        # moto's method that sets a filter looks it up here.
        dict.__setitem__(self.sns.subscriptions, subscription.arn, subscription)
        return subscription


class _WatchedResources(dict[str, Any]):
    """One of moto's dictionaries. It reports look-ups, additions and removals to the record."""

    def __init__(self, record: MessagingRecord, kind: ResourceKind) -> None:
        super().__init__()
        self._record, self._kind = record, kind

    def __getitem__(self, key: str) -> Any:
        self._record.see(self._kind, key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._record.see(self._kind, key)
        return super().get(key, default)

    def values(self) -> Any:
        # A copy: other threads may change the dictionary meanwhile.
        for key in list(self):
            self._record.see(self._kind, key)
        return list(super().values())

    def __setitem__(self, key: str, value: Any) -> None:
        self._record.add(self._kind, key, value)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._record.remove(self._kind, key)

    def pop(self, key: str, default: Any = None) -> Any:
        value = super().get(key, default)
        self._record.remove(self._kind, key)
        return value


class _Unkept(list[Any]):
    """A list that stays empty: moto would keep every published message in it."""

    def append(self, _: Any) -> None:
        pass


def _to_topics_only(publish: Callable[..., str]) -> Callable[..., str]:
    """moto's publish function without text messages, which it would keep in memory and never send."""
    from moto.sns.exceptions import SNSInvalidParameter

    def published(*arguments: Any, phone_number: str | None = None, **more: Any) -> str:
        if phone_number is not None:
            raise SNSInvalidParameter("PhoneNumber: this service does not send text messages")
        return publish(*arguments, phone_number=None, **more)

    return published


def _durable_queue(base: Any, record: MessagingRecord) -> Any:
    """A subclass of moto's queue that writes its messages through to the database."""

    class DurableQueue(base):  # type: ignore[misc]
        original = base

        def add_message(self, message: Any) -> None:
            if not (self.fifo_queue and self._repeats(message)):
                self.add_messages([message])

        def _repeats(self, message: Any) -> bool:
            """Whether the same message was sent in the last five minutes and is still in the queue."""
            wanted = message.deduplication_id
            return wanted is not None and any(
                sent.deduplication_id == wanted and message.sent_timestamp - sent.sent_timestamp < _MAX_REPEAT_MS
                for sent in self._messages
            )

        def add_messages(self, added: list[Any]) -> None:
            if not added:
                return
            for message in added:
                if foreign := _FOREIGN.search(message.body):
                    text = f"A message must not contain the character U+{ord(foreign[0]):04X}."
                    raise record._sqs_models.SQSException("InvalidMessageContents", text)
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
                    record.drop_messages(
                        [message.id for message in self._messages if message.had_receipt_handle(receipt_handle)]
                    )
                # Without the lock, a message that arrives meanwhile would be lost, because moto replaces the list.
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
