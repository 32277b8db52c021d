"""What is kept of embedded EventBridge and IAM: the rules of the default bus, and roles."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import event_rules, roles


class States:
    """What each thing of one kind is, as JSON, by its name."""

    def __init__(self, table: sa.Table) -> None:
        self._table = table

    def kept(self, connection: Connection) -> dict[str, str]:
        """All of them, in the order of their names."""
        rows = connection.execute(sa.select(self._table).order_by(self._table.c.name))
        return {row.name: row.state for row in rows}

    def keep(self, connection: Connection, name: str, state: str) -> None:
        """Keep one that is new, or has changed."""
        self.delete(connection, name)
        connection.execute(sa.insert(self._table).values(name=name, state=state))

    def delete(self, connection: Connection, name: str) -> None:
        """Delete one."""
        connection.execute(sa.delete(self._table).where(self._table.c.name == name))


RULES: Final = States(event_rules)
ROLES: Final = States(roles)
