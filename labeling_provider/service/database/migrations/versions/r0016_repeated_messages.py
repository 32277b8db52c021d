"""Finds a repeated message of a FIFO queue by an index, not by a look through the queue at each message sent."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0016"
down_revision: Final = "0015"
ONLY_ADDS: Final = True


def upgrade() -> None:
    """Build the index."""
    has_id = sa.text("deduplication_id IS NOT NULL")
    op.create_index(
        "messages_by_deduplication_id",
        "messages",
        ["queue", "deduplication_id"],
        sqlite_where=has_id,
        postgresql_where=has_id,
    )
