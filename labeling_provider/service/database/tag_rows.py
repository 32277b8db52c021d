"""Tags of labeling jobs, workteams, workforces and worker templates."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.job_rows import find_job_by_arn
from labeling_provider.service.database.schema import human_task_uis, tags, workforces, workteams


def is_taggable(connection: Connection, arn: str) -> bool:
    """Whether something that can have tags has this ARN."""
    # Of these there are few; of jobs there may be many, and their ARNs have no index.
    return find_job_by_arn(connection, arn) is not None or any(
        connection.execute(sa.select(table.c.arn).where(table.c.arn == arn)).first() is not None
        for table in (workteams, workforces, human_task_uis)
    )


def read_tags(connection: Connection, arn: str) -> dict[str, str]:
    """A resource's tags: values by key, sorted by key."""
    query = sa.select(tags.c.key, tags.c.value).where(tags.c.arn == arn).order_by(tags.c.key)
    return {row.key: row.value for row in connection.execute(query)}


def put_tags(connection: Connection, arn: str, given: Mapping[str, str]) -> None:
    """Add tags. A tag with the same key is replaced.

    :param given: values by key.
    """
    if given:
        delete_tags(connection, arn, list(given))
        rows = [{"arn": arn, "key": key, "value": value} for key, value in given.items()]
        connection.execute(sa.insert(tags), rows)


def delete_tags(connection: Connection, arn: str, keys: Collection[str]) -> None:
    """Delete tags by key."""
    connection.execute(sa.delete(tags).where(tags.c.arn == arn, tags.c.key.in_(keys)))


def delete_all_tags(connection: Connection, arn: str) -> None:
    """Delete all tags of a resource."""
    connection.execute(sa.delete(tags).where(tags.c.arn == arn))
