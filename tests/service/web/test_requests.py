"""Whatever a head says, it is read in one way or refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.origins import check_page
from labeling_provider.service.web.requests import MAX_HEADERS, RequestHead
from labeling_provider.service.web.signatures import Signature

NAMES = st.sampled_from(
    ["host", "origin", "sec-fetch-site", "authorization", "x-amz-target", "content-length", "x-amz-date", "referer"]
)
WORDS = st.sampled_from(
    ["localhost", "a.localhost:1", "http://[", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=a, Signature=b"]
)
HEADERS = st.lists(
    st.tuples(
        st.one_of(NAMES.map(str.encode), st.binary(max_size=20)),
        st.one_of(WORDS.map(str.encode), st.binary(max_size=60)),
    ),
    max_size=12,
)


def scope(path: str = "/", query: str = "", method: str = "GET", **headers: str) -> dict[str, Any]:
    given_headers = {"host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {
        "method": method,
        "http_version": "1.1",
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given_headers.items()],
    }


def read(odd: dict[str, Any]) -> int:
    """The status with which a head would be refused; 200 if it is read."""
    try:
        request = RequestHead.of(odd)
        assert request.target is None or request.target[1] is not None
        assert isinstance(request.bucket_and_key, tuple)
        Signature.of(request)
        check_page(request, presigned=False, secret=False)
    except ApiError as error:
        return error.status
    return 200


PATHS = st.text("/%aX-&=;.?+", max_size=40)
QUERIES = st.text("aX-&=;%+mz", max_size=60)


@given(HEADERS, PATHS, QUERIES, st.sampled_from(["GET", "PUT", "X"]))
def test_a_head_is_read_or_refused(headers: list[tuple[bytes, bytes]], path: str, query: str, method: str) -> None:
    odd = {**scope(path, query, method), "headers": [(b"host", b"localhost"), *headers]}
    assert 200 <= read(odd) < 500


@pytest.mark.parametrize("version", ["9.9", "2", "0.9", ""])
def test_only_known_versions_of_http_are_read(version: str) -> None:
    assert read(scope()) == 200
    assert read({**scope(), "http_version": version}) == 400


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("localhost:4566", "/bucket/a/b%20c", ("bucket", "a/b c")),
        ("127.0.0.1", "/bucket", ("bucket", "")),
        ("bucket.localhost:4566", "/a/b", ("bucket", "a/b")),
        ("my.bucket.s3.localhost", "/a", ("my.bucket", "a")),
        ("s3.localhost", "/bucket/a", ("bucket", "a")),
        ("BUCKET.localhost", "/", ("bucket", "")),
        ("gt.example.com", "/bucket/a", ("bucket", "a")),
        ("localhost", "/bucket//a", ("bucket", "/a")),
        ("localhost", "/", ("", "")),
    ],
)
def test_bucket_and_key_are_the_same_however_they_are_spelled(host: str, path: str, expected: tuple[str, str]) -> None:
    assert RequestHead.of(scope(path, host=host)).bucket_and_key == expected


@pytest.mark.parametrize(
    "odd",
    [
        scope("*", method="OPTIONS"),
        scope("http://other.example/"),
        scope("x"),
        scope(method="TRACE"),
        scope(method="CONNECT"),
        scope(content_length="1", transfer_encoding="chunked"),
        scope(query="&".join(["a=1"] * 201)),
        {**scope(), "headers": []},
        {**scope(), "headers": [(b"host", b"localhost")] * 2},
        {**scope(), "headers": [(b"host", b"localhost"), *((b"a%d" % number, b"") for number in range(MAX_HEADERS))]},
    ],
)
def test_what_could_be_meant_in_two_ways_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        RequestHead.of(odd)
    assert 400 <= caught.value.status < 500


def test_the_address_may_name_its_own_host() -> None:
    assert RequestHead.of(scope("http://localhost/bucket/a")).bucket_and_key == ("bucket", "a")
    assert RequestHead.of(scope("http://localhost")).path == "/"
