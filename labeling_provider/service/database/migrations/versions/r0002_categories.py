"""Drops unused data: the categories of a job, and the schema's number from before migrations."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("categories")
    op.drop_table("database_information", if_exists=True)
