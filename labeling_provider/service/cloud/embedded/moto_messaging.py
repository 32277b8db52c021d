"""Topics and queues, based on moto and stored in the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from labeling_provider.groundtruth.facts import arn_of
from labeling_provider.service.cloud.embedded.deliveries import deliver_from
from labeling_provider.service.cloud.embedded.in_step import InStep
from labeling_provider.service.cloud.embedded.messaging_record import MessagingRecord
from labeling_provider.service.cloud.messaging import Messaging, QueuedMessage
from labeling_provider.service.database import queue_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.queue_rows import NewMessage

_FOURTEEN_DAYS: Final = 1_209_600


class EmbeddedMessaging(Messaging):
    """The topics and queues of one account in one region.

    :param database: stores them.
    :param in_step: says when another process has changed something.
    """

    def __init__(self, database: Database, account: str, region: str, in_step: InStep | None = None) -> None:
        self._database, self._in_step = database, in_step or InStep(database)
        self._record = MessagingRecord(database, account, region, self._in_step)
        self._sns: Any = self._record.sns
        self._sqs: Any = self._record.sqs
        self._account = account
        self._arn = arn_of("sqs", "", region, account)
        deliver_from(database)

    @property
    def changed(self) -> Callable[[Connection, str | None], None]:
        """See :class:`.Messaging`."""
        return self._record.changed

    @changed.setter
    def changed(self, call: Callable[[Connection, str | None], None]) -> None:
        self._record.changed = call

    def has_topic(self, arn: str) -> bool:
        self._in_step.refresh()
        return arn in self._sns.topics

    def open_queue(self, name: str, topic_arn: str) -> None:
        self._in_step.refresh()
        with self.recording():
            if name not in self._sqs.queues:
                self._sqs.create_queue(name, MessageRetentionPeriod=_FOURTEEN_DAYS)
            self._sns.subscribe(topic_arn, self._sqs.queues[name].queue_arn, "sqs")

    def leave(self, name: str) -> None:
        self._in_step.refresh()
        endpoint = f":{self._account}:{name}"
        with self.recording():
            for arn, subscription in list(self._sns.subscriptions.items()):
                if subscription.protocol == "sqs" and subscription.endpoint.endswith(endpoint):
                    self._sns.unsubscribe(arn)

    def delete_queue(self, name: str) -> None:
        self.leave(name)
        with self.recording():
            if name in self._sqs.queues:
                self._sqs.delete_queue(name)

    def has_queue(self, name: str) -> bool:
        with self._database.read() as connection:
            return queue_rows.is_kept(connection, self._arn + name)

    def put(self, name: str, bodies: Iterable[tuple[str, str]]) -> None:
        now = int(time.time() * 1000)
        added = [NewMessage(self._arn + name, message_id, now, body, "{}") for message_id, body in bodies]
        with self._database.write() as connection:
            self._record.messages.put(connection, name, added)

    def waiting(self, name: str, max_messages: int) -> list[QueuedMessage]:
        with self._database.read() as connection:
            rows = queue_rows.oldest(connection, self._arn + name, int(time.time() * 1000), max_messages)
        return [QueuedMessage(row.message_id, row.body, row.sent / 1000) for row in rows]

    def drop(self, connection: Connection, ids: Sequence[str]) -> None:
        queue_rows.delete_by_id(connection, ids)

    def publish(self, topic_arn: str, message: str, message_id: str) -> bool:
        self._in_step.refresh()
        if topic_arn not in self._sns.topics:
            return False
        subscriptions, _ = self._sns.list_subscriptions_by_topic(topic_arn=topic_arn)
        for subscription in subscriptions:
            subscription.publish(message, message_id)
        return True

    def end_waits(self) -> None:
        """Answer those who wait for messages, and let nobody wait any more: the process is about to end."""
        self._record.messages.end_waits()

    def recording(self) -> AbstractContextManager[None]:
        """Store everything that the block changes in SNS and SQS.

        After the block, the changes are in the database; if the database fails, they are undone in moto. Run each
        request to moto that may change something in such a block, and answer it only afterwards.

        :raises DatabaseError: if the changes can't be stored.
        """
        return self._record.recording()
