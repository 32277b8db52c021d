"""Signature Version 4 of a request: in its headers, in a presigned URL, and chunk by chunk.

Cheap checks come first, and no check takes longer than one pass over the request.
Source: IAM user guide, "AWS Signature Version 4 for API requests"; S3 API reference, "Authenticating Requests" and
"Transferring Payload in Multiple Chunks"; tested against what boto3 signs.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.service.cloud.offered import Service
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.requests import RequestHead

ALGORITHM: Final = "AWS4-HMAC-SHA256"
MAX_AUTHORIZATION: Final = 4_096
EMPTY_HASH: Final = hashlib.sha256().hexdigest()
UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"

_WINDOW: Final = timedelta(minutes=15)
_DAY: Final = re.compile(r"[0-9]{8}")
_NAME: Final = re.compile(r"[a-z0-9-]{1,64}")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_BLANKS: Final = re.compile(r"[ \t]+")
STREAMING: Final = frozenset(
    {
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    }
)


@dataclass(frozen=True)
class Credentials:
    """An access key pair."""

    access_key_id: str
    secret_access_key: str

    @classmethod
    def from_environment(cls) -> Credentials | None:
        """Read ``LABELING_LOCAL_ACCESS_KEY_ID`` and ``LABELING_LOCAL_SECRET_ACCESS_KEY``; None unless both are set."""
        key = os.environ.get("LABELING_LOCAL_ACCESS_KEY_ID")
        secret = os.environ.get("LABELING_LOCAL_SECRET_ACCESS_KEY")
        return cls(key, secret) if key and secret else None


@dataclass(frozen=True)
class Signature:
    """The signature in a request.

    :param day: the day of its scope, ``YYYYMMDD``.
    :param stamp: when it was made, ``YYYYMMDDTHHMMSSZ``.
    :param headers: the names of the headers that it covers.
    :param payload: what it states for the body: a SHA-256 in hexadecimal or one of S3's keywords; None if the hash of
        the body itself is signed.
    :param lifetime: seconds for which a presigned URL is valid; None for a signature in a header.
    """

    access_key_id: str
    day: str
    region: str
    service: str
    stamp: str
    headers: tuple[str, ...]
    value: str
    payload: str | None
    lifetime: str | None

    @classmethod
    def of(cls, request: RequestHead) -> Signature | None:
        """The signature of a request; None if it has none.

        :raises ApiError: if the signature can't be parsed, or there are two.
        """
        authorization = request.headers.get("authorization", "")
        in_header = authorization.startswith(ALGORITHM)
        in_query = any(name.lower().startswith("x-amz-signature") for name, _ in request.parameters)
        if in_header and in_query:
            raise ApiError("InvalidArgument", "Put the signature into the header or the URL, not both.")
        if in_query:
            return cls._presigned(request)
        return cls._in_header(request, authorization) if in_header else None

    @classmethod
    def _presigned(cls, request: RequestHead) -> Signature:
        def given(name: str) -> str:
            return request.parameter(f"X-Amz-{name}") or ""

        if given("Algorithm") != ALGORITHM:
            raise _incomplete("X-Amz-Algorithm is not AWS4-HMAC-SHA256.")
        scope = _scope(given("Credential"))
        # With a presigned URL, S3 does not sign the body; every other service signs its hash.
        payload = UNSIGNED_PAYLOAD if scope[3] == Service.S3 else None
        lifetime = given("Expires")
        return cls(*scope, *_rest(given("Date"), given("SignedHeaders"), given("Signature")), payload, lifetime)

    @classmethod
    def _in_header(cls, request: RequestHead, authorization: str) -> Signature:
        if len(authorization) > MAX_AUTHORIZATION:
            raise _incomplete(f"The Authorization header has more than {MAX_AUTHORIZATION} characters.")
        parts = [part.strip().partition("=") for part in authorization.removeprefix(ALGORITHM).split(",")]
        given = {name: value for name, _, value in parts}
        if len(parts) != 3 or given.keys() != {"Credential", "SignedHeaders", "Signature"}:
            raise _incomplete("The Authorization header needs Credential, SignedHeaders and Signature.")
        scope = _scope(given["Credential"])
        payload = request.headers.get("x-amz-content-sha256")
        if scope[3] == Service.S3:
            if payload not in STREAMING and payload != UNSIGNED_PAYLOAD and not _HEX.fullmatch(payload or ""):
                raise _incomplete(
                    "x-amz-content-sha256 must be the SHA-256 of the body, or say how the body is signed."
                )
        elif payload is not None and not _HEX.fullmatch(payload):
            raise _incomplete(f"{scope[3]} requires a signed body.")
        stamp = request.headers.get("x-amz-date", "")
        return cls(*scope, *_rest(stamp, given["SignedHeaders"], given["Signature"]), payload, None)

    @property
    def is_presigned(self) -> bool:
        """Whether it is part of a presigned URL."""
        return self.lifetime is not None

    @property
    def scope(self) -> str:
        """Day, region and service, as they are signed."""
        return f"{self.day}/{self.region}/{self.service}/aws4_request"

    def check_cover(self, request: RequestHead, now: datetime) -> None:
        """Check that the signature is recent enough and covers every header that matters.

        :raises ApiError: if it is not, or does not.
        """
        _check_time(self.stamp, self.lifetime, now)
        if not self.stamp.startswith(self.day):
            raise _denied("IncompleteSignature", "The signature's date is not the day of its scope.")
        uncovered = [
            name
            for name in request.headers
            if (name == "host" or name.startswith("x-amz-")) and name not in self.headers
        ]
        if uncovered:
            raise _denied("AccessDenied", f"These headers must be signed: {', '.join(uncovered)[:200]}.")
        missing = [name for name in self.headers if name not in request.headers]
        if missing:
            raise _denied("SignatureDoesNotMatch", f"A signed header is missing: {', '.join(missing)[:200]}.")

    def check(self, request: RequestHead, credentials: Credentials, body_hash: str | None) -> None:
        """Compare with the signature that the credentials give.

        :param body_hash: SHA-256 of the body in hexadecimal; needed only if ``payload`` is None.
        :raises ApiError: if the request was changed, or signed with other keys.
        """
        path = request.path if self.service == Service.S3 else quote(request.path, safe="/~-_.")
        headers = "".join(f"{name}:{_trimmed(request.headers[name])}\n" for name in self.headers)
        payload = self.payload or body_hash or EMPTY_HASH
        query = _canonical_query(request)
        expected = self.expected(request.method, path, query, headers, payload, credentials)
        if not hmac.compare_digest(expected, self.value):
            raise _denied("SignatureDoesNotMatch", "The signature does not match this request and the service's keys.")

    def expected(self, method: str, path: str, query: str, headers: str, payload: str, credentials: Credentials) -> str:
        """The right value for a request in its canonical form."""
        canonical = "\n".join((method, path, query, headers, ";".join(self.headers), payload))
        digest = hashlib.sha256(canonical.encode("latin-1", errors="replace")).hexdigest()
        return _hmac(self.key(credentials), "\n".join((ALGORITHM, self.stamp, self.scope, digest)))

    def key(self, credentials: Credentials) -> bytes:
        """The signing key for this scope."""
        return _signing_key(credentials.secret_access_key, self.day, self.region, self.service)


def presigned(
    host: str, bucket: str, key: str, credentials: Credentials, region: str, signed_at: datetime, seconds: int
) -> str:
    """Path and query of an address at which anybody can read an object of S3 for a while.

    :param host: the Host header of the future request.
    :param signed_at: when it becomes valid.
    :param seconds: how long it is valid, at most a week.
    """
    path = quote(f"/{bucket}/{key}", safe="/~-_.")
    stamp = signed_at.strftime("%Y%m%dT%H%M%SZ")
    unsigned, query = _link(credentials.access_key_id, region, stamp, min(seconds, Quota.LINK_SECONDS))
    value = unsigned.expected("GET", path, query, f"host:{host}\n", UNSIGNED_PAYLOAD, credentials)
    return f"{path}?{query}&X-Amz-Signature={value}"


@lru_cache(maxsize=64)
def _link(access_key_id: str, region: str, stamp: str, seconds: int) -> tuple[Signature, str]:
    """What all links of an hour have in common: their scope, and their query without the signature."""
    scope = (stamp[:8], region, Service.S3.value)
    parameters = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": "/".join((access_key_id, *scope, "aws4_request")),
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    query = "&".join(f"{name}={quote(value, safe='~-_.')}" for name, value in parameters.items())
    return Signature(access_key_id, *scope, stamp, ("host",), "", UNSIGNED_PAYLOAD, str(seconds)), query


class ChunkSignatures:
    """The signatures of a body's chunks. Each one covers the one before.

    :param signature: the request's own.
    """

    def __init__(self, signature: Signature, credentials: Credentials) -> None:
        self._key, self._before = signature.key(credentials), signature.value
        self._stamp, self._scope = signature.stamp, signature.scope

    def check_chunk(self, given: str, chunk_hash: str) -> None:
        """Check the next chunk.

        :param given: its signature.
        :param chunk_hash: SHA-256 of its bytes in hexadecimal.
        :raises ApiError: if the signature does not match.
        """
        self._check(given, f"{ALGORITHM}-PAYLOAD", EMPTY_HASH, chunk_hash)

    def check_trailer(self, given: str, trailer: bytes) -> None:
        """Check the lines after the last chunk.

        :param given: their signature.
        :param trailer: the lines without the signature, each with a line feed.
        :raises ApiError: if the signature does not match.
        """
        self._check(given, f"{ALGORITHM}-TRAILER", hashlib.sha256(trailer).hexdigest())

    def _check(self, given: str, *parts: str) -> None:
        expected = _hmac(self._key, "\n".join((parts[0], self._stamp, self._scope, self._before, *parts[1:])))
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise _denied("SignatureDoesNotMatch", "A chunk of the body does not match its signature.")
        self._before = expected


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _scope(credential: str) -> tuple[str, str, str, str]:
    """Split a credential into access key, day, region and service.

    :raises ApiError: if it is malformed.
    """
    parts = credential.rsplit("/", 4) if len(credential) <= MAX_AUTHORIZATION else []
    if (
        len(parts) != 5
        or not 1 <= len(parts[0]) <= 128
        or not _DAY.fullmatch(parts[1])
        or not _NAME.fullmatch(parts[2])
        or not _NAME.fullmatch(parts[3])
        or parts[4] != "aws4_request"
    ):
        raise _incomplete("The credential is not of the form KEY/YYYYMMDD/REGION/SERVICE/aws4_request.")
    return parts[0], parts[1], parts[2], parts[3]


def _rest(stamp: str, headers: str, value: str) -> tuple[str, tuple[str, ...], str]:
    if not _HEX.fullmatch(value):
        raise _incomplete("The signature is not a SHA-256 in hexadecimal.")
    return stamp, tuple(headers.split(";")), value


def _check_time(stamp: str, lifetime: str | None, now: datetime) -> None:
    try:
        signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        seconds = int(lifetime) if lifetime is not None and len(lifetime) <= 6 else 0
    except ValueError:
        raise _denied("IncompleteSignature", "The signature needs a date like 20240503T091200Z.") from None
    if lifetime is None:
        if abs(now - signed) > _WINDOW:
            raise _denied("RequestTimeTooSkewed", "The signing time is more than 15 minutes from the service's.")
    elif not 0 < seconds <= Quota.LINK_SECONDS or not -_WINDOW <= now - signed <= timedelta(seconds=seconds):
        raise _denied("AccessDenied", "The presigned URL has expired.")


def _canonical_query(request: RequestHead) -> str:
    pairs = [
        (quote(name, safe="~-_."), quote(value, safe="~-_."))
        for name, value in request.parameters
        if name != "X-Amz-Signature"
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _trimmed(value: str) -> str:
    # Only spaces and tabs: other bytes that Latin-1 calls blank may be part of a UTF-8 letter.
    return _BLANKS.sub(" ", value.strip(" \t"))


def _hmac(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()


def _incomplete(message: str) -> ApiError:
    return ApiError("IncompleteSignature", message)


def _denied(code: str, message: str) -> ApiError:
    return ApiError(code, message, HTTPStatus.FORBIDDEN)
