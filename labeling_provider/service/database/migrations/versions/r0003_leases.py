"""Adds leases and due times to jobs."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"


def upgrade() -> None:
    """Add the columns. Every job is due and free."""
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("lease_owner", sa.String(32)))
        jobs.add_column(sa.Column("lease_until", sa.Float, nullable=False, server_default="0"))
        jobs.add_column(sa.Column("lease_number", sa.Integer, nullable=False, server_default="0"))
        jobs.add_column(sa.Column("due", sa.Float, nullable=False, server_default="0"))
