"""Statements on the messages of queues. Several receivers may use one queue at once; none gets what another has.

Times are epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import messages, queues


class NewMessage(NamedTuple):
    """A message for a queue.

    :param queue: the queue's ARN.
    :param details: its other fields, as JSON.
    :param visible_at: before this time, it can't be received.
    :param group_id: the message group in a FIFO queue.
    :param deduplication_id: the deduplication id in a FIFO queue.
    """

    queue: str
    message_id: str
    sent: int
    body: str
    details: str
    visible_at: int = 0
    group_id: str | None = None
    deduplication_id: str | None = None


class Counts(NamedTuple):
    """How many messages a queue has.

    :param visible: messages that can be received.
    :param hidden: messages in flight.
    :param delayed: messages that can be received later.
    """

    visible: int
    hidden: int
    delayed: int


def is_kept(connection: Connection, queue: str, *, alone: bool = False) -> bool:
    """Whether the queue exists; if so, it is not deleted before the end of the transaction.

    :param alone: whether to keep out other transactions that ask for this.
    """
    query = sa.select(queues.c.arn).where(queues.c.arn == queue).with_for_update(read=not alone)
    return connection.execute(query).first() is not None


def add(connection: Connection, added: Iterable[NewMessage]) -> None:
    """Store messages."""
    rows = [message._asdict() for message in added]
    if rows:
        connection.execute(sa.insert(messages), rows)


def present(connection: Connection, ids: Collection[str]) -> set[str]:
    """The ids among some message ids that exist."""
    query = sa.select(messages.c.message_id).where(messages.c.message_id.in_(sa.bindparam("ids", expanding=True)))
    listed = list(ids)
    known: set[str] = set()
    for first in range(0, len(listed), 500):
        known |= set(connection.execute(query, {"ids": listed[first : first + 500]}).scalars())
    return known


def repeats(connection: Connection, queue: str, deduplication_id: str, since: int) -> bool:
    """Whether a message with a deduplication id was sent since then, and is still in the queue."""
    same = (messages.c.queue == queue, messages.c.deduplication_id == deduplication_id, messages.c.sent > since)
    return connection.execute(sa.select(messages.c.id).where(*same).limit(1)).first() is not None


def receive(
    connection: Connection, queue: str, at: int, until: int, since: int, most: int, *, in_line: bool
) -> Sequence[sa.Row[Any]]:
    """Take the oldest messages that can be received; nobody else gets them for a while.

    :param at: the time now.
    :param until: until when the messages are hidden.
    :param since: older messages have expired.
    :param in_line: whether a group's messages come one after the other, as in a FIFO queue; take the queue alone first.
    """
    kept = (messages.c.queue == queue, messages.c.visible_at <= at, messages.c.sent > since)
    free = sa.select(messages.c.id).where(*kept)
    if in_line:
        ahead = messages.alias("ahead")
        with_receiver = (ahead.c.received > 0) & (ahead.c.visible_at > at)
        same = (ahead.c.queue == queue) & (ahead.c.group_id == messages.c.group_id)
        free = free.where(~sa.exists().where(same & with_receiver))
    first = free.order_by(messages.c.id).limit(most).with_for_update(skip_locked=True)
    taken = (
        sa.update(messages)
        .where(messages.c.id.in_(first))
        .values(
            visible_at=until,
            received=messages.c.received + 1,
            first_received=sa.func.coalesce(messages.c.first_received, at),
        )
        .returning(messages)
    )
    return sorted(connection.execute(taken).all(), key=lambda row: int(row.id))


def bury(connection: Connection, ids: Collection[int], dead: str) -> None:
    """Move messages that were received too often to the dead-letter queue, not counting this last time.

    :param ids: the ids of their rows.
    """
    moved = sa.update(messages).where(messages.c.id.in_(ids))
    connection.execute(moved.values(queue=dead, visible_at=0, received=messages.c.received - 1))


def expire(connection: Connection, queue: str, before: int) -> None:
    """Delete messages that were sent before a time."""
    connection.execute(sa.delete(messages).where(messages.c.queue == queue, messages.c.sent < before))


def sent_at(connection: Connection, queue: str, message_id: str) -> int | None:
    """When a message was sent; None if it is not in the queue."""
    this_message = (messages.c.queue == queue, messages.c.message_id == message_id)
    sent: int | None = connection.execute(sa.select(messages.c.sent).where(*this_message)).scalar_one_or_none()
    return sent


def hide(connection: Connection, queue: str, message_id: str, until: int) -> None:
    """Hide a message from receivers until a time."""
    this_message = (messages.c.queue == queue, messages.c.message_id == message_id)
    connection.execute(sa.update(messages).where(*this_message).values(visible_at=until))


def delete(connection: Connection, queue: str, message_id: str) -> None:
    """Delete a message of a queue."""
    this_message = (messages.c.queue == queue, messages.c.message_id == message_id)
    connection.execute(sa.delete(messages).where(*this_message))


def delete_by_id(connection: Connection, ids: Iterable[str]) -> None:
    """Delete messages, whichever queue they are in."""
    gone = [{"gone": message_id} for message_id in ids]
    if gone:
        connection.execute(sa.delete(messages).where(messages.c.message_id == sa.bindparam("gone")), gone)


def delete_all(connection: Connection, queue: str) -> None:
    """Delete all messages of a queue."""
    connection.execute(sa.delete(messages).where(messages.c.queue == queue))


def oldest(connection: Connection, queue: str, at: int, most: int) -> Sequence[sa.Row[Any]]:
    """The oldest messages that can be received, which stay as they are."""
    query = sa.select(messages.c.message_id, messages.c.body, messages.c.sent)
    query = query.where(messages.c.queue == queue, messages.c.visible_at <= at)
    return list(connection.execute(query.order_by(messages.c.id).limit(most)))


def next_visible(connection: Connection, queue: str, at: int) -> int | None:
    """When the next message that can't be received yet can be; None if there is none."""
    query = sa.select(sa.func.min(messages.c.visible_at)).where(messages.c.queue == queue, messages.c.visible_at > at)
    visible_at: int | None = connection.execute(query).scalar_one()
    return visible_at


def counts(connection: Connection, queue: str, at: int) -> Counts:
    """How many messages a queue has."""
    later, was_received = messages.c.visible_at > at, messages.c.received > 0

    def number(which: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((which, 1), else_=0)), 0)

    query = sa.select(number(~later), number(later & was_received), number(later & ~was_received))
    return Counts(*map(int, connection.execute(query.where(messages.c.queue == queue)).one()))
