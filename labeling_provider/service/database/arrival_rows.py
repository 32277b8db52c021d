"""The data objects of streaming jobs, which come with messages and leave with others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import arrivals, objects
from labeling_provider.service.database.states import ObjectState


def seen(connection: Connection, job_id: int, digests: Collection[str]) -> Sequence[str]:
    """Which deduplication ids a job has had before.

    :param digests: SHA-256 of each.
    """
    query = sa.select(arrivals.c.digest).where(arrivals.c.job_id == job_id, arrivals.c.digest.in_(digests))
    return list(connection.execute(query).scalars())


def add(connection: Connection, job_id: int, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Write new objects down.

    :param rows: digest of the deduplication id, and object_id, line, state and result.
    """
    if not rows:
        return
    connection.execute(sa.insert(objects), [{"job_id": job_id, **row} for _, row in rows])
    came = [
        {"job_id": job_id, "object_id": row["object_id"], "digest": digest, "published": False} for digest, row in rows
    ]
    connection.execute(sa.insert(arrivals), came)


def unpublished(connection: Connection, job_id: int, most: int) -> list[sa.Row[Any]]:
    """The first objects that have a label that has not been sent to the output topic: id, line, result."""
    query = (
        sa.select(objects.c.object_id, objects.c.line, objects.c.result)
        .join(arrivals, (arrivals.c.job_id == objects.c.job_id) & (arrivals.c.object_id == objects.c.object_id))
        .where(arrivals.c.job_id == job_id, arrivals.c.published.is_(False), objects.c.state == ObjectState.LABELED)
        .order_by(arrivals.c.object_id)
        .limit(most)
    )
    return list(connection.execute(query))


def mark_published(connection: Connection, job_id: int, object_ids: Iterable[int]) -> None:
    """Remember whose labels have been sent."""
    mark = (
        sa.update(arrivals)
        .where(arrivals.c.job_id == job_id, arrivals.c.object_id == sa.bindparam("object"))
        .values(published=True)
    )
    connection.execute(mark, [{"object": one} for one in object_ids])
