"""Statements on the data objects of streaming jobs: which have arrived, and which have been published."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import arrivals, objects
from labeling_provider.service.database.states import ObjectState


def seen(connection: Connection, job_id: int, digests: Collection[str]) -> Sequence[str]:
    """Those of some deduplication ids that a job already has.

    :param digests: their SHA-256, in hexadecimal.
    """
    query = sa.select(arrivals.c.digest).where(arrivals.c.job_id == job_id, arrivals.c.digest.in_(digests))
    return list(connection.execute(query).scalars())


def add(connection: Connection, job_id: int, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Insert new objects.

    :param rows: for each, the digest of its deduplication id, and its object_id, line, state and result.
    """
    if not rows:
        return
    connection.execute(sa.insert(objects), [{"job_id": job_id, **row} for _, row in rows])
    new = [
        {"job_id": job_id, "object_id": row["object_id"], "digest": digest, "published": False} for digest, row in rows
    ]
    connection.execute(sa.insert(arrivals), new)


def unpublished(connection: Connection, job_id: int, max_objects: int) -> list[sa.Row[Any]]:
    """The first labeled objects that have not been published to the output topic: object_id, line, result.

    :param max_objects: how many, at most.
    """
    query = (
        sa.select(objects.c.object_id, objects.c.line, objects.c.result)
        .join(arrivals, (arrivals.c.job_id == objects.c.job_id) & (arrivals.c.object_id == objects.c.object_id))
        .where(arrivals.c.job_id == job_id, arrivals.c.published.is_(False), objects.c.state == ObjectState.LABELED)
        .order_by(arrivals.c.object_id)
        .limit(max_objects)
    )
    return list(connection.execute(query))


def mark_published(connection: Connection, job_id: int, object_ids: Iterable[int]) -> None:
    """Mark objects as published."""
    mark = (
        sa.update(arrivals)
        .where(arrivals.c.job_id == job_id, arrivals.c.object_id == sa.bindparam("object"))
        .values(published=True)
    )
    connection.execute(mark, [{"object": object_id} for object_id in object_ids])
