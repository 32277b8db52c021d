"""The interface for topics and queues, as labeling jobs use them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

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

    :ivar changed: called with a queue's name when a message arrives in it, or when topics or queues change.
    """

    changed: Callable[[str], None]

    @abstractmethod
    def is_here(self) -> bool:
        """Whether topics and queues are in this process, of all that share the database. While they are not, nothing
        else may be asked here; when the process that has them ends, the next one that asks gets them.

        :raises DatabaseError: if the database doesn't answer.
        """

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
    def put(self, name: str, bodies: Iterable[tuple[str, str]]) -> None:
        """Put messages directly into a queue, except those whose id is already in it.

        :param bodies: the id and text of each message.
        """

    @abstractmethod
    def waiting(self, name: str, most: int) -> list[QueuedMessage]:
        """The oldest messages that wait in a queue.

        :param most: how many, at most.
        """

    @abstractmethod
    def drop(self, connection: Connection, ids: Sequence[str]) -> None:
        """Delete messages from the database, within the transaction that stores their objects."""

    @abstractmethod
    def forget(self, name: str, ids: Sequence[str]) -> None:
        """Hide messages from receivers, after that transaction."""

    @abstractmethod
    def publish(self, topic_arn: str, message: str) -> bool:
        """Publish a message.

        :return: False if the topic does not exist.
        """
