"""Statements on topics, subscriptions and queues. Messages are in :mod:`.queue_rows`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database import queue_rows
from labeling_provider.service.database.schema import queues, subscriptions, topics


class ResourceKind(StrEnum):
    """The kinds of resource."""

    QUEUE = "queue"
    TOPIC = "topic"
    SUBSCRIPTION = "subscription"


Row = dict[str, Any]
"""A row of one of the three tables: values by column. Each has an ``arn``."""

_TABLES: Final = {ResourceKind.QUEUE: queues, ResourceKind.TOPIC: topics, ResourceKind.SUBSCRIPTION: subscriptions}


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
        queue_rows.delete_all(connection, arn)
