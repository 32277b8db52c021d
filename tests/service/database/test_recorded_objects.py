"""Buckets and versions of objects as they are kept."""

from __future__ import annotations

from io import BytesIO

import sqlalchemy as sa

from labeling_provider.service.database import recorded_objects as record
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.recorded_objects import MAX_READ_AHEAD, KeptVersion, VersionPlace


def version(number: int, bucket: str = "lab", state: str = "{}", key: str = "key") -> KeptVersion:
    return KeptVersion(VersionPlace(bucket, key, str(number)), state, b"\0body")


class Watched(BytesIO):
    """A file that notes how many bytes are read at once."""

    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        self.largest = max(self.largest, len(part))
        return part


def kept(connection: Connection, bucket: str, key: str = "key") -> list[tuple[str, str]]:
    return [(row.version, row.state) for row in record.versions_of(connection, bucket, key)]


def test_versions_come_go_and_change_oldest_first(connection: Connection) -> None:
    record.keep_versions(connection, gone=[], new=[version(2), version(1), version(2, "yard")], changed=[])
    record.keep_versions(
        connection,
        # The same version again, as where a bucket keeps no versions.
        gone=[version(2).place],
        new=[version(2, state='"new"')],
        changed=[(version(1).place, '"changed"')],
    )
    assert kept(connection, "lab") == [("1", '"changed"'), ("2", '"new"')]
    assert kept(connection, "yard") == [("2", "{}")]
    assert kept(connection, "lab", "other") == []


def test_a_bucket_goes_with_its_versions(connection: Connection) -> None:
    record.keep_bucket(connection, "yard", "{}")
    record.keep_bucket(connection, "lab", "{}")
    record.keep_bucket(connection, "yard", '"new"')
    assert list(record.kept_buckets(connection)) == [("yard", '"new"'), ("lab", "{}")]
    record.keep_versions(connection, gone=[], new=[version(1), version(1, "yard")], changed=[])
    record.delete_bucket(connection, "yard")
    assert list(record.kept_buckets(connection)) == [("lab", "{}")]
    assert (kept(connection, "lab"), kept(connection, "yard")) == ([("1", "{}")], [])


def test_long_bodies_are_read_only_when_they_are_asked_for(connection: Connection) -> None:
    bodies = [b"s" * MAX_READ_AHEAD, b"l" * (MAX_READ_AHEAD + 1), b""]
    new = [KeptVersion(VersionPlace("lab", "key", str(number)), "{}", body) for number, body in enumerate(bodies)]
    record.keep_versions(connection, gone=[], new=new, changed=[])
    short, long, none = record.versions_of(connection, "lab", "key")
    assert [row.size for row in (short, long, none)] == list(map(len, bodies))
    assert [row.body for row in (short, long, none)] == [bodies[0], None, b""]
    assert record.body_of(connection, long) == bodies[1]
    record.keep_versions(connection, gone=[new[1].place], new=[], changed=[])
    assert record.body_of(connection, long) is None


def test_keys_are_read_page_by_page_in_the_order_of_their_bytes(connection: Connection) -> None:
    # As a language orders them they would be ä, a, B.
    new = [version(1, key=key) for key in ("ä", "b", "B", "a/x")] + [version(2, key="b"), version(1, "yard", key="c")]
    record.keep_versions(connection, gone=[], new=new, changed=[])
    latest = record.latest_versions(connection, "lab", "", 9)
    assert [(row.key, row.version) for row in latest] == [("B", "1"), ("a/x", "1"), ("b", "2"), ("ä", "1")]
    assert [row.key for row in record.latest_versions(connection, "lab", "a/x", 2)] == ["a/x", "b"]
    assert [row.key for row in record.latest_versions(connection, "lab", "a/x", 2, after=True)] == ["b", "ä"]
    every = record.all_versions(connection, "lab", "a/x", 1, after=True)
    assert [(row.key, row.version) for row in every] == [("b", "2"), ("b", "1")]
    assert (record.count_keys(connection, "lab"), record.count_keys(connection, "none")) == (4, 0)


def test_the_bytes_of_a_file_are_kept_and_copied_in_parts(connection: Connection) -> None:
    body = bytes(range(256)) * 10_000
    place = VersionPlace("lab", "key", "1")
    given = Watched(body)
    record.keep_versions(connection, gone=[], new=[KeptVersion(place, "{}", given)], changed=[])
    assert 0 < given.largest <= 1 << 20
    if connection.dialect.name == "postgresql":
        left = connection.execute(sa.text("SELECT count(*) FROM pg_largeobject_metadata")).scalar_one()
        assert left == 0, "nothing is left of what took the parts"
    (row,) = record.versions_of(connection, "lab", "key")
    assert row.size == len(body)
    assert record.body_of(connection, row) == body
    for begin, end in ((0, len(body)), (3, 1_048_580), (1_048_576, 1_048_577), (5, 5)):
        file = BytesIO()
        assert record.copy_body(connection, row, begin, end, file)
        assert file.getvalue() == body[begin:end]
    record.keep_versions(connection, gone=[place], new=[], changed=[])
    assert not record.copy_body(connection, row, 0, 9, BytesIO())
    # SQLite gives the next version the number of the last one.
    record.keep_versions(connection, gone=[], new=[version(1, state='"new"')], changed=[])
    assert not record.copy_body(connection, row, 0, 3, BytesIO())
