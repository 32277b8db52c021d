"""Lets jobs be listed in each order, and objects by the bytes of their keys, without looking at all of them."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0008"
down_revision: Final = "0007"

_LISTED: Final = ("created", "modified", "status", "name_key", "workteam_arn", "reference_code")
_LISTS: Final = {
    "jobs_by_created": ("created", "id"),
    "jobs_by_name": ("name_key", "id"),
    "jobs_by_status": ("status", "id"),
    "jobs_by_team": ("workteam_arn", "created", "id"),
}


def upgrade() -> None:
    """Replace the indexes of jobs, and have PostgreSQL compare keys as S3 does."""
    for name in ("ix_jobs_workteam_arn", "ix_jobs_created", "jobs_by_status"):
        op.drop_index(name, "jobs")
    for name, first in _LISTS.items():
        op.create_index(name, "jobs", [*first, *(column for column in _LISTED if column not in first)])
    if op.get_bind().dialect.name == "postgresql":
        op.execute('ALTER TABLE s3_objects ALTER COLUMN key TYPE VARCHAR(1024) COLLATE "C"')
