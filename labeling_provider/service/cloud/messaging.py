"""The service's SNS and SQS, as the labeling jobs use them: moto's, made durable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple

from sqlalchemy.engine import Connection

from labeling_provider.service.cloud.deliveries import deliver_in_background
from labeling_provider.service.cloud.messaging_record import MessagingRecord
from labeling_provider.service.database.database import Database

_FOURTEEN_DAYS: Final = 1_209_600


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
    """Topics and queues of one account in one region.

    :param database: where everything is kept.
    """

    def __init__(self, database: Database, account: str, region: str) -> None:
        self._record = MessagingRecord(database, account, region)
        self._sns: Any = self._record.sns
        self._sqs: Any = self._record.sqs
        self._account = account
        deliver_in_background()

    @property
    def changed(self) -> Callable[[str], None]:
        """Called with a queue's name when a message has come into it, or topics and queues have changed."""
        return self._record.changed

    @changed.setter
    def changed(self, call: Callable[[str], None]) -> None:
        self._record.changed = call

    def has_topic(self, arn: str) -> bool:
        """Whether there is a topic."""
        return arn in self._sns.topics

    def open_queue(self, name: str, topic_arn: str) -> None:
        """Make a queue that holds its messages for 14 days, and subscribe it to a topic; both may be there already."""
        with self.recording():
            if name not in self._sqs.queues:
                self._sqs.create_queue(name, MessageRetentionPeriod=_FOURTEEN_DAYS)
            self._sns.subscribe(topic_arn, self._sqs.queues[name].queue_arn, "sqs")

    def leave(self, name: str) -> None:
        """Take a queue's subscriptions away; the queue and what is in it stay."""
        endpoint = f":{self._account}:{name}"
        with self.recording():
            for arn, one in list(self._sns.subscriptions.items()):
                if one.protocol == "sqs" and one.endpoint.endswith(endpoint):
                    self._sns.unsubscribe(arn)

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
                message = self._record.make_message(message_id, body)
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
        self._record.drop(connection, ids)

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
        return True

    def recording(self) -> AbstractContextManager[None]:
        """Keep what the block changes in SNS and SQS, however it does so.

        When the block has ended, it is in the database; or, if the database fails, in neither. A request to moto that
        may change something belongs into such a block, and may be answered only after it.

        :raises DatabaseError: if the database doesn't take it.
        """
        return self._record.recording()

    def restore(self) -> None:
        """Put everything back into moto."""
        self._record.restore()
