"""Adds what worker templates need: the input that a function has made, and named templates and workforces."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0006"
down_revision: Final = "0005"


def upgrade() -> None:
    """Add it."""
    op.create_table(
        "task_inputs",
        sa.Column("job_id", sa.Integer, primary_key=True),
        sa.Column("object_id", sa.Integer, primary_key=True),
        sa.Column("input", sa.Text, nullable=False),
    )
    op.create_table(
        "human_task_uis",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("arn", sa.String(300), nullable=False, unique=True),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False, index=True),
    )
    op.create_table(
        "workforces",
        sa.Column("name_key", sa.String(63), primary_key=True),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("arn", sa.String(300), nullable=False, unique=True),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("client_secret", sa.Text),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
    )
