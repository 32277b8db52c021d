"""Adds whose turn it is to go on with a job, and when it is due."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"


def upgrade() -> None:
    """Add it; every job is due and nobody's."""
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("lease_owner", sa.String(32)))
        jobs.add_column(sa.Column("lease_until", sa.Float, nullable=False, server_default="0"))
        jobs.add_column(sa.Column("lease_number", sa.Integer, nullable=False, server_default="0"))
        jobs.add_column(sa.Column("due", sa.Float, nullable=False, server_default="0"))
