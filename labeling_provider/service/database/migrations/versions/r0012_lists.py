"""Makes the indexes that jobs are listed by half as large, and notes with each job whose it is.

They had the workteam and the reference code, which their lists never ask for; and whose a job is was looked up for each
job of a list. The version before goes on beside these: its lists only take longer.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0012"
down_revision: Final = "0011"
ONLY_ADDS: Final = True

_LISTS: Final = {
    "jobs_by_created": ("created", "id", "modified", "status", "name_key", "requester"),
    "jobs_by_name": ("name_key", "id", "created", "modified", "status", "requester"),
    "jobs_by_status": ("status", "id", "created", "modified", "name_key", "requester"),
    "jobs_by_team": ("workteam_arn", "created", "id", "status", "reference_code", "requester"),
}


def upgrade() -> None:
    """Add whose jobs are, and replace the indexes."""
    # With a default, the rows that there are stay as they are.
    op.add_column("jobs", sa.Column("requester", sa.String(64), server_default=""))
    op.execute(
        "UPDATE jobs SET requester = (SELECT requester FROM owners WHERE owners.arn = jobs.arn) "
        "WHERE arn IN (SELECT arn FROM owners)"
    )
    if op.get_bind().dialect.name == "postgresql":
        # What processes of the version before make is found by it. Nobody else uses a SQLite database meanwhile.
        op.execute("ALTER TABLE jobs ALTER requester SET DEFAULT NULL")
    for name, columns in _LISTS.items():
        op.drop_index(name, "jobs")
        op.create_index(name, "jobs", list(columns))
    unknown = sa.text("requester IS NULL")
    op.create_index("jobs_of_unknown", "jobs", ["id"], sqlite_where=unknown, postgresql_where=unknown)
