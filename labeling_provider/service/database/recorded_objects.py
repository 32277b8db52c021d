"""Statements on the state of embedded S3: buckets, and every version of every object."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.schema import s3_buckets, s3_objects

MAX_READ_AHEAD: Final = 64_000
"""Bodies of up to this many bytes are read together with the rest of a version."""
_MAX_PART: Final = 1 << 20
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
    :param body: its bytes, or a file with them if they may be many.
    """

    place: VersionPlace
    state: str
    body: bytes | IO[bytes]


class StoredVersion(NamedTuple):
    """A version of an object, or a delete marker, as it is looked up.

    :param number: the later of two versions has the greater one.
    :param state: everything but its bytes, as JSON.
    :param size: its size in bytes.
    :param body: the bytes; None if there are so many that they are read when they are needed.
    """

    number: int
    key: str
    version: str
    state: str
    size: int
    body: bytes | None


_FOUND: Final = sa.select(
    s3_objects.c.id,
    s3_objects.c.key,
    s3_objects.c.version,
    s3_objects.c.state,
    sa.func.length(s3_objects.c.body),
    sa.case((sa.func.length(s3_objects.c.body) <= MAX_READ_AHEAD, s3_objects.c.body)),
)


def kept_buckets(connection: Connection) -> Iterator[tuple[str, str]]:
    """The name of each bucket and its settings as JSON, in the order of creation."""
    for row in connection.execute(sa.select(s3_buckets).order_by(s3_buckets.c.id)):
        yield row.name, row.state


def versions_of(connection: Connection, bucket: str, key: str) -> list[StoredVersion]:
    """The versions of an object and its delete markers, oldest first."""
    own = (s3_objects.c.bucket == bucket, s3_objects.c.key == key)
    return [StoredVersion(*row) for row in connection.execute(_FOUND.where(*own).order_by(s3_objects.c.id))]


def body_of(connection: Connection, stored: StoredVersion) -> bytes | None:
    """The bytes of a version; None if it was overwritten or deleted since it was found."""
    # SQLite gives the number of the last row that was deleted to the next one.
    same = (s3_objects.c.id == stored.number, s3_objects.c.state == stored.state)
    body: bytes | None = connection.execute(sa.select(s3_objects.c.body).where(*same)).scalar_one_or_none()
    return body


def copy_body(connection: Connection, stored: StoredVersion, begin: int, end: int, file: IO[bytes]) -> bool:
    """Copy some of the bytes of a version into a file, a part at a time.

    :param begin: the first byte's position.
    :param end: the position after the last byte.
    :return: False if the version was overwritten or deleted since it was found: then the file is useless.
    """
    read = _blob_reader if connection.dialect.name == "sqlite" else _part_reader
    same = sa.select(s3_objects.c.id).where(s3_objects.c.id == stored.number, s3_objects.c.state == stored.state)
    try:
        with read(connection, stored.number) as part:
            if connection.execute(same).one_or_none() is None:
                return False
            for place in range(begin, end, _MAX_PART):
                file.write(part(place, min(_MAX_PART, end - place)))
    except sqlite3.OperationalError as error:
        # SQLite's way of saying that the row was changed meanwhile, or does not exist.
        if connection.execute(same).one_or_none() is not None:
            raise sa.exc.OperationalError("reading a body", None, error) from error
        return False
    return connection.execute(same).one_or_none() is not None


@contextmanager
def _blob_reader(connection: Connection, number: int) -> Iterator[Callable[[int, int], bytes]]:
    """Reads bytes of a body by position and number. In SQL, SQLite would read all of it each time."""
    driver: Any = connection.connection.driver_connection
    with driver.blobopen(s3_objects.name, s3_objects.c.body.name, number, readonly=True) as blob:

        def part(place: int, size: int) -> bytes:
            blob.seek(place)
            body: bytes = blob.read(size)
            return body

        yield part


@contextmanager
def _part_reader(connection: Connection, number: int) -> Iterator[Callable[[int, int], bytes]]:
    """Reads bytes of a body by position and number."""

    def part(place: int, size: int) -> bytes:
        cut = sa.func.substr(s3_objects.c.body, place + 1, size, type_=s3_objects.c.body.type)
        body: bytes | None = connection.execute(sa.select(cut).where(s3_objects.c.id == number)).scalar_one_or_none()
        return body or b""

    yield part


def latest_versions(
    connection: Connection, bucket: str, first: str, limit: int, *, after: bool = False
) -> list[StoredVersion]:
    """The latest version of each key of a bucket, by key in the order of its bytes.

    :param first: the first key.
    :param limit: most keys to read.
    :param after: begin after the first key, not with it.
    """
    latest = _keys(bucket, first, after=after).add_columns(sa.func.max(s3_objects.c.id).label("id")).limit(limit)
    chosen = latest.subquery()
    query = _FOUND.join(chosen, s3_objects.c.id == chosen.c.id).order_by(s3_objects.c.key)
    return [StoredVersion(*row) for row in connection.execute(query)]


def all_versions(
    connection: Connection, bucket: str, first: str, limit: int, *, after: bool = False
) -> list[StoredVersion]:
    """All versions of some keys of a bucket, by key in the order of its bytes, newest first.

    The parameters are those of :func:`latest_versions`.
    """
    keys = _keys(bucket, first, after=after).limit(limit)
    query = _FOUND.where(s3_objects.c.bucket == bucket, s3_objects.c.key.in_(keys))
    return [StoredVersion(*row) for row in connection.execute(query.order_by(s3_objects.c.key, s3_objects.c.id.desc()))]


def count_keys(connection: Connection, bucket: str) -> int:
    """How many keys a bucket has versions or delete markers of."""
    query = sa.select(sa.func.count(sa.distinct(s3_objects.c.key))).where(s3_objects.c.bucket == bucket)
    return int(connection.execute(query).scalar_one())


def _keys(bucket: str, first: str, *, after: bool) -> sa.Select[tuple[str]]:
    """The keys of a bucket, in the order of their bytes."""
    key = s3_objects.c.key
    begins = key > first if after else key >= first
    return sa.select(key).where(s3_objects.c.bucket == bucket, begins).group_by(key).order_by(key)


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
    added: list[dict[str, Any]] = []
    # Delete first: a new version may have the id of an old one.
    _execute(connection, sa.delete(s3_objects).where(_THE_VERSION), [_bound(place) for place in gone])
    for version in new:
        row = {**version.place._asdict(), "state": version.state}
        if isinstance(version.body, bytes):
            added.append({**row, "body": version.body})
        else:
            _insert_from(connection, row, version.body)
    _execute(connection, sa.insert(s3_objects), added)
    update = sa.update(s3_objects).where(_THE_VERSION).values(state=sa.bindparam("new_state"))
    _execute(connection, update, [{**_bound(place), "new_state": state} for place, state in changed])


def _insert_from(connection: Connection, row: dict[str, str], file: IO[bytes]) -> None:
    """Add a version with the bytes of a file, a part at a time."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if connection.dialect.name == "sqlite":
        added = connection.execute(sa.insert(s3_objects).values(**row, body=sa.func.zeroblob(size)))
        _fill_blob(connection, added.inserted_primary_key[0], file)  # type: ignore[index]
        return
    # A large object takes bytes in parts, which a column can't. Source: PostgreSQL's documentation, "Large Objects".
    number = connection.execute(sa.select(sa.func.lo_from_bytea(0, b""))).scalar_one()
    for place in range(0, size, _MAX_PART):
        connection.execute(sa.select(sa.func.lo_put(number, sa.cast(place, sa.BigInteger), file.read(_MAX_PART))))
    connection.execute(sa.insert(s3_objects).values(**row, body=sa.func.lo_get(number)))
    connection.execute(sa.select(sa.func.lo_unlink(number)))


def _fill_blob(connection: Connection, number: int, file: IO[bytes]) -> None:
    """Write the bytes of a file over a body of the same size in SQLite."""
    driver: Any = connection.connection.driver_connection
    try:
        with driver.blobopen(s3_objects.name, s3_objects.c.body.name, number) as blob:
            while part := file.read(_MAX_PART):
                blob.write(part)
    except sqlite3.OperationalError as error:
        raise sa.exc.OperationalError("writing a body", None, error) from error


def _execute(connection: Connection, statement: sa.Executable, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(statement, rows)


def _bound(place: VersionPlace) -> dict[str, str]:
    return {"in_bucket": place.bucket, "of_key": place.key, "of_version": place.version}
