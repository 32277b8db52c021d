"""Statements on topics, subscriptions and queues. Messages are in :mod:`.queue_rows`."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database import delivery_rows, queue_rows
from labeling_provider.service.database.merging import merge, merge_fields
from labeling_provider.service.database.schema import queues, subscriptions, topics


class ResourceKind(StrEnum):
    """The kinds of resource."""

    QUEUE = "queue"
    TOPIC = "topic"
    SUBSCRIPTION = "subscription"


Recorded = dict[str, Any]
"""A row of one of the three tables: values by column. Each has an ``arn``."""

_TABLES: Final = {ResourceKind.QUEUE: queues, ResourceKind.TOPIC: topics, ResourceKind.SUBSCRIPTION: subscriptions}

# A topic's fields include its tags. Any other object, such as a redrive policy, is one value.
_OBJECTS: Final = {"settings": merge, "tags": merge, "attributes": merge, "fields": merge_fields}
"""Columns that are JSON objects, and how they are merged."""


def kept(connection: Connection, kind: ResourceKind) -> list[Recorded]:
    """All rows of a kind."""
    return [dict(row) for row in connection.execute(sa.select(_TABLES[kind])).mappings()]


def keep(connection: Connection, kind: ResourceKind, row: Recorded) -> None:
    """Store a new or changed row."""
    table = _TABLES[kind]
    if not connection.execute(sa.update(table).where(table.c.arn == row["arn"]).values(row)).rowcount:
        connection.execute(sa.insert(table).values(row))


def change(connection: Connection, kind: ResourceKind, before: Recorded, after: Recorded) -> None:
    """Store what somebody has changed, and keep what others have changed meanwhile; nothing if it is deleted.

    :param before: the row before the change.
    """
    table = _TABLES[kind]
    same = table.c.arn == after["arn"]
    stored = connection.execute(sa.select(table).where(same).with_for_update()).mappings().one_or_none()
    if stored is not None:
        connection.execute(sa.update(table).where(same).values(merged(before, after, dict(stored))))


def merged(before: Recorded, after: Recorded, stored: Recorded) -> Recorded:
    """A row that two writers have changed: one from ``before`` to ``after``, the other from ``before`` to ``stored``.

    Both changes are in it. What both have changed is as in ``after``.
    """
    changed = {column: value for column, value in after.items() if before.get(column) != value}
    for column in changed.keys() & _OBJECTS.keys():
        changed[column] = json.dumps(_OBJECTS[column](*(json.loads(row[column]) for row in (before, after, stored))))
    return {**stored, **changed}


def delete(connection: Connection, kind: ResourceKind, arn: str) -> None:
    """Delete a resource: a queue with its messages, a subscription with what was not delivered yet."""
    table = _TABLES[kind]
    connection.execute(sa.delete(table).where(table.c.arn == arn))
    if kind == ResourceKind.QUEUE:
        queue_rows.delete_all(connection, arn)
    elif kind == ResourceKind.SUBSCRIPTION:
        delivery_rows.delete_all(connection, arn)
