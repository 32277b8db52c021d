"""Objects on their way from one S3 to another."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.client import s3_objects
from labeling_provider.client.copies import MAX_NAMED, Copied, Copies
from labeling_provider.client.s3_objects import Upload
from labeling_provider.errors import LabelingError
from tests.client.clients import ground_truth
from tests.conftest import Lab
from tests.flaky import proxy
from tests.own_names import own_id


@pytest.fixture
def copies(amazon: Lab, lab: Lab) -> Copies:
    return Copies(ground_truth(amazon), ground_truth(lab))


@pytest.fixture
def key() -> str:
    """A beginning of keys that no other test has, which no path or terminal would take."""
    return f"{own_id().hex}/../ä b?#%2F\u202e"


def test_an_object_is_copied_once(amazon: Lab, lab: Lab, copies: Copies, key: str) -> None:
    uri = amazon.put(key, b"a bird")
    assert copies.copy(uri)
    assert lab.get(uri) == b"a bird"
    assert not copies.copy(uri)
    tally = copies.copy_all([uri, f"{uri}-none"])
    ((name, reason),) = tally.problems
    assert tally == Copied(there=1, problems=[(f"{uri}-none", reason)])
    assert name == f"{uri}-none"
    assert "NoSuchKey" in reason


def test_another_object_of_its_name_is_left_unless_it_may_be_replaced(
    amazon: Lab, lab: Lab, copies: Copies, key: str
) -> None:
    uri = amazon.put(key, b"Amazon's")
    lab.put(key, b"mine")
    with pytest.raises(LabelingError, match="a different object with this name, of 4 bytes, not 8"):
        copies.copy(uri)
    assert lab.get(uri) == b"mine"
    assert copies.copy(uri, overwrite=True)
    assert lab.get(uri) == b"Amazon's"


def test_an_object_of_the_same_size_that_changed_at_the_source_is_another(
    amazon: Lab, lab: Lab, copies: Copies, key: str
) -> None:
    lab.put(key, b"cat")
    # S3 tells times in seconds.
    amazon.s3.put_object(Bucket="lab", Key=key, Body=b"dog")
    before = lab.s3.head_object(Bucket="lab", Key=key)["LastModified"]
    while amazon.s3.head_object(Bucket="lab", Key=key)["LastModified"] <= before:
        amazon.s3.put_object(Bucket="lab", Key=key, Body=b"dog")
    with pytest.raises(LabelingError, match="a different object"):
        copies.copy(f"s3://lab/{key}")


def test_a_large_object_is_copied_in_parts(
    amazon: Lab, lab: Lab, copies: Copies, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    real = Upload.write

    def write(upload: Upload, data: bytes) -> None:
        real(upload, data)
        held.append(len(upload._pending))

    monkeypatch.setattr(s3_objects, "_PART", 5 << 20)
    monkeypatch.setattr(Upload, "write", write)
    uri = amazon.put(key, bytes(range(256)) * (12 << 12))
    assert copies.copy(uri)
    assert lab.get(uri) == amazon.get(uri)
    assert max(held) < 6 << 20
    # Its ETag is another one now.
    assert not copies.copy(uri)


def test_buckets_are_created_with_their_cors_rules(amazon: Lab, lab: Lab, copies: Copies) -> None:
    bucket = f"pictures-{own_id().hex[:10]}"
    rules = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]
    amazon.s3.create_bucket(Bucket=bucket)
    amazon.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    amazon.s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    dry = Copies(ground_truth(amazon), ground_truth(lab), dry_run=True)
    assert dry.copy_all([f"s3://{bucket}/a", f"s3://{bucket}/b"]).copied == 1
    assert bucket not in {present["Name"] for present in lab.s3.list_buckets()["Buckets"]}
    assert copies.copy(f"s3://{bucket}/a")
    assert lab.s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules


def test_many_are_copied_although_some_can_not_be(amazon: Lab, lab: Lab, copies: Copies, key: str) -> None:
    uris = [amazon.put(f"{key}{number}", str(number)) for number in range(30)]
    gone = [f"s3://lab/{key}gone-{number}" for number in range(MAX_NAMED + 3)]
    tally = copies.copy_all([*gone, *uris])
    assert (tally.copied, tally.there, len(tally.problems), tally.more_problems) == (30, 0, MAX_NAMED, 3)
    assert [lab.get(uri) for uri in uris] == [str(number).encode() for number in range(30)]


def test_a_source_that_breaks_off_is_read_on(amazon: Lab, lab: Lab, key: str) -> None:
    uri = amazon.put(key, b"x" * 200_000)
    with proxy(amazon) as flaky:
        flaky.object_trouble += ["truncated"]
        assert Copies(ground_truth(amazon, flaky.url), ground_truth(lab)).copy(uri)
    assert lab.get(uri) == b"x" * 200_000


def test_two_names_of_one_place_need_no_copies(lab: Lab, amazon: Lab) -> None:
    def same(source: Any, other: Any) -> bool:
        return not Copies(source, other).is_needed

    assert same(ground_truth(lab), ground_truth(lab, f"{lab.service.endpoint_url}/"))
    assert not same(ground_truth(lab), ground_truth(amazon))
