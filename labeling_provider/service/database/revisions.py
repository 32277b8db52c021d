"""Numbers by which a process sees whether what it remembers is still so."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import revisions


def of_people(connection: Connection) -> int:
    """A number that is another one after each change to who the people are, or what they may do."""
    return int(connection.execute(sa.select(revisions.c.number).where(revisions.c.name == "people")).scalar_one())


CHANGED: Final = "labeling people changed"
"""A mark on the connection of a transaction that changes people."""


def people_changed(connection: Connection) -> None:
    """Say that people have changed, within the transaction that changes them."""
    connection.info[CHANGED] = True
    more = sa.update(revisions).where(revisions.c.name == "people").values(number=revisions.c.number + 1)
    connection.execute(more)
