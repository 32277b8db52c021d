"""Statements on the messages of queues. Several receivers may use one queue at once; none gets what another has.

Times are epoch milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import messages, queues
from labeling_provider.service.database.states import MessageState

_DEAD_LETTER_TARGET: Final = "deadLetterTargetArn"
_MAX_CONDITIONS: Final = 200
"""SQLite takes a thousand in one statement."""
_DEFAULT_RETENTION: Final = 345_600
"""Seconds: four days. Source: SQS reference, ``SetQueueAttributes``."""


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
    connection: Connection, queue: str, at: int, until: int, since: int, max_messages: int, *, in_line: bool
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
    first = free.order_by(messages.c.id).limit(max_messages).with_for_update(skip_locked=True)
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


def with_expired(connection: Connection, at: int) -> dict[str, int]:
    """The queues that have expired messages: before when they were sent, by the queue's ARN.

    :param at: the time now.
    """
    # Messages are stored in the order in which they are sent, so one look into the index says it of a queue.
    sent = sa.select(messages.c.sent).where(messages.c.queue == queues.c.arn).order_by(messages.c.id).limit(1)
    first = sent.scalar_subquery().label("first")
    before = {}
    for arn, settings, first_sent in connection.execute(sa.select(queues.c.arn, queues.c.settings, first)):
        since = at - _retention(settings)
        if first_sent is not None and first_sent < since:
            before[arn] = since
    return before


def expire_first(connection: Connection, queue: str, before: int, max_messages: int) -> bool:
    """Delete those of a queue's first messages that were sent before a time.

    :param max_messages: how many to look at.
    :return: whether there may be more.
    """
    first = sa.select(messages.c.id).where(messages.c.queue == queue).order_by(messages.c.id).limit(max_messages)
    # Somebody else may be deleting them, too.
    old = sa.select(messages.c.id).where(messages.c.id.in_(first), messages.c.sent < before)
    gone = sa.delete(messages).where(messages.c.id.in_(old.with_for_update(skip_locked=True)))
    return connection.execute(gone).rowcount >= max_messages


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


def oldest(connection: Connection, queue: str, at: int, max_messages: int) -> Sequence[sa.Row[Any]]:
    """The oldest messages that can be received, which stay as they are."""
    query = sa.select(messages.c.message_id, messages.c.body, messages.c.sent)
    query = query.where(messages.c.queue == queue, messages.c.visible_at <= at)
    return list(connection.execute(query.order_by(messages.c.id).limit(max_messages)))


def next_visible(connection: Connection, queue: str, at: int) -> int | None:
    """When the next message that can't be received yet can be; None if there is none."""
    query = sa.select(sa.func.min(messages.c.visible_at)).where(messages.c.queue == queue, messages.c.visible_at > at)
    visible_at: int | None = connection.execute(query).scalar_one()
    return visible_at


def counts(connection: Connection, queue: str, at: int) -> Counts:
    """How many messages a queue has that have not expired."""
    settings = connection.execute(sa.select(queues.c.settings).where(queues.c.arn == queue)).scalar_one_or_none()
    query = sa.select(*_numbers(at)).where(messages.c.queue == queue, messages.c.sent >= at - _retention(settings))
    return Counts(*(int(number or 0) for number in connection.execute(query).one()))


def depths(connection: Connection, at: int) -> dict[MessageState, int]:
    """How many messages of all queues are in each state, without those that have expired.

    :param at: the time now.
    """
    dead_letter_queues = _dead_letter_queues(connection)
    depth = dict.fromkeys(MessageState, 0)
    # They are rare: what periodic upkeep has not deleted yet.
    expired = [
        (messages.c.queue == queue) & (messages.c.sent < since)
        for queue, since in islice(with_expired(connection, at).items(), _MAX_CONDITIONS)
    ]
    query = sa.select(messages.c.queue, *_numbers(at)).where(~sa.or_(sa.false(), *expired)).group_by(messages.c.queue)
    for queue, *numbers in connection.execute(query):
        visible, hidden, delayed = map(int, numbers)
        if queue in dead_letter_queues:
            depth[MessageState.DEAD] += visible + hidden + delayed
        else:
            depth[MessageState.WAITING] += visible
            depth[MessageState.IN_FLIGHT] += hidden
            depth[MessageState.DELAYED] += delayed
    return depth


def _retention(settings: str | None) -> int:
    """For how many milliseconds a queue with these settings keeps messages."""
    # Version 0.1.0 stored some settings as strings, and left out those that were not set.
    return 1_000 * int(json.loads(settings or "{}").get("MessageRetentionPeriod") or _DEFAULT_RETENTION)


def _numbers(at: int) -> list[sa.ColumnElement[int]]:
    later, was_received = messages.c.visible_at > at, messages.c.received > 0
    states = (~later, later & was_received, later & ~was_received)
    return [sa.func.sum(sa.case((state, 1), else_=0)) for state in states]


def _dead_letter_queues(connection: Connection) -> set[str]:
    """The ARNs of queues that another queue's redrive policy names."""
    query = sa.select(queues.c.arn, queues.c.settings).where(queues.c.settings.contains(_DEAD_LETTER_TARGET))
    named: set[str] = set()
    for arn, settings in connection.execute(query):
        policy = json.loads(settings).get("RedrivePolicy")
        # Version 0.1.0 stored it as a string.
        target = ((json.loads(policy) if isinstance(policy, str) else policy) or {}).get(_DEAD_LETTER_TARGET)
        # A queue that names itself has no dead letters: it hands out its messages again.
        if target is not None and target != arn:
            named.add(target)
    return named
