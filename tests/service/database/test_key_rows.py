"""API keys, and what belongs to whom."""

from __future__ import annotations

from labeling_provider.service.database import key_rows, recorded_objects
from labeling_provider.service.database.database import Connection


def test_what_is_made_belongs_to_its_maker_as_long_as_it_is_there(connection: Connection) -> None:
    bucket = "arn:aws:s3:::birds"
    assert key_rows.owner(connection, bucket) is None
    assert key_rows.claim(connection, bucket, "Ann")
    assert key_rows.claim(connection, bucket, "Ann"), "once more"
    assert not key_rows.claim(connection, bucket, "Ben")
    assert key_rows.owner(connection, bucket) == "Ann"
    assert key_rows.owned(connection, "Ann", {bucket, "arn:aws:s3:::fish"}) == {bucket}
    recorded_objects.keep_bucket(connection, "birds", "{}")
    key_rows.release(connection, bucket)
    assert key_rows.owner(connection, bucket) == "Ann", "it is still there"


def test_what_was_never_made_is_free_again(connection: Connection) -> None:
    bucket = "arn:aws:s3:::cats"
    assert key_rows.claim(connection, bucket, "Ann")
    key_rows.release(connection, bucket)
    assert key_rows.claim(connection, bucket, "Ben")


def test_what_is_the_administrator_s_is_nobody_else_s(connection: Connection) -> None:
    recorded_objects.keep_bucket(connection, "dogs", "{}")
    assert not key_rows.claim(connection, "arn:aws:s3:::dogs", "Ann")


def test_a_key_ends_when_it_was_to_end_first(connection: Connection) -> None:
    key_rows.insert_key(connection, access_key_id="LABK1", requester="Ann", secret="sealed", scope={"rights": ["read"]})
    for at, expected in ((20.0, 20.0), (30.0, 20.0), (10.0, 10.0)):
        key_rows.let_expire(connection, "LABK1", at)
        key_rows.was_used(connection, "LABK1", at)
        key = key_rows.find_key(connection, "LABK1")
        assert key is not None
        assert (key.expires, key.last_used, key.scope) == (expected, at, {"rights": ["read"]})
    assert [row.access_key_id for row in key_rows.list_keys(connection)] == ["LABK1"]
    assert key_rows.delete_key(connection, "LABK1")
    assert not key_rows.delete_key(connection, "LABK1")
