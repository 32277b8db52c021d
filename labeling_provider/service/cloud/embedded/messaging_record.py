"""Keeps moto's SNS and SQS in the database: topics, subscriptions, queues and messages.

A message is in the database before the sender gets an answer, and leaves it when the receiver deletes it. What a
request looks up in moto's dictionaries of topics, subscriptions and queues may change; it is compared with what is kept
when the request ends. Not kept: which messages are with a receiver and how often each was received (after a restart
they are visible again, and are counted anew), and what is in other regions.
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
from labeling_provider.service.database.recorded_messages import KeptMessage, Kind, Row

# The characters that a message may consist of: SQS API reference, SendMessage.
_FOREIGN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_REPEAT_MS: Final = 300_000


class MessagingRecord:
    """moto's SNS and SQS of one account in one region, written through to the database.

    :param database: the database.
    :ivar changed: called with a queue's name when a message has come into it, or topics and queues have changed.
    :ivar tenure: this process's time with them.
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
        self.sqs.queues, self.sns.topics, self.sns.subscriptions = (_Watched(self, kind) for kind in Kind)
        self.sqs.purge_queue = lambda queue_name: self.sqs.get_queue(queue_name).purge()
        self.sns.publish = _to_topics_only(self.sns.publish)
        self._alive: dict[Kind, _Watched] = {
            Kind.QUEUE: self.sqs.queues,
            Kind.TOPIC: self.sns.topics,
            Kind.SUBSCRIPTION: self.sns.subscriptions,
        }
        self._kept: dict[Kind, dict[str, Row]] = {kind: {} for kind in Kind}
        self.tenure = Tenure(database, self.restore)

    # Topics, subscriptions and queues

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep what the block changes, or undo it if the database fails.

        :raises DatabaseError: if the database doesn't take it.
        """
        if self._seen is not None:
            yield
            return
        seen: set[tuple[Kind, str]] = set()
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
    def _seen(self) -> set[tuple[Kind, str]] | None:
        return getattr(self._current, "seen", None)

    def see(self, kind: Kind, key: str) -> None:
        """Note that moto has looked something up, which it may change."""
        if self._seen is not None:
            self._seen.add((kind, key))

    def _keep(self, seen: set[tuple[Kind, str]]) -> None:
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
        self._tell()

    def _undo(self, seen: set[tuple[Kind, str]]) -> None:
        """Give moto back what is kept of what it has looked up."""
        for kind, key in seen:
            alive, row = dict.get(self._alive[kind], key), self._kept[kind].get(key)
            if alive is None or row is None:
                continue
            with restoring(str(row["arn"])):
                apply(kind, alive, row, self.sns)
                if kind is Kind.QUEUE:
                    with self._database.alone(), self._database.read() as connection:
                        self._recall({alive.queue_arn: alive}, recorded_messages.kept_messages(connection, row["arn"]))
        self.link()

    @staticmethod
    def _recall(queues: dict[str, Any], kept: Iterable[KeptMessage]) -> None:
        """Let queues, by ARN, have the messages that the database has; those that receivers have stay with them."""
        present = {arn: {message.id: message for message in queue._messages} for arn, queue in queues.items()}
        found: dict[str, list[Any]] = {arn: [] for arn in queues}
        for one in kept:
            with restoring(f"the message {one.message_id} of {one.queue}"):
                found[one.queue].append(present[one.queue].get(one.message_id) or restored_message(one))
        for arn, queue in queues.items():
            with queue._messages_lock:
                queue._messages = found[arn]
                queue._messages_lock.notify_all()

    def add(self, kind: Kind, key: str, new: Any) -> None:
        """Keep something new, and then let moto have it."""
        row = row_of(kind, new)
        if kind is Kind.TOPIC:
            new.sent_notifications = _Unkept()
        with self._database.alone():
            with self.tenure.writing() as connection:
                recorded_messages.keep(connection, kind, row)
            self._kept[kind][key] = row
            dict.__setitem__(self._alive[kind], key, new)
            self.link()
        self._tell()

    def remove(self, kind: Kind, key: str) -> None:
        """Keep that something is gone, with its messages if it is a queue, and then take it from moto."""
        with self._database.alone():
            if key in self._kept[kind]:
                with self.tenure.writing() as connection:
                    recorded_messages.delete(connection, kind, self._kept[kind][key]["arn"])
                del self._kept[kind][key]
            dict.pop(self._alive[kind], key, None)
            self.link()
        self._tell()
        if kind is Kind.QUEUE:
            self.changed(key)

    def link(self) -> None:
        """Let every queue know its dead-letter queue by name, as Amazon does: it may be deleted and made again."""
        by_arn = self._by_arn()
        for queue in by_arn.values():
            queue.dead_letter_queue = by_arn.get((queue.redrive_policy or {}).get("deadLetterTargetArn", ""))

    def _by_arn(self) -> dict[str, Any]:
        return {queue.queue_arn: queue for queue in dict.values(self.sqs.queues)}

    def _tell(self) -> None:
        for name in list(dict.keys(self.sqs.queues)):
            self.changed(name)

    # Messages

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
        kept = [describe_message(queue.queue_arn, message) for message in added]
        with self.tenure.writing() as connection:
            recorded_messages.keep_messages(connection, kept)

    def drop_messages(self, ids: Sequence[str]) -> None:
        """Delete messages that their receiver has deleted."""
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

    # What comes back

    def restore(self) -> None:
        """Let moto have what is kept, and nothing else; what can't be put back is logged and left out."""
        # A subscription needs its topic.
        makers = {
            Kind.QUEUE: self._made_queue,
            Kind.TOPIC: self._made_topic,
            Kind.SUBSCRIPTION: self._subscribed,
        }
        with self._database.alone(), self._database.read() as connection:
            for kind, make in makers.items():
                alive = self._alive[kind]
                rows = {
                    row["name"] if kind is Kind.QUEUE else row["arn"]: row
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
        self._tell()

    def _made_queue(self, row: Row) -> Any:
        fifo = {"FifoQueue": "true"} if row["name"].endswith(".fifo") else {}
        return self._sqs_models.Queue(row["name"], self._region, self._account, **fifo)

    def _made_topic(self, row: Row) -> Any:
        made = self._sns_models.Topic(row["name"], self.sns)
        made.sent_notifications = _Unkept()
        return made

    def _subscribed(self, row: Row) -> Any:
        topic = dict.__getitem__(self.sns.topics, row["topic"])
        made = self._sns_models.Subscription(self._account, topic, row["endpoint"], row["protocol"])
        made.arn = row["arn"]
        # moto's own method, which reads a filter, looks for it here.
        dict.__setitem__(self.sns.subscriptions, made.arn, made)
        return made


class _Watched(dict[str, Any]):
    """One of moto's dictionaries, which tells the record what is looked up, and asks it to keep what comes and goes."""

    def __init__(self, record: MessagingRecord, kind: Kind) -> None:
        super().__init__()
        self._record, self._kind = record, kind

    def __getitem__(self, key: str) -> Any:
        self._record.see(self._kind, key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._record.see(self._kind, key)
        return super().get(key, default)

    def values(self) -> Any:
        # As a list: others may change the dictionary meanwhile.
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
    """moto would remember every message that was published."""

    def append(self, _: Any) -> None:
        pass


def _to_topics_only(publish: Callable[..., str]) -> Callable[..., str]:
    """moto's publisher, without text messages: it would remember each, and send none."""
    from moto.sns.exceptions import SNSInvalidParameter

    def published(*arguments: Any, phone_number: str | None = None, **more: Any) -> str:
        if phone_number is not None:
            raise SNSInvalidParameter("PhoneNumber: text messages are not sent from here")
        return publish(*arguments, phone_number=None, **more)

    return published


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
                sent.deduplication_id == wanted and message.sent_timestamp - sent.sent_timestamp < _MAX_REPEAT_MS
                for sent in self._messages
            )

        def add_messages(self, added: list[Any]) -> None:
            if not added:
                return
            for message in added:
                if foreign := _FOREIGN.search(message.body):
                    text = f"A message may not contain the character U+{ord(foreign[0]):04X}."
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
