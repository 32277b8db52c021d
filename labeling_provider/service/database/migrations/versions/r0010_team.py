"""Adds what several processes share: messages in flight, roles, and the oldest code that may work here.

From here on, ids of jobs, people and tasks are never reused, even in SQLite, which needs AUTOINCREMENT for that.
"""

from __future__ import annotations

import json
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0010"
down_revision: Final = "0009"

_NUMBERED: Final = ("jobs", "people", "tasks")
_MESSAGES: Final = sa.table(
    "messages", sa.column("id"), sa.column("details"), sa.column("group_id"), sa.column("deduplication_id")
)


def upgrade() -> None:
    """Add it. Messages in flight can be received again."""
    for column in (
        sa.Column("visible_at", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("received", sa.Integer, nullable=False, server_default="0"),
        sa.Column("first_received", sa.BigInteger),
        sa.Column("group_id", sa.String(128)),
        sa.Column("deduplication_id", sa.String(128)),
    ):
        op.add_column("messages", column)
    op.add_column("announcements", sa.Column("claimed_until", sa.Float, nullable=False, server_default="0"))
    op.create_index("messages_by_age", "messages", ["queue", "id"])
    op.drop_index("ix_messages_queue", "messages")
    _name_groups()
    op.create_table(
        "roles", sa.Column("name", sa.String(64), primary_key=True), sa.Column("state", sa.Text, nullable=False)
    )
    revisions = sa.table("revisions", sa.column("name"), sa.column("number"))
    op.bulk_insert(revisions, [{"name": "cloud", "number": 1}, {"name": "oldest code", "number": 10}])
    if op.get_bind().dialect.name == "sqlite":
        for name in _NUMBERED:
            with op.batch_alter_table(name, recreate="always", table_kwargs={"sqlite_autoincrement": True}):
                pass


def _name_groups() -> None:
    """Fill the columns of messages in FIFO queues from their JSON."""
    connection = op.get_bind()
    lined: list[dict[str, Any]] = []
    for message in connection.execute(sa.select(_MESSAGES.c.id, _MESSAGES.c.details)):
        details = json.loads(message.details)
        if details.get("group_id") or details.get("deduplication_id"):
            row = {"at": message.id, "of": details.get("group_id"), "once": details.get("deduplication_id")}
            lined.append(row)
    if lined:
        named: dict[str, Any] = {"group_id": sa.bindparam("of"), "deduplication_id": sa.bindparam("once")}
        connection.execute(sa.update(_MESSAGES).where(_MESSAGES.c.id == sa.bindparam("at")).values(named), lined)
