"""Objects are in the database, and in memory only as long as a request is at them."""

from __future__ import annotations

import gc
import hashlib
import threading
from io import BytesIO
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.s3.models import FakeKey

from labeling_provider.service.cloud.embedded import s3_record
from labeling_provider.service.cloud.object_store import MissingObject
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


@pytest.mark.parametrize("by_service", [False, True])
def test_a_long_object_is_what_was_put_whole_and_in_ranges(
    inside: Inside, by_service: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = bytes(range(256)) * 10_000
    s3 = inside.client("s3")
    s3.create_bucket(Bucket="lab")
    assert inside.embedded.objects
    if by_service:
        inside.embedded.objects.write_long("s3://lab/a", BytesIO(body), "text/plain")
    else:
        s3.put_object(Bucket="lab", Key="a", Body=body, ContentType="text/plain")
    # Nothing reads all of it at once.
    monkeypatch.setattr(s3_record, "body_of", lambda *_: pytest.fail("read at once"))
    answer = s3.get_object(Bucket="lab", Key="a")
    assert answer["Body"].read() == body
    assert (answer["ETag"], answer["ContentType"]) == (f'"{hashlib.md5(body).hexdigest()}"', "text/plain")
    for given, begin, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=100-1048700", 100, 1_048_701),
        ("bytes=2559999-", 2_559_999, 2_560_000),
        ("bytes=-5", 2_559_995, 2_560_000),
        ("bytes=5-99999999", 5, 2_560_000),
    ):
        answer = s3.get_object(Bucket="lab", Key="a", Range=given)
        assert answer["Body"].read() == body[begin:end]
        assert (answer["ContentRange"], answer["ContentLength"]) == (
            f"bytes {begin}-{end - 1}/{len(body)}",
            end - begin,
        )
    with pytest.raises(ClientError, match="InvalidRange"):
        s3.get_object(Bucket="lab", Key="a", Range="bytes=2560000-")
    assert s3.head_object(Bucket="lab", Key="a")["ContentLength"] == len(body)
    monkeypatch.undo()
    s3.copy_object(Bucket="lab", Key="b", CopySource={"Bucket": "lab", "Key": "a"})
    inside.start()
    assert inside.client("s3").get_object(Bucket="lab", Key="b")["Body"].read() == body


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


@pytest.mark.parametrize("before", [[], ["text/html"]])
def test_what_the_service_writes_is_what_moto_would_write(inside: Inside, before: list[str]) -> None:
    s3 = inside.client("s3")
    assert inside.embedded.objects
    answers = []
    for bucket, keeps_versions in (("plain", False), ("versions", True)):
        s3.create_bucket(Bucket=bucket)
        if keeps_versions:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for kind in [*before, "application/json"]:
            inside.embedded.objects.write({f"s3://{bucket}/ä/b": (kind.encode(), kind)})
        answer = s3.get_object(Bucket=bucket, Key="ä/b")
        answer["body"] = answer.pop("Body").read()
        answer["acl"] = s3.get_object_acl(Bucket=bucket, Key="ä/b")["Grants"]
        answer["versions"] = len(s3.list_object_versions(Bucket=bucket)["Versions"])
        for varies in ("ResponseMetadata", "LastModified", "VersionId"):
            answer.pop(varies, None)
        answers.append(answer)
    plain, versioned = answers
    assert plain.pop("versions") == 1
    assert versioned.pop("versions") == len(before) + 1
    assert plain == versioned
    assert plain["body"] == b"application/json"


def test_the_service_writes_into_no_bucket_that_is_missing(inside: Inside) -> None:
    assert inside.embedded.objects
    with pytest.raises(MissingObject, match="s3://gone/a"):
        inside.embedded.objects.write({"s3://gone/a": (b"", "text/plain")})
