"""What is kept of embedded EventBridge: the rules of the default bus."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import event_rules


def kept(connection: Connection) -> dict[str, str]:
    """What each rule is, as JSON, by its name."""
    return {row.name: row.state for row in connection.execute(sa.select(event_rules).order_by(event_rules.c.name))}


def keep(connection: Connection, name: str, state: str) -> None:
    """Keep a rule that is new, or has changed."""
    delete(connection, name)
    connection.execute(sa.insert(event_rules).values(name=name, state=state))


def delete(connection: Connection, name: str) -> None:
    """Delete a rule."""
    connection.execute(sa.delete(event_rules).where(event_rules.c.name == name))
