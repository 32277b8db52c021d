"""S3 URIs, taken apart and put together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.uris import join_s3_uri, split_s3_uri

buckets = st.text(min_size=1).filter(lambda text: "/" not in text)


@given(buckets, st.text())
def test_a_uri_comes_apart_as_it_was_put_together(bucket: str, key: str) -> None:
    assert split_s3_uri(f"s3://{bucket}/{key}") == (bucket, key)


@given(buckets)
def test_a_bucket_alone_has_an_empty_key(bucket: str) -> None:
    assert split_s3_uri(f"s3://{bucket}") == (bucket, "")


@pytest.mark.parametrize(
    "text", ["", "s3://", "s3:///key", "S3://bucket/key", "https://bucket/key", "bucket/key", " s3://b/k"]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an S3 URI \(s3://bucket/key\)"):
        split_s3_uri(text)


@given(buckets, st.text().map(lambda text: text.strip("/")), st.lists(st.text(min_size=1), min_size=1))
def test_a_seam_has_one_slash(bucket: str, folder: str, parts: list[str]) -> None:
    prefix = f"s3://{bucket}/{folder}".rstrip("/")
    for given_prefix in (prefix, f"{prefix}/", f"{prefix}//"):
        assert join_s3_uri(given_prefix, *parts) == f"{prefix}/{'/'.join(parts)}"


def test_an_empty_part_ends_a_folder() -> None:
    assert join_s3_uri("s3://bucket/folder", "part", "") == "s3://bucket/folder/part/"
