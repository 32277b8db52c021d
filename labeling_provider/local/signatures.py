"""Checks Signature Version 4 of a request, by header or in a presigned URL.

Source: IAM user guide, "AWS Signature Version 4 for API requests"; tested against what boto3 signs.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import parse_qsl, quote

from labeling_provider.local.errors import ApiError

_WINDOW = timedelta(minutes=15)
_LONGEST_PRESIGNED = 7 * 24 * 3600
_SCOPE = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")


@dataclass(frozen=True)
class Credentials:
    """The one pair of keys that the service accepts."""

    access_key_id: str
    secret_access_key: str

    @classmethod
    def from_environment(cls) -> Credentials | None:
        """Read ``LABELING_LOCAL_ACCESS_KEY_ID`` and ``LABELING_LOCAL_SECRET_ACCESS_KEY``; None unless both are set."""
        key = os.environ.get("LABELING_LOCAL_ACCESS_KEY_ID")
        secret = os.environ.get("LABELING_LOCAL_SECRET_ACCESS_KEY")
        return cls(key, secret) if key and secret else None


@dataclass(frozen=True)
class SignedRequest:
    """What a signature covers.

    :param path: the path as it was sent, percent-encoded.
    :param headers: by lower-case name.
    """

    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def credential_scope(authorization: str, query: str) -> tuple[str, str] | None:
    """Region and service that a request was signed for; None if it is not signed."""
    given = _SCOPE.search(authorization)
    if given is None:
        presigned = dict(parse_qsl(query)).get("X-Amz-Credential", "")
        given = _SCOPE.search(f"Credential={presigned}")
    return (given[3], given[4]) if given else None


def check_signature(request: SignedRequest, credentials: Credentials, now: datetime) -> None:
    """Let a request pass only if it was signed with our keys, lately, for just this content.

    :raises ApiError: with Amazon's code, if it was not.
    """
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    presigned = "X-Amz-Signature" in query
    authorization = request.headers.get("authorization", "")
    if presigned:
        scope = _SCOPE.fullmatch(f"Credential={query.get('X-Amz-Credential', '')}")
        signed_names, signature = query.get("X-Amz-SignedHeaders", ""), query["X-Amz-Signature"]
        stamp = query.get("X-Amz-Date", "")
    else:
        scope = _SCOPE.search(authorization)
        signed_names = _part(authorization, "SignedHeaders")
        signature = _part(authorization, "Signature")
        stamp = request.headers.get("x-amz-date", "")
    if scope is None or not signature:
        raise _denied("MissingAuthenticationToken", "This service takes only requests signed with its credentials.")
    if not hmac.compare_digest(scope[1].encode(), credentials.access_key_id.encode()):
        raise _denied("InvalidClientTokenId", "The access key is not the one that the service was started with.")
    _check_time(stamp, query.get("X-Amz-Expires") if presigned else None, now)
    payload = "UNSIGNED-PAYLOAD" if presigned else _payload_hash(request)
    names = signed_names.split(";")
    if "host" not in names or not stamp.startswith(scope[2]):
        raise _denied("IncompleteSignature", "The signature must cover the host and the date.")
    canonical = "\n".join(
        (
            request.method,
            request.path if scope[4] == "s3" else _encoded_again(request.path),
            _canonical_query(request.query),
            "".join(f"{name}:{_trim(_header(request, name))}\n" for name in names),
            signed_names,
            payload,
        )
    )
    text = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            stamp,
            f"{scope[2]}/{scope[3]}/{scope[4]}/aws4_request",
            hashlib.sha256(canonical.encode()).hexdigest(),
        )
    )
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in (scope[2], scope[3], scope[4], "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex().encode(), signature.encode()):
        raise _denied("SignatureDoesNotMatch", "The signature does not fit the request and the service's credentials.")


def _denied(code: str, message: str) -> ApiError:
    return ApiError(code, message, HTTPStatus.FORBIDDEN)


def _part(authorization: str, name: str) -> str:
    found = re.search(rf"(?:^|[\s,]){name}=([^,\s]+)", authorization)
    return found[1] if found else ""


def _header(request: SignedRequest, name: str) -> str:
    return request.host if name == "host" else request.headers.get(name, "")


def _trim(value: str) -> str:
    return re.sub(r"\s+", " ", value).strip()


def _encoded_again(path: str) -> str:
    return quote(path or "/", safe="/~-_.")


def _canonical_query(query: str) -> str:
    pairs = [
        (quote(name, safe="~-_."), quote(value, safe="~-_."))
        for name, value in parse_qsl(query, keep_blank_values=True)
        if name != "X-Amz-Signature"
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _check_time(stamp: str, lifetime: str | None, now: datetime) -> None:
    try:
        signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        seconds = int(lifetime) if lifetime is not None else None
    except ValueError:
        raise _denied("IncompleteSignature", "The signature needs a date like 20240503T091200Z.") from None
    if seconds is None:
        if abs(now - signed) > _WINDOW:
            raise _denied("RequestTimeTooSkewed", "The request was signed more than 15 minutes from now.")
    elif not 0 < seconds <= _LONGEST_PRESIGNED or not -_WINDOW <= now - signed <= timedelta(seconds=seconds):
        raise _denied("AccessDenied", "The presigned URL has expired.")


def _payload_hash(request: SignedRequest) -> str:
    """The hash that was signed; where it is one, it must be that of the body."""
    actual = hashlib.sha256(request.body).hexdigest()
    claimed = request.headers.get("x-amz-content-sha256")
    if claimed is None:
        return actual
    if claimed == "UNSIGNED-PAYLOAD" or claimed.startswith("STREAMING-"):
        return claimed
    if not hmac.compare_digest(claimed.encode(), actual.encode()):
        raise _denied("XAmzContentSHA256Mismatch", "The body is not the one that was signed.")
    return claimed
