"""The tables in which version 0.1 stored the objects of embedded S3. They are imported once, then dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

_metadata: Final = sa.MetaData()

_buckets: Final = sa.Table(
    "buckets",
    _metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("region", sa.String(32), nullable=False),
)
_settings: Final = sa.Table(
    "bucket_settings",
    _metadata,
    sa.Column("bucket", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("query", sa.Text, nullable=False),
    sa.Column("headers", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
_objects: Final = sa.Table(
    "bucket_objects",
    _metadata,
    sa.Column("bucket", sa.String(255), primary_key=True),
    sa.Column("key", sa.String(1024), primary_key=True),
    sa.Column("modified", sa.Float, nullable=False),
    sa.Column("etag", sa.String(80), nullable=False),
    sa.Column("storage_class", sa.String(32)),
    sa.Column("metadata", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)


class OldSetting(NamedTuple):
    """The request that set something on a bucket.

    :param name: the setting's name, such as ``versioning``.
    :param headers: the request's, as JSON.
    """

    bucket: str
    name: str
    query: str
    headers: str
    body: bytes


class OldObject(NamedTuple):
    """An object.

    :param modified: epoch seconds.
    :param metadata: its headers, as JSON.
    """

    bucket: str
    key: str
    modified: float
    etag: str
    storage_class: str | None
    metadata: str
    body: bytes


def has_old_objects(connection: Connection) -> bool:
    """Whether the database has tables that have not been imported yet."""
    return sa.inspect(connection).has_table(_objects.name)


def old_buckets(connection: Connection, region: str) -> dict[str, str]:
    """The region of each bucket, by name.

    :param region: for buckets whose creation was not recorded, because they were created through their host name.
    """
    used = dict.fromkeys(connection.execute(sa.select(_objects.c.bucket).distinct()).scalars(), region)
    return used | {row.name: row.region for row in connection.execute(sa.select(_buckets))}


def old_objects(connection: Connection) -> Iterator[OldObject]:
    """Every object."""
    for row in connection.execute(sa.select(_objects)).yield_per(100):
        yield OldObject(*row)


def old_settings(connection: Connection) -> list[OldSetting]:
    """The settings of all buckets."""
    return [OldSetting(*row) for row in connection.execute(sa.select(_settings))]


def drop_old_objects(connection: Connection) -> None:
    """Drop the old tables."""
    _metadata.drop_all(connection)
