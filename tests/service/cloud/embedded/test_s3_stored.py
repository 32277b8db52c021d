"""Bytes of an object are read when they are asked for, and only those."""

from __future__ import annotations

import hashlib
import threading
from io import BytesIO
from typing import IO

import pytest
from botocore.exceptions import ClientError

from labeling_provider.service.cloud.embedded import s3_record
from labeling_provider.service.cloud.embedded.s3_stored import BytesLater, TagsOfRequest, VersionGone, write_value
from tests.service.inside import Inside


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


def test_a_part_of_a_part_is_copied_and_a_version_that_is_gone_is_told() -> None:
    body = bytes(range(100))

    def copy(begin: int, end: int, file: IO[bytes]) -> bool:
        file.write(body[begin:end])
        return end <= 50

    later = BytesLater.of(copy, 0, 100)
    part = later[10:60][5:15]
    file = BytesIO()
    write_value(part, file)
    assert (len(part), file.getvalue()) == (10, body[15:25])
    assert not later[60:40]
    with pytest.raises(VersionGone):
        write_value(later, file)


def test_tags_of_objects_are_a_requests_own_and_those_of_buckets_everybodys() -> None:
    tags = TagsOfRequest()
    tags["arn:aws:s3:::lab"] = {"a": "b"}
    tags["arn:aws:s3:::lab/a"] = {"c": "d"}
    seen: list[list[str]] = []
    other = threading.Thread(target=lambda: seen.append(list(tags)))
    other.start()
    other.join()
    assert seen == [["arn:aws:s3:::lab"]]
    assert dict(tags) == {"arn:aws:s3:::lab": {"a": "b"}, "arn:aws:s3:::lab/a": {"c": "d"}}
    tags.forget()
    assert (list(tags), len(tags)) == (["arn:aws:s3:::lab"], 1)
