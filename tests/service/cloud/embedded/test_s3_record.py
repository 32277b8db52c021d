"""Objects are in the database, and in memory only as long as a request is at them."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest
from moto.s3.models import FakeKey

from labeling_provider.service.cloud.embedded import s3_record
from labeling_provider.service.database.recorded_objects import MAX_READ_AHEAD
from tests.service.inside import Inside

LONG = b"l" * (MAX_READ_AHEAD + 1)


def objects_in_memory() -> int:
    gc.collect()
    return sum(isinstance(instance, FakeKey) for instance in gc.get_objects())


def test_no_object_stays_in_memory(inside: Inside) -> None:
    s3 = inside.client("s3")
    s3.create_bucket(Bucket="lab")
    before = objects_in_memory()
    for number in range(20):
        s3.put_object(Bucket="lab", Key=f"{number % 10}", Body=LONG)
    assert inside.embedded.objects
    inside.embedded.objects.write({f"s3://lab/own/{number}": (b"own", "text/plain") for number in range(20)})
    assert inside.embedded.objects.read("s3://lab/own/7") == b"own"
    assert s3.get_object(Bucket="lab", Key="7")["Body"].read() == LONG
    assert s3.list_objects_v2(Bucket="lab")["KeyCount"] == 30
    assert len(s3.list_object_versions(Bucket="lab")["Versions"]) == 30
    assert objects_in_memory() == before
    inside.start()
    assert s3.head_object(Bucket="lab", Key="7")["ContentLength"] == len(LONG)
    assert objects_in_memory() == before


def test_an_object_that_is_overwritten_while_it_is_read_is_read_anew(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = inside.client("s3")
    s3.create_bucket(Bucket="lab")
    s3.put_object(Bucket="lab", Key="a", Body=LONG)
    assert inside.embedded.objects
    store, copy = inside.embedded.objects, s3_record.copy_body
    newer = {"s3://lab/a": (b"n" + LONG, "text/plain")}

    def too_late(*arguments: Any) -> bool:
        monkeypatch.setattr(s3_record, "copy_body", copy)
        other = threading.Thread(target=store.write, args=(newer,))
        other.start()
        other.join()
        return copy(*arguments)

    monkeypatch.setattr(s3_record, "copy_body", too_late)
    answer = s3.get_object(Bucket="lab", Key="a")
    assert (answer["Body"].read(), answer["ContentType"]) == (b"n" + LONG, "text/plain")
    newer = {"s3://lab/a": (b"o" + LONG, "text/plain")}
    monkeypatch.setattr(s3_record, "copy_body", too_late)
    assert store.read("s3://lab/a") == b"o" + LONG


def test_lists_go_on_after_a_restart_where_they_were(inside: Inside) -> None:
    s3 = inside.client("s3")
    s3.create_bucket(Bucket="lab")
    s3.put_bucket_versioning(Bucket="lab", VersioningConfiguration={"Status": "Enabled"})
    for key in ("a", "b ö/c", "b ö/d", "ä +"):
        s3.put_object(Bucket="lab", Key=key, Body=b"1")
        s3.put_object(Bucket="lab", Key=key, Body=b"22")
    s3.delete_object(Bucket="lab", Key="a")
    listed: dict[str, list[str]] = {}
    for name in ("list_objects", "list_objects_v2", "list_object_versions"):
        pages = s3.get_paginator(name).paginate(Bucket="lab", Delimiter="/", PaginationConfig={"PageSize": 1})
        listed[name] = []
        for page in pages:
            entries = [*page.get("Contents", ()), *page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            listed[name] += [f"{entry['Key']} {entry.get('Size')}" for entry in entries]
            listed[name] += [folder["Prefix"] for folder in page.get("CommonPrefixes", ())]
            inside.start()
    assert listed["list_objects"] == listed["list_objects_v2"] == ["b ö/", "ä + 2"]
    assert listed["list_object_versions"] == ["a None", "a 2", "a 1", "b ö/", "ä + 2", "ä + 1"]
