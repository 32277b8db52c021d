"""Tags of labeling jobs and workteams."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import jobs, tags, workteams


def is_taggable(connection: Connection, arn: str) -> bool:
    """Whether a labeling job or a workteam has this ARN."""
    return any(
        connection.execute(sa.select(table.c.arn).where(table.c.arn == arn)).first() is not None
        for table in (jobs, workteams)
    )


def read_tags(connection: Connection, arn: str) -> dict[str, str]:
    """Values by key, in the order of the keys."""
    query = sa.select(tags.c.key, tags.c.value).where(tags.c.arn == arn).order_by(tags.c.key)
    return {row.key: row.value for row in connection.execute(query)}


def put_tags(connection: Connection, arn: str, given: Mapping[str, str]) -> None:
    """Add tags; one of the same key is replaced.

    :param given: values by key.
    """
    if given:
        delete_tags(connection, arn, list(given))
        rows = [{"arn": arn, "key": key, "value": value} for key, value in given.items()]
        connection.execute(sa.insert(tags), rows)


def delete_tags(connection: Connection, arn: str, keys: Collection[str]) -> None:
    """Take tags away."""
    connection.execute(sa.delete(tags).where(tags.c.arn == arn, tags.c.key.in_(keys)))


def delete_all_tags(connection: Connection, arn: str) -> None:
    """Take all tags away."""
    connection.execute(sa.delete(tags).where(tags.c.arn == arn))
