"""The interfaces for topics and queues, as labeling jobs use them, and for events about jobs that have ended.

Source: developer guide, "Monitor labeling job status"; EventBridge reference, "Amazon SageMaker events".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from labeling_provider.service.database.database import Connection


class QueuedMessage(NamedTuple):
    """A message that waits in a queue.

    :param message_id: its SQS message id.
    :param body: its text.
    :param sent: epoch seconds.
    """

    message_id: str
    body: str
    sent: float


class Messaging(ABC):
    """The topics and queues of one account in one region.

    :ivar changed: called within each transaction that adds messages to a queue, with the queue's name; and within each
        one that deletes topics, subscriptions or queues, with None.
    """

    changed: Callable[[Connection, str | None], None]

    @abstractmethod
    def has_topic(self, arn: str) -> bool:
        """Whether the topic exists."""

    @abstractmethod
    def has_queue(self, name: str) -> bool:
        """Whether the queue exists."""

    @abstractmethod
    def open_queue(self, name: str, topic_arn: str) -> None:
        """Create a queue that keeps messages for 14 days, and subscribe it to a topic. Either may already be done."""

    @abstractmethod
    def leave(self, name: str) -> None:
        """Remove a queue's subscriptions. The queue and its messages stay."""

    @abstractmethod
    def delete_queue(self, name: str) -> None:
        """Delete a queue with its messages and subscriptions, if there is one."""

    @abstractmethod
    def put(self, name: str, bodies: Iterable[tuple[str, str]]) -> None:
        """Put messages directly into a queue, except those whose id is already in it.

        :param bodies: the id and text of each message.
        """

    @abstractmethod
    def waiting(self, name: str, max_messages: int) -> list[QueuedMessage]:
        """The oldest messages that wait in a queue.

        :param max_messages: most messages to return.
        """

    @abstractmethod
    def drop(self, connection: Connection, ids: Sequence[str]) -> None:
        """Delete messages from the database, within the transaction that stores their objects."""

    @abstractmethod
    def publish(self, topic_arn: str, message: str, message_id: str) -> bool:
        """Publish a message.

        :param message_id: the same for the same message, so that subscribers recognize one that arrives again.
        :return: False if the topic does not exist.
        """


class Announce(Protocol):
    """Puts a labeling job's state change on the default event bus. Errors are logged, not raised."""

    def __call__(self, arn: str, status: str, /) -> None:
        """Send the event.

        :param arn: the labeling job's ARN.
        :param status: its final status.
        """
