"""Statements on the audit trail: who did what, and what was refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.locks import take_turns
from labeling_provider.service.database.schema import audit_trail

OK: Final = "ok"
"""The outcome of what was not refused."""
_LIKE: Final = ("who", "role", "address", "what", "outcome")
"""The columns that refusals of one kind have in common."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One thing that somebody has done, or tried to do.

    :param at: epoch seconds.
    :param who: a requester's name, a person's worker id, or what somebody who was refused has claimed to be.
    :param role: ``administrator``, ``requester``, ``worker`` or ``nobody``.
    :param address: the IP address.
    :param what: the operation.
    :param target: what it was done to.
    :param outcome: ``ok``, or the code of the refusal.
    """

    at: float
    who: str
    role: str
    address: str
    what: str
    target: str
    outcome: str


def insert(connection: Connection, row: AuditRow) -> None:
    """Add a row. Strings that are too long are cut."""
    connection.execute(sa.insert(audit_trail).values(_values(row)))


def insert_refusal(connection: Connection, row: AuditRow, since: float, max_refusals: int) -> bool:
    """Add a row about a refusal, unless its like is there, or too many others.

    :param since: from when on others count, in epoch seconds.
    :param max_refusals: most refusals since then.
    :return: whether it was added.
    """
    # The statement does not see what others are just inserting.
    take_turns(connection, "refusals")
    values = _values(row)
    recent = (audit_trail.c.at >= since, audit_trail.c.outcome != OK)
    like = [audit_trail.c[name] == values[name] for name in _LIKE]
    is_new = ~sa.exists().where(*recent, *like)
    number = sa.select(sa.func.count()).select_from(audit_trail).where(*recent).scalar_subquery()
    added = sa.select(*(sa.literal(value) for value in values.values())).where(is_new, number < max_refusals)
    insert_new = sa.insert(audit_trail).from_select(list(values), added).returning(audit_trail.c.id)
    return connection.execute(insert_new).first() is not None


def latest(connection: Connection, limit: int, who: str | None, since: float) -> list[AuditRow]:
    """The latest rows, latest first.

    :param who: only what this requester or person has done.
    :param since: not before, in epoch seconds.
    """
    columns = [audit_trail.c[name] for name in AuditRow.__slots__]
    query = sa.select(*columns).where(audit_trail.c.at >= since).order_by(audit_trail.c.id.desc()).limit(limit)
    if who is not None:
        query = query.where(audit_trail.c.who == who)
    return [AuditRow(*row) for row in connection.execute(query)]


def forget(connection: Connection, before: float) -> int:
    """Delete older rows; returns how many."""
    return int(connection.execute(sa.delete(audit_trail).where(audit_trail.c.at < before)).rowcount)


def _values(row: AuditRow) -> dict[str, Any]:
    """A row's columns. Strings that are too long are cut."""
    values = {name: getattr(row, name) for name in AuditRow.__slots__}
    for name, value in values.items():
        if isinstance(value, str):
            values[name] = value[: audit_trail.c[name].type.length]  # type: ignore[attr-defined]
    return values
