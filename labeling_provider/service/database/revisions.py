"""Numbers that show a process whether what it remembers is still valid."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import revisions

PEOPLE: Final = "people"
"""Who the people are, and what they may do."""
CLOUD: Final = "cloud"
"""Topics, subscriptions, queues, event rules and roles."""
OLDEST_CODE: Final = "oldest code"
"""The last migration known to the oldest code that may still work with these tables."""

CHANGED: Final = "labeling changed"
"""Key under which a transaction's connection keeps the names of what it changes."""


def number_of(connection: Connection, name: str) -> int:
    """A number that differs after each change."""
    return int(connection.execute(sa.select(revisions.c.number).where(revisions.c.name == name)).scalar_one())


def changed(connection: Connection, name: str) -> None:
    """Note that something has changed, within the transaction that changes it."""
    connection.info.setdefault(CHANGED, set()).add(name)
    more = sa.update(revisions).where(revisions.c.name == name).values(number=revisions.c.number + 1)
    connection.execute(more)


def people_changed(connection: Connection) -> None:
    """Note that people have changed."""
    changed(connection, PEOPLE)
