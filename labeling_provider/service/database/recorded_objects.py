"""Statements on the state of embedded S3: buckets, and every version of every object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import s3_buckets, s3_objects

_THE_VERSION: Final = (
    (s3_objects.c.bucket == sa.bindparam("in_bucket"))
    & (s3_objects.c.key == sa.bindparam("of_key"))
    & (s3_objects.c.version == sa.bindparam("of_version"))
)


class VersionPlace(NamedTuple):
    """The address of an object version."""

    bucket: str
    key: str
    version: str


class KeptVersion(NamedTuple):
    """A version of an object, or a delete marker.

    :param state: everything but its bytes, as JSON.
    """

    place: VersionPlace
    state: str
    body: bytes


def kept_buckets(connection: Connection) -> Iterator[tuple[str, str]]:
    """The name of each bucket and its settings as JSON, in the order of creation."""
    for row in connection.execute(sa.select(s3_buckets).order_by(s3_buckets.c.id)):
        yield row.name, row.state


def kept_versions(connection: Connection) -> Iterator[KeptVersion]:
    """Every version of every object, oldest first."""
    for row in connection.execute(sa.select(s3_objects).order_by(s3_objects.c.id)).yield_per(100):
        yield KeptVersion(VersionPlace(row.bucket, row.key, row.version), row.state, row.body)


def keep_bucket(connection: Connection, name: str, state: str) -> None:
    """Store a new bucket, or the new settings of an existing one.

    :param state: its settings, as JSON.
    """
    changed = sa.update(s3_buckets).where(s3_buckets.c.name == name).values(state=state)
    if not connection.execute(changed).rowcount:
        connection.execute(sa.insert(s3_buckets).values(name=name, state=state))


def delete_bucket(connection: Connection, name: str) -> None:
    """Delete a bucket and everything in it."""
    connection.execute(sa.delete(s3_objects).where(s3_objects.c.bucket == name))
    connection.execute(sa.delete(s3_buckets).where(s3_buckets.c.name == name))


def keep_versions(
    connection: Connection,
    *,
    gone: Iterable[VersionPlace],
    new: Iterable[KeptVersion],
    changed: Iterable[tuple[VersionPlace, str]],
) -> None:
    """Store changes to versions.

    :param gone: versions to delete.
    :param new: versions to add.
    :param changed: the new state of each changed version, as JSON.
    """
    added = [{**version.place._asdict(), "state": version.state, "body": version.body} for version in new]
    # Delete first: a new version may have the id of an old one.
    _execute(connection, sa.delete(s3_objects).where(_THE_VERSION), [_bound(place) for place in gone])
    _execute(connection, sa.insert(s3_objects), added)
    update = sa.update(s3_objects).where(_THE_VERSION).values(state=sa.bindparam("new_state"))
    _execute(connection, update, [{**_bound(place), "new_state": state} for place, state in changed])


def _execute(connection: Connection, statement: sa.Executable, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(statement, rows)


def _bound(place: VersionPlace) -> dict[str, str]:
    return {"in_bucket": place.bucket, "of_key": place.key, "of_version": place.version}
