"""Topics and queues in this process, based on moto and stored in the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, Final

from labeling_provider.service.cloud.embedded.deliveries import deliver_in_background
from labeling_provider.service.cloud.embedded.messaging_record import MessagingRecord
from labeling_provider.service.cloud.embedded.messaging_state import new_message
from labeling_provider.service.cloud.embedded.tenure import Tenure
from labeling_provider.service.cloud.messaging import Messaging, QueuedMessage
from labeling_provider.service.database.database import Connection, Database

_FOURTEEN_DAYS: Final = 1_209_600


class EmbeddedMessaging(Messaging):
    """The topics and queues of one account in one region.

    :param database: stores them.
    """

    def __init__(self, database: Database, account: str, region: str) -> None:
        self._record = MessagingRecord(database, account, region)
        self._sns: Any = self._record.sns
        self._sqs: Any = self._record.sqs
        self._account = account
        deliver_in_background()

    @property
    def changed(self) -> Callable[[str], None]:
        """Called with a queue's name when a message arrives in it, or when topics or queues change."""
        return self._record.changed

    @changed.setter
    def changed(self, call: Callable[[str], None]) -> None:
        self._record.changed = call

    @property
    def tenure(self) -> Tenure:
        """Whether this process has the topics and queues."""
        return self._record.tenure

    def is_here(self) -> bool:
        return self.tenure.is_here()

    def has_topic(self, arn: str) -> bool:
        return arn in self._sns.topics

    def open_queue(self, name: str, topic_arn: str) -> None:
        with self.recording():
            if name not in self._sqs.queues:
                self._sqs.create_queue(name, MessageRetentionPeriod=_FOURTEEN_DAYS)
            self._sns.subscribe(topic_arn, self._sqs.queues[name].queue_arn, "sqs")

    def leave(self, name: str) -> None:
        endpoint = f":{self._account}:{name}"
        with self.recording():
            for arn, subscription in list(self._sns.subscriptions.items()):
                if subscription.protocol == "sqs" and subscription.endpoint.endswith(endpoint):
                    self._sns.unsubscribe(arn)

    def has_queue(self, name: str) -> bool:
        return name in self._sqs.queues

    def put(self, name: str, bodies: Iterable[tuple[str, str]]) -> None:
        queue = self._sqs.queues[name]
        present = {message.id for message in queue._messages}
        messages = []
        for message_id, body in bodies:
            if message_id not in present:
                message = new_message(message_id, body)
                message.mark_sent()
                messages.append(message)
        queue.add_messages(messages)

    def waiting(self, name: str, most: int) -> list[QueuedMessage]:
        queue = self._sqs.queues.get(name)
        if queue is None:
            return []
        with queue._messages_lock:
            visible = (message for message in queue._messages if message.visible and not message.delayed)
            return [
                QueuedMessage(message.id, message.body, message.sent_timestamp / 1000)
                for message in islice(visible, most)
            ]

    def drop(self, connection: Connection, ids: Sequence[str]) -> None:
        self._record.drop(connection, ids)

    def forget(self, name: str, ids: Sequence[str]) -> None:
        queue, gone = self._sqs.queues.get(name), set(ids)
        if queue is not None and gone:
            with queue._messages_lock:
                queue._messages = [message for message in queue._messages if message.id not in gone]

    def publish(self, topic_arn: str, message: str) -> bool:
        topic = self._sns.topics.get(topic_arn)
        if topic is None:
            return False
        topic.publish(message)
        return True

    def recording(self) -> AbstractContextManager[None]:
        """Store everything that the block changes in SNS and SQS.

        After the block, the changes are in the database; if the database fails, they are undone in moto. Run each
        request to moto that may change something in such a block, and answer it only afterwards.

        :raises DatabaseError: if the changes can't be stored.
        """
        return self._record.recording()
