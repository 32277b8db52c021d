"""Lets jobs be listed by when they changed, and objects by the bytes of their keys, without looking at all of them."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0008"
down_revision: Final = "0007"


def upgrade() -> None:
    """Add an index, and have PostgreSQL compare keys as S3 does."""
    op.create_index("jobs_by_modified", "jobs", ["modified", "created", "name_key", "status"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute('ALTER TABLE s3_objects ALTER COLUMN key TYPE VARCHAR(1024) COLLATE "C"')
