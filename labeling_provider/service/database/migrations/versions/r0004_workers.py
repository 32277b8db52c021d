"""Adds the times until which simulated workers are at a task."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"


def upgrade() -> None:
    """Add the table; the service introduces its workers when it starts."""
    op.create_table(
        "workers",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("busy_until", sa.Float, nullable=False),
    )
