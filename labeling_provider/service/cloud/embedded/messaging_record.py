"""Makes moto's SNS and SQS work on the database: topics, subscriptions, queues and messages.

moto holds topics, subscriptions and queues in memory, in the state that the database has when a request begins. The
request may change any that it looks up in moto's dictionaries, so those are compared with what is stored when it ends.
Messages are in the database only: those in queues, and those in flight.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from labeling_provider.service.cloud.embedded.in_step import InStep
from labeling_provider.service.cloud.embedded.messaging_state import apply, row_of
from labeling_provider.service.cloud.embedded.queue_messages import Messages
from labeling_provider.service.cloud.embedded.restoring import restoring
from labeling_provider.service.database import recorded_messages
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.recorded_messages import Recorded, ResourceKind

# Characters that a message must not contain. Source: SQS API reference, SendMessage.
_FOREIGN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class MessagingRecord:
    """moto's SNS and SQS of one account in one region, written through to the database.

    :param database: the database.
    :param in_step: says when another process has changed something.
    :ivar changed: see :class:`.Messaging`.
    :ivar messages: what is in the queues.
    :ivar sns: moto's SNS.
    :ivar sqs: moto's SQS.
    """

    def __init__(self, database: Database, account: str, region: str, in_step: InStep) -> None:
        from moto.sns import models as sns_models
        from moto.sqs import models as sqs_models

        self._database, self._account, self._region = database, account, region
        self.in_step = in_step
        self._current = threading.local()
        self.changed: Callable[[Connection, str | None], None] = lambda *_: None
        self._sns_models: Any = sns_models
        self._sqs_models: Any = sqs_models
        self.messages = Messages(database, self._arrived)
        # moto creates its queues by this name.
        sqs_models.Queue = _stored_queue(getattr(sqs_models.Queue, "original", sqs_models.Queue), self.messages)
        self.sqs: Any = sqs_models.sqs_backends[account][region]
        self.sns: Any = sns_models.sns_backends[account][region]
        self.sqs.queues, self.sns.topics, self.sns.subscriptions = (
            _WatchedResources(self, kind) for kind in ResourceKind
        )
        self.sns._message_public_keys = _UnkeptKeys()
        self.messages.answer_for(self.sqs)
        self.sns.publish = _to_topics_only(self.sns.publish)
        self._alive: dict[ResourceKind, _WatchedResources] = {
            ResourceKind.QUEUE: self.sqs.queues,
            ResourceKind.TOPIC: self.sns.topics,
            ResourceKind.SUBSCRIPTION: self.sns.subscriptions,
        }
        self._kept: dict[ResourceKind, dict[str, Recorded]] = {kind: {} for kind in ResourceKind}
        in_step.restore_also(self.restore)

    def _arrived(self, connection: Connection, queue: str) -> None:
        self.changed(connection, queue)

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
                with self.in_step.writing() as connection:
                    for kind, key, row in differing:
                        # Another process may have changed it since this one has looked.
                        recorded_messages.change(connection, kind, self._kept[kind].get(key, row), row)
            except BaseException:
                self._undo(seen)
                raise
            for kind, key, row in differing:
                self._kept[kind][key] = row

    def _undo(self, seen: set[tuple[ResourceKind, str]]) -> None:
        """Reset what moto has looked up to what is stored."""
        for kind, key in seen:
            alive, row = dict.get(self._alive[kind], key), self._kept[kind].get(key)
            if alive is None or row is None:
                continue
            with restoring(str(row["arn"])):
                apply(kind, alive, row, self.sns)
        self.link()

    def add(self, kind: ResourceKind, key: str, new: Any) -> None:
        """Store something new, and then add it to moto."""
        row = row_of(kind, new)
        if kind is ResourceKind.TOPIC:
            new.sent_notifications = _Unkept()
        with self._database.alone():
            with self.in_step.writing() as connection:
                recorded_messages.keep(connection, kind, row)
            self._kept[kind][key] = row
            dict.__setitem__(self._alive[kind], key, new)
            self.link()

    def remove(self, kind: ResourceKind, key: str) -> None:
        """Delete something from the database, including a queue's messages, and then from moto."""
        with self._database.alone():
            if key in self._kept[kind]:
                with self.in_step.writing() as connection:
                    recorded_messages.delete(connection, kind, self._kept[kind][key]["arn"])
                    self.changed(connection, None)
                del self._kept[kind][key]
            dict.pop(self._alive[kind], key, None)
            self.link()

    def link(self) -> None:
        """Link every queue to its dead-letter queue by name, as Amazon does: that may be deleted and created again."""
        by_arn = {queue.queue_arn: queue for queue in dict.values(self.sqs.queues)}
        for queue in by_arn.values():
            queue.dead_letter_queue = by_arn.get((queue.redrive_policy or {}).get("deadLetterTargetArn", ""))

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
                    resource = dict.get(alive, key)
                    known = self._kept[kind].get(key)
                    if resource is not None and known == row:
                        # A request may be about to change it.
                        continue
                    with restoring(str(row["arn"])):
                        # Changes that a request has made but not stored yet are kept.
                        now = row
                        if resource is None:
                            resource = make(row)
                        elif known is not None:
                            now = recorded_messages.merged(known, row_of(kind, resource), row)
                        apply(kind, resource, now, self.sns)
                        dict.__setitem__(alive, key, resource)
                self._kept[kind] = rows
            self.link()

    def _new_queue(self, row: Recorded) -> Any:
        fifo = {"FifoQueue": "true"} if row["name"].endswith(".fifo") else {}
        return self._sqs_models.Queue(row["name"], self._region, self._account, **fifo)

    def _new_topic(self, row: Recorded) -> Any:
        topic = self._sns_models.Topic(row["name"], self.sns)
        topic.sent_notifications = _Unkept()
        return topic

    def _new_subscription(self, row: Recorded) -> Any:
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


class _UnkeptKeys(dict[str, bytes]):
    """A dictionary that stays empty: moto would keep a certificate for every message, at an address of Amazon's."""

    def __setitem__(self, *_: Any) -> None:
        pass


def _to_topics_only(publish: Callable[..., str]) -> Callable[..., str]:
    """moto's publish function without text messages, which it would keep in memory and never send."""
    from moto.sns.exceptions import SNSInvalidParameter

    def published(*arguments: Any, phone_number: str | None = None, **more: Any) -> str:
        if phone_number is not None:
            raise SNSInvalidParameter("PhoneNumber: this service does not send text messages")
        return publish(*arguments, phone_number=None, **more)

    return published


def _stored_queue(base: Any, messages: Messages) -> Any:
    """A subclass of moto's queue whose messages are in the database."""
    from moto.sqs.exceptions import SQSException

    class StoredQueue(base):  # type: ignore[misc]
        original = base

        # moto counts them for every look at the attributes; :class:`.Messages` fills them in where they are asked for.
        approximate_number_of_messages = approximate_number_of_messages_delayed = 0
        approximate_number_of_messages_not_visible = 0

        def add_message(self, message: Any) -> None:
            if foreign := _FOREIGN.search(message.body):
                text = f"A message must not contain the character U+{ord(foreign[0]):04X}."
                raise SQSException("InvalidMessageContents", text)
            messages.add(self, message)

        def delete_message(self, receipt_handle: str) -> None:
            messages.delete(self, receipt_handle)

        def _setup_dlq(self, policy: Any) -> None:
            before = getattr(self, "redrive_policy", None), getattr(self, "dead_letter_queue", None)
            try:
                super()._setup_dlq(policy)
            except Exception:
                # moto sets a policy before it refuses it.
                self.redrive_policy, self.dead_letter_queue = before
                raise

    return StoredQueue
