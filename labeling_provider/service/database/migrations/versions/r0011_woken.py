"""Adds the time at which a job was woken. Versions that don't know it work beside those that do."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0011"
down_revision: Final = "0010"
ONLY_ADDS: Final = True


def upgrade() -> None:
    """Add it."""
    op.add_column("jobs", sa.Column("woken", sa.Float))
