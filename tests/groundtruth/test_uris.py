"""S3 URIs, taken apart and put together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.uris import as_s3_uri, is_web_address, join_s3_uri, split_s3_uri

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


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("https://bucket.s3.amazonaws.com/a/b.jpg", ("bucket", "a/b.jpg")),
        ("https://bucket.s3.eu-west-1.amazonaws.com/a%20b", ("bucket", "a b")),
        ("https://bucket.s3-eu-west-1.amazonaws.com/a", ("bucket", "a")),
        ("https://a.bucket.s3.amazonaws.com/a", ("a.bucket", "a")),
        ("https://s3.us-east-1.amazonaws.com/bucket/a/b", ("bucket", "a/b")),
        ("https://s3.amazonaws.com/bucket", ("bucket", "")),
        ("https://bucket.s3.cn-north-1.amazonaws.com.cn/a", ("bucket", "a")),
    ],
)
def test_an_objects_address_at_amazon_is_a_uri_too(text: str, place: tuple[str, str]) -> None:
    assert split_s3_uri(text) == place
    assert as_s3_uri(text) == f"s3://{place[0]}/{place[1]}"


@pytest.mark.parametrize(
    "text",
    [
        "https://s3.amazonaws.com/",
        "https://example.com/bucket/a",
        "https://bucket.s3.amazonaws.com.example.com/a",
        "https://bucket.s3.amazonaws.com/a?X-Amz-Signature=1",
        "https://bucket.s3.amazonaws.com/a#b",
        "https://[::1/a",
        "https://" + "a." * 5000 + "s3.amazonaws.com/a",
    ],
)
def test_other_addresses_are_none(text: str) -> None:
    assert as_s3_uri(text) == text
    with pytest.raises(ValueError, match="is not an S3 URI"):
        split_s3_uri(text)


@given(st.text())
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert as_s3_uri(text) == text


@given(buckets, st.text().map(lambda text: text.strip("/")), st.lists(st.text(min_size=1), min_size=1))
def test_a_seam_has_one_slash(bucket: str, folder: str, parts: list[str]) -> None:
    prefix = f"s3://{bucket}/{folder}".rstrip("/")
    for given_prefix in (prefix, f"{prefix}/", f"{prefix}//"):
        assert join_s3_uri(given_prefix, *parts) == f"{prefix}/{'/'.join(parts)}"


def test_an_empty_part_ends_a_folder() -> None:
    assert join_s3_uri("s3://bucket/folder", "part", "") == "s3://bucket/folder/part/"


@pytest.mark.parametrize("text", ["http://localhost:8080", "HTTPS://s3.example.com/a?b", "http://[::1]/"])
def test_a_web_address_has_a_scheme_and_a_host(text: str) -> None:
    assert is_web_address(text)


@pytest.mark.parametrize(
    "text", ["", "localhost:8080", "file:///etc/passwd", "ftp://a", "https://", "http://[", "http://a:0", "http://a:x"]
)
def test_anything_else_is_no_web_address(text: str) -> None:
    assert not is_web_address(text)
