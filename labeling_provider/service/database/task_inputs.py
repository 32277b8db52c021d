"""What pre-annotation functions have made of data objects for the workers' templates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import task_inputs, tasks


def put(connection: Connection, job_id: int, inputs: Mapping[int, str]) -> None:
    """Keep the inputs of objects, in place of earlier ones.

    :param inputs: JSON by object id.
    """
    if not inputs:
        return
    these = (task_inputs.c.job_id == job_id, task_inputs.c.object_id == sa.bindparam("object"))
    connection.execute(sa.delete(task_inputs).where(*these), [{"object": object_id} for object_id in inputs])
    rows = [{"job_id": job_id, "object_id": object_id, "input": text} for object_id, text in inputs.items()]
    connection.execute(sa.insert(task_inputs), rows)


def of_object(connection: Connection, job_id: int, object_id: int) -> dict[str, Any] | None:
    """What a function has made of an object; None if none was asked."""
    these = (task_inputs.c.job_id == job_id, task_inputs.c.object_id == object_id)
    return _read(connection, sa.select(task_inputs.c.input).where(*these))


def of_task(connection: Connection, task_id: int) -> dict[str, Any] | None:
    """What a function has made of a task's object; None if none was asked."""
    same = (task_inputs.c.job_id == tasks.c.job_id) & (task_inputs.c.object_id == tasks.c.object_id)
    return _read(connection, sa.select(task_inputs.c.input).join(tasks, same).where(tasks.c.id == task_id))


def _read(connection: Connection, query: sa.Select[Any]) -> dict[str, Any] | None:
    text = connection.execute(query).scalar_one_or_none()
    return None if text is None else dict(json.loads(text))
