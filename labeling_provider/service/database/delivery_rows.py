"""Statements on messages for HTTP endpoints. Each is a row until the endpoint has accepted it, or it is given up.

An endpoint gets its messages in line: nobody sends one while an earlier one is left. Times are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database import notices
from labeling_provider.service.database.schema import deliveries, subscriptions

DUE: Final = "delivery "
"""How a notice begins that says that an endpoint may have a message to be sent; the endpoint follows."""


class NewDelivery(NamedTuple):
    """A message for an HTTP endpoint.

    :param added: when it was published, in epoch seconds.
    :param endpoint: the SHA-256 of its URL, in hexadecimal.
    :param subscription: the ARN of the subscription that it is for; None if it is for none.
    :param size: bytes of the body.
    :param headers: a JSON object.
    """

    added: float
    endpoint: str
    subscription: str | None
    size: int
    method: str
    url: str
    headers: str
    body: str


def is_subscribed(connection: Connection, subscription: str) -> bool:
    """Whether a subscription exists; if so, it is not deleted before the end of the transaction.

    Others that ask for this wait until then, so that its messages are numbered in the order in which they appear.
    """
    query = sa.select(subscriptions.c.arn).where(subscriptions.c.arn == subscription).with_for_update()
    return connection.execute(query).first() is not None


def add(connection: Connection, new: NewDelivery) -> None:
    """Store a message, last in its endpoint's line, and tell whoever sends."""
    connection.execute(sa.insert(deliveries), new._asdict())
    tell(connection, new.endpoint)


def tell(connection: Connection, endpoint: str) -> None:
    """Tell all processes that an endpoint may have a message to be sent."""
    notices.tell(connection, f"{DUE}{endpoint}")


def in_line(connection: Connection, endpoint: str, max_messages: int) -> int:
    """How many messages an endpoint has to get.

    :param max_messages: how many are counted.
    """
    line = sa.select(deliveries.c.id).where(deliveries.c.endpoint == endpoint).limit(max_messages).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(line)).scalar_one()


def waiting(connection: Connection, max_messages: int) -> int:
    """How many messages there are for all endpoints.

    :param max_messages: how many are counted.
    """
    some = sa.select(deliveries.c.id).limit(max_messages).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()


def oldest(connection: Connection, at: float) -> float:
    """How many seconds ago the oldest message was published; 0 if there is none.

    :param at: the time now.
    """
    added = connection.execute(sa.select(deliveries.c.added).order_by(deliveries.c.id).limit(1)).scalar_one_or_none()
    return 0.0 if added is None else max(at - added, 0.0)


def size(connection: Connection) -> int:
    """Bytes of all messages."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.sum(deliveries.c.size), 0))).scalar_one())


def endpoints(connection: Connection) -> list[str]:
    """The endpoints that have messages."""
    # Each is looked up in the index after the one before: reading every message would take much longer.
    first = sa.select(sa.func.min(deliveries.c.endpoint).label("endpoint")).cte("walked", recursive=True)
    following = sa.select(sa.func.min(deliveries.c.endpoint)).where(deliveries.c.endpoint > first.c.endpoint)
    walked = first.union_all(sa.select(following.scalar_subquery()).where(first.c.endpoint.is_not(None)))
    query = sa.select(walked.c.endpoint).where(walked.c.endpoint.is_not(None))
    return list(connection.execute(query).scalars())


def take(connection: Connection, endpoint: str, at: float, until: float) -> sa.Row[Any] | None:
    """Take the first message of an endpoint's line to send it; nobody else gets it, nor a later one, for a while.

    :param at: the time now.
    :param until: when it is given back if this process has not said what became of it.
    :return: None if there is none, another process is sending it, or it is not due.
    """
    first = sa.select(sa.func.min(deliveries.c.id)).where(deliveries.c.endpoint == endpoint).scalar_subquery()
    free = sa.select(deliveries.c.id).where(deliveries.c.id == first, deliveries.c.due <= at)
    taken = (
        sa.update(deliveries)
        .where(deliveries.c.id.in_(free.with_for_update(skip_locked=True)))
        .values(due=until, attempts=deliveries.c.attempts + 1)
        .returning(deliveries)
    )
    return connection.execute(taken).one_or_none()


def next_due(connection: Connection, endpoint: str) -> float | None:
    """When the first message of an endpoint's line is due, in epoch seconds; None if there is none."""
    query = sa.select(deliveries.c.due).where(deliveries.c.endpoint == endpoint).order_by(deliveries.c.id).limit(1)
    return connection.execute(query).scalar_one_or_none()


def delete(connection: Connection, delivery_id: int) -> None:
    """Delete a message that was delivered or given up."""
    connection.execute(sa.delete(deliveries).where(deliveries.c.id == delivery_id))


def put_off(connection: Connection, delivery_id: int, attempts: int, due: float) -> None:
    """Say that the endpoint has not accepted a message, and when to try again; nothing if it was taken again meanwhile.

    :param attempts: how often it was taken, as :func:`take` has returned it.
    :param due: when to try again, in epoch seconds.
    """
    taken = (deliveries.c.id == delivery_id, deliveries.c.attempts == attempts)
    connection.execute(sa.update(deliveries).where(*taken).values(due=due, failures=deliveries.c.failures + 1))


def give_back(connection: Connection, taken: Iterable[tuple[int, int]]) -> None:
    """Give back messages whose sending is broken off, as if they had not been taken.

    :param taken: the id and the attempts of each.
    """
    for delivery_id, attempts in taken:
        same = (deliveries.c.id == delivery_id, deliveries.c.attempts == attempts)
        connection.execute(sa.update(deliveries).where(*same).values(due=0, attempts=attempts - 1))


def give_back_all(connection: Connection) -> None:
    """Make all messages due. Only for a database that no other process uses."""
    connection.execute(sa.update(deliveries).values(due=0))


def delete_all(connection: Connection, subscription: str) -> None:
    """Delete the messages for a subscription."""
    connection.execute(sa.delete(deliveries).where(deliveries.c.subscription == subscription))
