"""Statements on how long simulated workers are at a task: each does one at a time, in any job and any process."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import tasks, workers
from labeling_provider.service.database.states import TaskState

_OCCUPY: Final = (
    sa.update(workers)
    .where(workers.c.id == sa.bindparam("worker"), workers.c.busy_until <= sa.bindparam("at"))
    .values(busy_until=sa.bindparam("due"))
)


def introduce(connection: Connection, ids: Collection[str]) -> None:
    """Add workers, with the tasks that they have; known ones stay as they are."""
    new = set(ids) - set(connection.execute(sa.select(workers.c.id).where(workers.c.id.in_(ids))).scalars())
    if not new:
        return
    # Only a database from before there were workers has tasks of new ones: all tasks are looked through.
    held = sa.select(tasks.c.worker_id, sa.func.max(tasks.c.due)).where(tasks.c.state == TaskState.ACCEPTED)
    busy = {row[0]: row[1] for row in connection.execute(held.group_by(tasks.c.worker_id))}
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    rows = [{"id": worker, "busy_until": busy.get(worker, 0.0)} for worker in sorted(new)]
    # Several services may start at once.
    connection.execute(insert(workers).on_conflict_do_nothing(), rows)


def busy(connection: Connection, ids: Collection[str]) -> dict[str, float]:
    """Until when workers are, or were, at their last task; 0 if they have had none."""
    if not ids:
        return {}
    query = sa.select(workers.c.id, workers.c.busy_until).where(workers.c.id.in_(ids))
    return {row.id: row.busy_until for row in connection.execute(query)}


def occupy(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Assign workers to tasks; returns whether all of them were free.

    :param rows: worker, and the times from (``at``) and until when (``due``) the worker is at the task; of each worker
        in this order.
    """
    # Ordered by name, so that two transactions that want the same workers do not deadlock.
    wanted = sorted(rows, key=lambda row: str(row["worker"]))
    return not wanted or connection.execute(_OCCUPY, wanted).rowcount == len(wanted)
