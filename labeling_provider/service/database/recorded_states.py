"""Statements on the state of embedded EventBridge and IAM: the rules of the default bus, and roles."""

from __future__ import annotations

import json
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.merging import merge_fields
from labeling_provider.service.database.schema import event_rules, roles


class States:
    """The resources of one kind, each a JSON object, by name."""

    def __init__(self, table: sa.Table) -> None:
        self._table = table

    def kept(self, connection: Connection) -> dict[str, str]:
        """All of them, in the order of their names."""
        rows = connection.execute(sa.select(self._table).order_by(self._table.c.name))
        return {row.name: row.state for row in rows}

    def change(self, connection: Connection, name: str, before: str | None, after: str) -> None:
        """Store what somebody has made or changed, and keep what others have changed meanwhile.

        :param before: the state before the change; None if it is new. What others have deleted since stays deleted.
        """
        same = self._table.c.name == name
        query = sa.select(self._table.c.state).where(same).with_for_update()
        stored = connection.execute(query).scalar_one_or_none()
        if stored is not None:
            state = json.dumps(merge_fields(json.loads(before or "{}"), json.loads(after), json.loads(stored)))
            connection.execute(sa.update(self._table).where(same).values(state=state))
        elif before is None:
            connection.execute(sa.insert(self._table).values(name=name, state=after))

    def delete(self, connection: Connection, name: str) -> None:
        """Delete one."""
        connection.execute(sa.delete(self._table).where(self._table.c.name == name))


RULES: Final = States(event_rules)
ROLES: Final = States(roles)
