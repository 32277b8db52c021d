"""The objects of labeling jobs in the embedded S3."""

from __future__ import annotations

import pytest

from labeling_provider.service.cloud.embedded import moto_objects
from labeling_provider.service.cloud.object_store import MissingObject
from tests.service.inside import Inside


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


def test_what_lies_below_a_prefix_is_deleted_and_nothing_else(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moto_objects, "_DELETED_AT_ONCE", 2)
    inside.client("s3").create_bucket(Bucket="lab")
    objects = inside.embedded.objects
    assert objects
    objects.write({f"s3://lab/{key}": (b"", "text/plain") for key in ("a/1", "a/2", "a/b/3", "a", "ab/4")})
    assert objects.delete_below("s3://lab/a/") == 3
    left = inside.client("s3").list_objects_v2(Bucket="lab")["Contents"]
    assert [entry["Key"] for entry in left] == ["a", "ab/4"]
    assert objects.delete_below("s3://gone/a/") == 0
