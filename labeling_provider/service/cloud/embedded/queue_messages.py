"""The messages of queues, kept in the database rather than in moto's memory.

Any process that shares the database may send, receive and delete.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.service.cloud.embedded.messaging_state import describe_message, message_of, received_message
from labeling_provider.service.database import notices, queue_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.repeating import Repeating

_MAX_REPEAT_MS: Final = 300_000
_LOOK_SECONDS: Final = 5.0
"""How often a waiting receiver looks for messages, even without notice of any."""
_ARRIVED: Final = "queue "
_SWEEP_SECONDS: Final = 60.0
_SWEPT_AT_ONCE: Final = 1_000


class Messages:
    """What is in the queues.

    :param arrived: called within each transaction that adds messages to a queue, with the queue's name.
    """

    def __init__(self, database: Database, arrived: Callable[[Connection, str], None]) -> None:
        self._database, self._arrived = database, arrived
        self._heard: Counter[str] = Counter()
        self._hearing = threading.Condition()
        self._is_ending = False
        database.listen(self._hear)

    def answer_for(self, sqs: Any) -> None:
        """Replace what moto's SQS would answer from memory."""
        from moto.sqs import models

        self._models: Any = models
        attributes = sqs.get_queue_attributes

        def get_queue_attributes(queue_name: str, attribute_names: list[str]) -> dict[str, Any]:
            values: dict[str, Any] = attributes(queue_name, attribute_names)
            if any(name.startswith("ApproximateNumber") for name in values):
                counted = self.counts(sqs.get_queue(queue_name).queue_arn)
                values |= {name: number for name, number in counted.items() if name in values}
            return values

        sqs.get_queue_attributes = get_queue_attributes
        sqs.receive_message = lambda queue_name, *arguments, **more: self.receive(
            sqs.get_queue(queue_name), *arguments, **more
        )
        sqs.change_message_visibility = lambda queue_name, receipt_handle, visibility_timeout: self.hide(
            sqs.get_queue(queue_name), receipt_handle, int(visibility_timeout)
        )
        sqs.purge_queue = lambda queue_name: self.purge(sqs.get_queue(queue_name))

    # Sending

    def add(self, queue: Any, message: Any) -> None:
        """Store a message that was sent to one of moto's queues.

        :raises QueueDoesNotExist: if the queue is gone.
        """
        arn = queue.queue_arn
        with self._database.write() as connection:
            if not queue_rows.is_kept(connection, arn, alone=queue.fifo_queue):
                raise self._models.QueueDoesNotExist()
            once = message.deduplication_id
            since = message.sent_timestamp - _MAX_REPEAT_MS
            if queue.fifo_queue and once and queue_rows.repeats(connection, arn, once, since):
                return
            queue_rows.add(connection, [describe_message(arn, message)])
            self._tell(connection, queue.name)

    def put(self, connection: Connection, queue: str, added: Sequence[queue_rows.NewMessage]) -> None:
        """Store messages whose ids are not in use.

        :param queue: its name.
        """
        present = queue_rows.present(connection, [message.message_id for message in added])
        new = [message for message in added if message.message_id not in present]
        queue_rows.add(connection, new)
        if new:
            self._tell(connection, queue)

    def _tell(self, connection: Connection, queue: str) -> None:
        notices.tell(connection, f"{_ARRIVED}{queue}")
        self._arrived(connection, queue)

    # Receiving

    def receive(
        self,
        queue: Any,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: Sequence[str] = (),
    ) -> list[Any]:
        """The next messages of one of moto's queues; waits for one if there is none.

        :param queue: moto's ``Queue``.
        :param count: most messages to receive.
        :param wait_seconds_timeout: seconds to wait.
        :param visibility_timeout: seconds during which nobody else gets them.
        :return: moto's ``Message`` objects.
        """
        deadline = time.monotonic() + wait_seconds_timeout
        while True:
            heard = self._heard.setdefault(queue.name, 0)
            received, next_at = self._taken(queue, count, int(visibility_timeout))
            left = deadline - time.monotonic()
            if received or left <= 0 or self._is_ending:
                for message in received:
                    self._models._filter_message_attributes(message, list(message_attribute_names or ()))
                return received
            later = _LOOK_SECONDS if next_at is None else max((next_at - _now()) / 1000, 0) + 0.001
            self._wait(queue.name, heard, min(left, later, _LOOK_SECONDS))

    def _taken(self, queue: Any, count: int, visible_after: int) -> tuple[list[Any], int | None]:
        """The next messages; if there are none, when there will be one.

        :param visible_after: seconds.
        """
        arn, dead = queue.queue_arn, queue.dead_letter_queue
        # A message moved to its own queue would be received again at once, without end.
        redrives = queue.redrive_policy and dead is not None and dead.queue_arn != arn
        max_receives = queue.redrive_policy["maxReceiveCount"] if redrives else None
        with self._database.read() as connection:
            now = _now()
            if not queue_rows.oldest(connection, arn, now, 1):
                return [], queue_rows.next_visible(connection, arn, now)
        with self._database.write() as connection:
            if queue.fifo_queue:
                queue_rows.is_kept(connection, arn, alone=True)
            while True:
                now = _now()
                since = now - 1000 * queue.message_retention_period
                until = now + 1000 * visible_after
                rows = queue_rows.receive(connection, arn, now, until, since, count, in_line=queue.fifo_queue)
                spent = [row.id for row in rows if max_receives is not None and row.received > max_receives]
                if spent:
                    queue_rows.bury(connection, spent, dead.queue_arn)
                    self._tell(connection, dead.name)
                left = [received_message(row) for row in rows if row.id not in spent]
                if left or not spent:
                    break
            if left:
                return left, None
            queue_rows.expire(connection, arn, since)
            return [], queue_rows.next_visible(connection, arn, now)

    def _wait(self, queue: str, heard: int, seconds: float) -> None:
        """Wait for news of a queue."""
        with self._hearing:
            self._hearing.wait_for(lambda: self._is_ending or self._heard[queue] != heard, seconds)

    def end_waits(self) -> None:
        """Wait no longer, now or later: whoever waits for a message gets what there is."""
        with self._hearing:
            self._is_ending = True
            self._hearing.notify_all()

    def _hear(self, notice: str) -> None:
        if notice.startswith(_ARRIVED) or notice == notices.EVERYTHING:
            with self._hearing:
                names = [notice.removeprefix(_ARRIVED)] if notice else list(self._heard)
                self._heard.update(names)
                self._hearing.notify_all()

    # What was received

    def delete(self, queue: Any, receipt: str) -> None:
        """Delete a message that was received.

        :raises ReceiptHandleIsInvalid: if that is not a receipt handle.
        """
        message_id = self._message_of(receipt)
        with self._database.write() as connection:
            queue_rows.delete(connection, queue.queue_arn, message_id)
            if queue.fifo_queue:
                # The next one of its group can be received.
                notices.tell(connection, f"{_ARRIVED}{queue.name}")

    def hide(self, queue: Any, receipt: str, seconds: int) -> None:
        """Hide a message from receivers for some seconds.

        :raises ReceiptHandleIsInvalid: if that is not the receipt handle of an existing message.
        :raises InvalidParameterValue: if it would be hidden for more than twelve hours.
        """
        message_id, until = self._message_of(receipt), _now() + 1000 * seconds
        with self._database.write() as connection:
            sent = queue_rows.sent_at(connection, queue.queue_arn, message_id)
            if sent is None:
                raise self._models.ReceiptHandleIsInvalid()
            if until - sent > Quota.HIDDEN_MESSAGE_SECONDS * 1_000:
                raise self._models.InvalidParameterValue(
                    f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for "
                    f"the message is beyond the limit [{Quota.HIDDEN_MESSAGE_SECONDS} seconds]"
                )
            queue_rows.hide(connection, queue.queue_arn, message_id, until)
            notices.tell(connection, f"{_ARRIVED}{queue.name}")

    def _message_of(self, receipt: str) -> str:
        message_id = message_of(receipt)
        if message_id is None:
            raise self._models.ReceiptHandleIsInvalid()
        return message_id

    # All

    def purge(self, queue: Any) -> None:
        """Delete every message of a queue."""
        with self._database.write() as connection:
            queue_rows.delete_all(connection, queue.queue_arn)

    def counts(self, queue: str) -> dict[str, int]:
        """The numbers of messages in a queue, by queue attribute.

        :param queue: its ARN.
        """
        with self._database.read() as connection:
            numbers = queue_rows.counts(connection, queue, _now())
        return {
            "ApproximateNumberOfMessages": numbers.visible,
            "ApproximateNumberOfMessagesNotVisible": numbers.hidden,
            "ApproximateNumberOfMessagesDelayed": numbers.delayed,
        }


class Expiry(Repeating):
    """Deletes messages that have expired, once a minute, also from queues that nobody reads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        trouble = "messages that have expired could not be deleted"
        super().__init__("labeling-expiry", self.sweep, lambda: _SWEEP_SECONDS, trouble)

    def sweep(self) -> None:
        """Delete what has expired."""
        with self._database.read() as connection:
            queues = queue_rows.with_expired(connection, _now())
        for queue, before in queues.items():
            is_more = True
            while is_more and not self.is_stopping:
                # Others write in between.
                with self._database.write() as connection:
                    is_more = queue_rows.expire_first(connection, queue, before, _SWEPT_AT_ONCE)


def _now() -> int:
    return int(time.time() * 1000)
