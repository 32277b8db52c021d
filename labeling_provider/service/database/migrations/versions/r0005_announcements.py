"""Adds the jobs whose end is still to be announced, and the event rules for announcing them."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"


def upgrade() -> None:
    """Add the tables; jobs that ended before are not announced."""
    op.create_table("announcements", sa.Column("job_id", sa.Integer, primary_key=True, autoincrement=False))
    op.create_table(
        "event_rules",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
    )
