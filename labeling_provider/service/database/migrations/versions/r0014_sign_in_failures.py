"""Adds the wrong passwords of the last minutes, which all processes count together.

Versions that don't know them work beside those that do, and count their own.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0014"
down_revision: Final = "0013"
ONLY_ADDS: Final = True


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "sign_in_failures",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("at", sa.Float, nullable=False, index=True),
        sa.Index("sign_in_failures_by_person", "person", "at"),
        sa.Index("sign_in_failures_by_source", "source", "at"),
    )
