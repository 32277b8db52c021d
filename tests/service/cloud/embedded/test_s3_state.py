"""The state of buckets and versions is kept whole."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from moto.s3.models import FakeDeleteMarker, FakeKey, s3_backends

from labeling_provider.service.cloud.embedded.s3_state import (
    BUCKET_FIELDS,
    VERSION_FIELDS,
    apply_version,
    describe_version,
    is_marker_state,
    make_marker,
)
from tests.service.inside import ACCOUNT, Inside


def test_everything_that_moto_knows_of_a_bucket_and_a_version_is_kept(inside: Inside) -> None:
    inside.client("s3").create_bucket(Bucket="cats")
    bucket = s3_backends[ACCOUNT]["aws"].buckets["cats"]
    # Who and where it is, its contents, and what is made anew.
    assert set(vars(bucket)) - set(BUCKET_FIELDS) == {"name", "account_id", "partition", "keys", "multiparts"}
    assert set(vars(FakeKey("a", b"", ACCOUNT, "us-east-1"))) - set(VERSION_FIELDS) == {
        *("name", "_version_id", "bucket_name", "account_id", "region_name", "partition"),
        *("_value_buffer", "_max_buffer_size", "contentsize", "multipart", "lock", "disposed"),
        *("model_name", "_transitions", "_tick", "_time_progressed"),
    }


def test_a_version_is_made_again_from_its_state(caplog: pytest.LogCaptureFixture) -> None:
    kept = FakeKey("a", b"body", ACCOUNT, "us-east-1")
    kept.set_metadata({"Content-Type": "text/plain", "x-amz-meta-who": "me"})
    kept.checksum_value = b"\x00\xff"
    tagger = SimpleNamespace(tags={kept.arn: {"kind": "tabby"}})
    state = describe_version(kept, tagger)
    assert not is_marker_state(state)
    again, tags = FakeKey("a", b"", ACCOUNT, "us-east-1"), SimpleNamespace(tags={})
    apply_version(again, state, tags)
    assert (again.etag, again.metadata, again.checksum_value) == (kept.etag, kept.metadata, b"\x00\xff")
    assert (again.last_modified, tags.tags) == (kept.last_modified, tagger.tags)
    # What another version of moto has kept stops nothing else.
    odd = {**json.loads(state), "acl": {"$": "FakeNovelty", "fields": {}}, "_storage_class": "GLACIER"}
    apply_version(again, json.dumps(odd), tags)
    assert "acl could not be restored" in caplog.text
    assert again.storage_class == "GLACIER"


def test_a_delete_marker_is_made_again_from_its_state() -> None:
    first = FakeDeleteMarker(FakeKey("a", b"", ACCOUNT, "us-east-1"))
    for marker in (first, FakeDeleteMarker(first)):
        state = describe_version(marker, None)
        assert is_marker_state(state)
        again = make_marker("a", "v-1", state)
        assert (again.name, again.version_id, again.last_modified) == ("a", "v-1", marker.last_modified)
        assert describe_version(again, None) == state
