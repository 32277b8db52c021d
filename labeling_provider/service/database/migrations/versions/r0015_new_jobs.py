"""Keeps PostgreSQL from taking a new job for an empty one, and finds open tasks and a person's answers by an index.

PostgreSQL analyzes a table when a tenth of it has changed. Until then it knew nothing of a new job beside large ones,
expected hardly any rows, and looked through all of them for each task. Without statistics of the jobs' numbers, it
takes all jobs for equally large, which is good enough. The version before goes on beside these.
"""

from __future__ import annotations

import time
from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0015"
down_revision: Final = "0014"
ONLY_ADDS: Final = True

_BY_JOB: Final = ("arrivals", "learning", "objects", "tasks")
"""The tables with a choice of indexes that begin with the job."""
_WAIT_SECONDS: Final = 600.0
_LOCK: Final = sa.text(f"LOCK TABLE {', '.join(_BY_JOB)} IN ACCESS EXCLUSIVE MODE")
_SOON: Final = sa.text("SET LOCAL lock_timeout = '500ms'")
"""Less than PostgreSQL's deadlock_timeout, so that nobody at work is ended for a deadlock."""


def upgrade() -> None:
    """Drop the statistics, and change the indexes."""
    if op.get_bind().dialect.name == "postgresql":
        _lock(op.get_bind())
        for table in _BY_JOB:
            # The type stays as it is; naming it is what deletes the statistics that there are.
            op.execute(f"ALTER TABLE {table} ALTER job_id TYPE integer, ALTER job_id SET STATISTICS 0")
    op.drop_index("tasks_by_state", "tasks")
    op.create_index("tasks_by_state", "tasks", ["job_id", "state", "id"])
    submitted = sa.text("state = 'submitted'")
    op.create_index(
        "answers_by_worker", "tasks", ["worker_id", "due"], sqlite_where=submitted, postgresql_where=submitted
    )


def _lock(connection: sa.Connection) -> None:
    """Take all tables at once, letting those at work go on in between: they use several, in any order."""
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            with connection.begin_nested():
                connection.execute(_SOON)
                connection.execute(_LOCK)
        except sa.exc.OperationalError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.1)
        else:
            return
