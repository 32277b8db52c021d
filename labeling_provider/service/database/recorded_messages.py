"""Statements on the state of embedded SNS and SQS: topics, subscriptions, queues and messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import messages, queues, subscriptions, topics


class ResourceKind(StrEnum):
    """The kinds of resource."""

    QUEUE = "queue"
    TOPIC = "topic"
    SUBSCRIPTION = "subscription"


Row = dict[str, Any]
"""A row of one of the three tables: values by column. Each has an ``arn``."""

_TABLES: Final = {ResourceKind.QUEUE: queues, ResourceKind.TOPIC: topics, ResourceKind.SUBSCRIPTION: subscriptions}


class KeptMessage(NamedTuple):
    """A message in a queue.

    :param queue: the queue's ARN.
    :param sent: epoch milliseconds.
    :param details: its other fields, as JSON.
    """

    queue: str
    message_id: str
    sent: int
    body: str
    details: str


def kept(connection: Connection, kind: ResourceKind) -> list[Row]:
    """All rows of a kind."""
    return [dict(row) for row in connection.execute(sa.select(_TABLES[kind])).mappings()]


def keep(connection: Connection, kind: ResourceKind, row: Row) -> None:
    """Store a new or changed row."""
    table = _TABLES[kind]
    if not connection.execute(sa.update(table).where(table.c.arn == row["arn"]).values(row)).rowcount:
        connection.execute(sa.insert(table).values(row))


def delete(connection: Connection, kind: ResourceKind, arn: str) -> None:
    """Delete a resource; for a queue, its messages as well."""
    table = _TABLES[kind]
    connection.execute(sa.delete(table).where(table.c.arn == arn))
    if kind == ResourceKind.QUEUE:
        delete_messages_of(connection, arn)


def kept_messages(connection: Connection, queue: str | None = None) -> Iterator[KeptMessage]:
    """Messages, oldest first.

    :param queue: the ARN of their queue; None for the messages of all queues.
    """
    query = sa.select(*(messages.c[name] for name in KeptMessage._fields)).order_by(messages.c.id)
    if queue is not None:
        query = query.where(messages.c.queue == queue)
    for row in connection.execute(query).yield_per(1000):
        yield KeptMessage(*row)


def keep_messages(connection: Connection, added: Iterable[KeptMessage]) -> None:
    """Store messages. A message from another queue is moved."""
    rows = [message._asdict() for message in added]
    delete_messages(connection, [row["message_id"] for row in rows])
    connection.execute(sa.insert(messages), rows)


def delete_messages(connection: Connection, ids: Iterable[str]) -> None:
    """Delete messages by id."""
    gone = [{"gone": message_id} for message_id in ids]
    if gone:
        connection.execute(sa.delete(messages).where(messages.c.message_id == sa.bindparam("gone")), gone)


def delete_messages_of(connection: Connection, queue: str) -> None:
    """Delete all messages in a queue.

    :param queue: its ARN.
    """
    connection.execute(sa.delete(messages).where(messages.c.queue == queue))
