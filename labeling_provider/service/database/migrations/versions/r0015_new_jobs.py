"""Keeps PostgreSQL from taking a new job for an empty one, and finds open tasks and a person's answers by an index.

PostgreSQL analyzes a table when a tenth of it has changed. Until then it knew nothing of a new job beside large ones,
expected hardly any rows, and looked through all of them for each task. Without statistics of the jobs' numbers, it
takes all jobs for equally large, which is good enough. The version before goes on beside these.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0015"
down_revision: Final = "0014"
ONLY_ADDS: Final = True

_BY_JOB: Final = ("arrivals", "learning", "objects", "tasks")
"""The tables with a choice of indexes that begin with the job."""


def upgrade() -> None:
    """Drop the statistics, and change the indexes."""
    if op.get_bind().dialect.name == "postgresql":
        for table in _BY_JOB:
            # The type stays as it is; naming it is what deletes the statistics that there are.
            op.execute(f"ALTER TABLE {table} ALTER job_id TYPE integer, ALTER job_id SET STATISTICS 0")
    op.drop_index("tasks_by_state", "tasks")
    op.create_index("tasks_by_state", "tasks", ["job_id", "state", "id"])
    submitted = sa.text("state = 'submitted'")
    op.create_index(
        "answers_by_worker", "tasks", ["worker_id", "due"], sqlite_where=submitted, postgresql_where=submitted
    )
