"""Reads request bodies within limits of size and time. Large ones go to disk."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.requests import RequestHead
from labeling_provider.service.web.signatures import ChunkSignatures

MAX_IN_MEMORY: Final = 262_144
MAX_PAUSE_SECONDS: Final = 20
MIN_BYTES_PER_SECOND: Final = 1_024
_MAX_CHUNK_LINE: Final = 1_024
_MAX_TRAILER_LINES: Final = 20
_PIECE: Final = 1 << 20

Receive = Callable[[], Awaitable[Any]]


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


@dataclass
class Body:
    """A body that has been read.

    :param file: its bytes, positioned at the start.
    :param length: its length in bytes.
    :param sha256: its hash in hexadecimal.
    """

    file: IO[bytes]
    length: int
    sha256: str

    def bytes(self) -> bytes:
        """The whole body; for bodies with a small limit."""
        self.file.seek(0)
        return self.file.read()


class _Crc32:
    """CRC-32 with the interface of a hash."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, piece: bytes) -> None:
        self._value = zlib.crc32(piece, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4)


_SUMS: Final[dict[str, Callable[[], Any]]] = {
    "content-md5": partial(hashlib.md5, usedforsecurity=False),
    "x-amz-checksum-sha1": partial(hashlib.sha1, usedforsecurity=False),
    "x-amz-checksum-sha256": hashlib.sha256,
    "x-amz-checksum-crc32": _Crc32,
}


class _Checksums:
    """The checksums of a body while it is read.

    :param names: names of headers; those that are not checksums are ignored.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._sums = {name: _SUMS[name]() for name in names if name in _SUMS}

    def __bool__(self) -> bool:
        return bool(self._sums)

    def update(self, piece: bytes) -> None:
        """Add the next bytes."""
        for running in self._sums.values():
            running.update(piece)

    def check(self, expected: Mapping[str, str]) -> None:
        """Compare with the sender's checksums.

        :param expected: checksums in base64, by header name.
        :raises ApiError: if one differs.
        """
        for name, running in self._sums.items():
            if expected.get(name, "").strip() != base64.b64encode(running.digest()).decode():
                raise ApiError("BadDigest", f"The body does not match {name}.")


def _spool(max_bytes: int) -> IO[bytes]:
    """A temporary file for a body of at most ``max_bytes`` bytes."""
    return BytesIO() if max_bytes <= MAX_IN_MEMORY else SpooledTemporaryFile(max_size=MAX_IN_MEMORY)


async def read_body(request: RequestHead, receive: Receive, limit: int) -> Body:
    """Read the body of a request.

    :param limit: the maximum number of bytes.
    :raises ApiError: if it is larger, or arrives too slowly.
    :raises ClientGone: if the client disconnects.
    """
    declared = request.headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit() or len(declared) > 15:
        raise ApiError("InvalidRequest", "Content-Length is not a number of bytes.")
    if int(declared) > limit:
        raise _too_large(limit)
    expected = limit if "transfer-encoding" in request.headers else int(declared)
    file, length, digest = _spool(expected or limit), 0, hashlib.sha256()
    if not expected and request.method in {"GET", "HEAD"}:
        return Body(file, 0, digest.hexdigest())
    clock = asyncio.get_running_loop()
    began = clock.time()
    while True:
        try:
            async with asyncio.timeout(MAX_PAUSE_SECONDS):
                message = await receive()
        except TimeoutError:
            raise _too_slow() from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        length += len(piece)
        if length > limit:
            raise _too_large(limit)
        digest.update(piece)
        file.write(piece)
        if not message.get("more_body"):
            file.seek(0)
            return Body(file, length, digest.hexdigest())
        if clock.time() - began > MAX_PAUSE_SECONDS + length / MIN_BYTES_PER_SECOND:
            raise _too_slow()


def max_encoded(limit: int) -> int:
    """The maximum size of a body of at most ``limit`` bytes when it is sent in signed chunks."""
    # All chunks but the last have at least 8 KiB, and each comes with a line of about 90 characters.
    return limit + limit // 64 + 65_536


def decode_chunks(body: Body, headers: Mapping[str, str], limit: int, signatures: ChunkSignatures | None) -> Body:
    """Decode a body in the encoding ``aws-chunked`` and check it against its trailing checksums.

    :param headers: the request's: ``x-amz-decoded-content-length`` is the length of the body in bytes,
        ``x-amz-trailer`` names the checksums that follow it.
    :param limit: the maximum number of decoded bytes.
    :param signatures: checks each chunk; None if the chunks are not signed.
    :raises ApiError: if the body is malformed, too large, or does not match its signatures or checksums.
    """
    declared = headers.get("x-amz-decoded-content-length")
    if declared is None or not declared.isascii() or not declared.isdigit() or len(declared) > 15:
        message = "x-amz-decoded-content-length must be a number of bytes."
        raise ApiError("MissingContentLength", message, HTTPStatus.LENGTH_REQUIRED)
    if int(declared) > limit:
        raise _too_large(limit)
    file, length, whole = _spool(int(declared)), 0, hashlib.sha256()
    announced = {name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",") if name.strip()}
    sums = _Checksums(announced)
    while True:
        size, signature = _chunk_line(body.file)
        chunk, left = hashlib.sha256(), size
        while left:
            piece = body.file.read(min(left, _PIECE))
            if not piece:
                raise _malformed("a chunk is shorter than its header says")
            left -= len(piece)
            chunk.update(piece)
            whole.update(piece)
            sums.update(piece)
            file.write(piece)
        length += size
        if length > int(declared):
            raise _malformed("it is longer than x-amz-decoded-content-length says")
        if signatures:
            signatures.check_chunk(signature, chunk.hexdigest())
        if not size:
            break
        if body.file.read(2) != b"\r\n":
            raise _malformed("a chunk does not end where it should")
    trailer = _read_trailer(body.file, signatures)
    if trailer.keys() != announced:
        raise _malformed("x-amz-trailer does not name what follows the last chunk")
    if length != int(declared):
        raise _malformed("it is shorter than x-amz-decoded-content-length says")
    sums.check(trailer)
    file.seek(0)
    return Body(file, length, whole.hexdigest())


def check_sums(request: RequestHead, body: Body) -> None:
    """Check an upload against the sender's checksums.

    :raises ApiError: if one differs.
    """
    sums = _Checksums(request.headers)
    while sums and (piece := body.file.read(_PIECE)):
        sums.update(piece)
    body.file.seek(0)
    sums.check(request.headers)


def _chunk_line(file: IO[bytes]) -> tuple[int, str]:
    """Size and signature of the next chunk."""
    line = file.readline(_MAX_CHUNK_LINE)
    size, _, extension = line.removesuffix(b"\r\n").partition(b";")
    if not line.endswith(b"\r\n") or not 1 <= len(size) <= 12 or size.strip(b"0123456789abcdefABCDEF"):
        raise _malformed("a chunk's size is not a hexadecimal number")
    return int(size, 16), extension.removeprefix(b"chunk-signature=").decode("latin-1")


def _read_trailer(file: IO[bytes], signatures: ChunkSignatures | None) -> dict[str, str]:
    """Read what follows the last chunk: checksums and a signature.

    :return: the checksums by lower-case header name.
    :raises ApiError: if it is malformed or its signature is wrong.
    """
    covered, checksums = b"", dict[str, str]()
    for _ in range(_MAX_TRAILER_LINES):
        line = file.readline(_MAX_CHUNK_LINE)
        text = line.rstrip(b"\r\n")
        if not text:
            if not file.read(1) or not line:
                break
            raise _malformed("something follows its end")
        name, _, value = text.partition(b":")
        if name.strip().lower() == b"x-amz-trailer-signature":
            if signatures:
                signatures.check_trailer(value.strip().decode("latin-1"), covered)
            covered = b""
        else:
            covered += text + b"\n"
            checksums[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
    else:
        raise _malformed(f"more than {_MAX_TRAILER_LINES} lines follow the last chunk")
    if covered and signatures:
        raise _malformed("what follows the last chunk is not signed")
    return checksums


def _malformed(what: str) -> ApiError:
    return ApiError("InvalidRequest", f"The body is not aws-chunked: {what}.")


def _too_large(limit: int) -> ApiError:
    message = f"The body is larger than {limit:,} bytes."
    return ApiError("EntityTooLarge", message, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _too_slow() -> ApiError:
    return ApiError("RequestTimeout", "The body arrived too slowly.", HTTPStatus.REQUEST_TIMEOUT)
