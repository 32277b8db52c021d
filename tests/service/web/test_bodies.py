"""A body in chunks is taken apart rightly or refused, and never more is read than is allowed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from contextlib import nullcontext
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.service.failures import ApiError
from labeling_provider.service.web import bodies
from labeling_provider.service.web.bodies import Body, ClientGone, decode_chunks, read_body
from labeling_provider.service.web.requests import RequestHead


def body(content: bytes) -> Body:
    return Body(BytesIO(content), len(content), "")


def lengthed(length: object, **headers: str) -> dict[str, str]:
    """The headers of a body in chunks."""
    return {"x-amz-decoded-content-length": str(length), **{k.replace("_", "-"): v for k, v in headers.items()}}


def head(**headers: str) -> RequestHead:
    raw = [(b"host", b"localhost"), *((k.replace("_", "-").encode(), v.encode()) for k, v in headers.items())]
    return RequestHead.of(
        {"method": "PUT", "http_version": "1.1", "raw_path": b"/b/k", "query_string": b"", "headers": raw}
    )


def read(pieces: list[bytes], limit: int, pause: float = 0, **headers: str) -> Body:
    """What is read of a body that comes in pieces; after the last the client is gone."""
    left = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        return left.pop(0) if left else {"type": "http.disconnect"}

    async def run() -> Body:
        if left:
            left[-1]["more_body"] = False
        return await read_body(head(**headers), receive, limit)

    return asyncio.run(run())


@given(st.lists(st.binary(max_size=50), max_size=6), st.booleans())
def test_chunks_become_what_was_sent(chunks: list[bytes], trailed: bool) -> None:
    sent = [chunk for chunk in chunks if chunk]
    encoded = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in sent) + b"0\r\n"
    whole = b"".join(sent)
    checksum = base64.b64encode(zlib.crc32(whole).to_bytes(4))
    encoded += b"x-amz-checksum-crc32:%s\r\n\r\n" % checksum if trailed else b"\r\n"
    headers = lengthed(len(whole), **({"x_amz_trailer": "x-amz-checksum-crc32"} if trailed else {}))
    assert decode_chunks(body(encoded), headers, 1000, None).bytes() == whole


SUMS = {
    "x-amz-checksum-crc32": zlib.crc32(b"body").to_bytes(4),
    "x-amz-checksum-sha1": hashlib.sha1(b"body").digest(),
    "X-Amz-Checksum-SHA256": hashlib.sha256(b"body").digest(),
}


@pytest.mark.parametrize("name", SUMS)
def test_a_checksum_that_follows_the_body_must_fit_it(name: str) -> None:
    checksum = base64.b64encode(SUMS[name])
    for content, fits in ((b"body", True), (b"bidy", False)):
        encoded = b"4\r\n%s\r\n0\r\n%s:%s\r\n\r\n" % (content, name.encode(), checksum)
        with nullcontext() if fits else pytest.raises(ApiError, match="BadDigest"):
            decode_chunks(body(encoded), lengthed(4, x_amz_trailer=name), 1000, None)


@pytest.mark.parametrize(("announced", "trailer"), [("x-amz-checksum-crc32", b""), ("", b"x-amz-checksum-crc32:AAAA")])
def test_the_trailer_is_the_one_that_was_announced(announced: str, trailer: bytes) -> None:
    encoded = b"4\r\nbody\r\n0\r\n" + (trailer + b"\r\n\r\n" if trailer else b"\r\n")
    with pytest.raises(ApiError, match="x-amz-trailer"):
        decode_chunks(body(encoded), lengthed(4, **({"x_amz_trailer": announced} if announced else {})), 1000, None)


@given(st.binary(max_size=80) | st.text("0123456789abcdef;=\r\nchunk-sigtre:", max_size=80).map(str.encode))
def test_anything_else_is_refused_or_read(content: bytes) -> None:
    try:
        assert decode_chunks(body(content), lengthed(5), 1000, None).length == 5
    except ApiError as error:
        refused = error.status
        assert refused == 400


@pytest.mark.parametrize("declared", [None, "", "-1", "x", "１", "9" * 5000, "1e3"])
def test_the_length_of_what_is_in_the_chunks_must_be_told(declared: str | None) -> None:
    with pytest.raises(ApiError) as caught:
        decode_chunks(body(b"0\r\n\r\n"), {} if declared is None else lengthed(declared), 1000, None)
    assert caught.value.status == 411


def test_what_is_told_to_be_too_large_is_not_decoded() -> None:
    with pytest.raises(ApiError, match="larger than 1,000 bytes"):
        decode_chunks(body(b"0\r\n\r\n"), lengthed(1001), 1000, None)


@pytest.mark.parametrize("length", ["-1", "+1", "1_0", "", "x", "１".encode().decode("latin-1"), "9" * 20])
def test_an_odd_length_is_the_callers_fault(length: str) -> None:
    with pytest.raises(ApiError) as caught:
        read([b"x"], 10, content_length=length)
    assert caught.value.status == 400


def test_a_body_that_is_told_or_found_to_be_too_large_is_refused() -> None:
    with pytest.raises(ApiError, match="larger than 10 bytes"):
        read([], 10, content_length="11")
    with pytest.raises(ApiError, match="larger than 10 bytes"):
        read([b"123456", b"123456"], 10)
    assert read([b"12345", b"12345"], 10).bytes() == b"1234512345"


def test_a_large_body_waits_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_IN_MEMORY", 4)
    body = read([b"12345"], 10)
    assert body.file._rolled  # type: ignore[attr-defined]
    assert body.bytes() == b"12345"


def test_a_client_that_goes_or_dawdles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClientGone):
        read([], 10)
    monkeypatch.setattr(bodies, "MAX_PAUSE_SECONDS", 0.02)
    with pytest.raises(ApiError, match="too slowly"):
        read([b"1"], 10, pause=1)
    with pytest.raises(ApiError, match="too slowly"):
        read([b"1"] * 20, 100, pause=0.01)
