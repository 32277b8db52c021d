"""Adds the people who label in a browser: who they are, what they say, and how long they were active."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0007"
down_revision: Final = "0006"


def upgrade() -> None:
    """Add the tables; there are no people yet."""
    op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name_key", sa.String(64), nullable=False, unique=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("worker_id", sa.String(100), nullable=False, unique=True),
        sa.Column("sub", sa.String(36), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("password", sa.String(200)),
        sa.Column("invitation", sa.String(64), unique=True),
        sa.Column("invited_until", sa.Float),
        sa.Column("settings", sa.Text, nullable=False),
    )
    op.create_table(
        "memberships",
        sa.Column("person_id", sa.Integer, primary_key=True),
        sa.Column("workteam_arn", sa.String(256), primary_key=True),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("person_id", sa.Integer, nullable=False, index=True),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_table(
        "remarks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, nullable=False, index=True),
        sa.Column("object_id", sa.Integer, nullable=False),
        sa.Column("worker_id", sa.String(100), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    with op.batch_alter_table("tasks") as tasks:
        tasks.add_column(sa.Column("spent", sa.Float))
