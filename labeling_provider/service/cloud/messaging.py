"""Topics and queues, as the labeling jobs use them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from labeling_provider.service.database.database import Connection


class Waiting(NamedTuple):
    """A message that waits in a queue.

    :param message_id: SQS's id.
    :param body: its text.
    :param sent: epoch seconds.
    """

    message_id: str
    body: str
    sent: float


class Messaging(ABC):
    """Topics and queues of one account in one region.

    :ivar changed: called with a queue's name when a message has come into it, or topics and queues have changed.
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
        """Whether there is a topic."""

    @abstractmethod
    def has_queue(self, name: str) -> bool:
        """Whether there is a queue."""

    @abstractmethod
    def open_queue(self, name: str, topic_arn: str) -> None:
        """Make a queue that holds its messages for 14 days, and subscribe it to a topic; both may be there already."""

    @abstractmethod
    def leave(self, name: str) -> None:
        """Take a queue's subscriptions away; the queue and what is in it stay."""

    @abstractmethod
    def put(self, name: str, bodies: Iterable[tuple[str, str]]) -> None:
        """Put messages straight into a queue, each under an id; one whose id is there already is left out.

        :param bodies: id and text of each.
        """

    @abstractmethod
    def waiting(self, name: str, most: int) -> list[Waiting]:
        """The oldest messages that wait in a queue."""

    @abstractmethod
    def drop(self, connection: Connection, ids: Sequence[str]) -> None:
        """Delete messages from the database, in the transaction that records what has become of them."""

    @abstractmethod
    def forget(self, name: str, ids: Sequence[str]) -> None:
        """Show messages to no receiver any more, after that transaction."""

    @abstractmethod
    def publish(self, topic_arn: str, message: str) -> bool:
        """Publish to a topic; False if there is none."""
