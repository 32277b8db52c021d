"""Buckets and versions of objects as they are kept."""

from __future__ import annotations

from labeling_provider.service.database import recorded_objects as record
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.recorded_objects import KeptVersion, VersionPlace


def version(number: int, bucket: str = "lab", state: str = "{}") -> KeptVersion:
    return KeptVersion(VersionPlace(bucket, "key", str(number)), state, b"\0body")


def test_versions_come_go_and_change_oldest_first(connection: Connection) -> None:
    record.keep_versions(connection, gone=[], new=[version(2), version(1), version(2, "yard")], changed=[])
    record.keep_versions(
        connection,
        # The same version again, as where a bucket keeps no versions.
        gone=[version(2).place],
        new=[version(2, state='"new"')],
        changed=[(version(1).place, '"changed"')],
    )
    assert list(record.kept_versions(connection)) == [
        *(version(1, state='"changed"'), version(2, "yard"), version(2, state='"new"'))
    ]


def test_a_bucket_goes_with_its_versions(connection: Connection) -> None:
    record.keep_bucket(connection, "yard", "{}")
    record.keep_bucket(connection, "lab", "{}")
    record.keep_bucket(connection, "yard", '"new"')
    assert list(record.kept_buckets(connection)) == [("yard", '"new"'), ("lab", "{}")]
    record.keep_versions(connection, gone=[], new=[version(1), version(1, "yard")], changed=[])
    record.delete_bucket(connection, "yard")
    assert list(record.kept_buckets(connection)) == [("lab", "{}")]
    assert list(record.kept_versions(connection)) == [version(1)]
