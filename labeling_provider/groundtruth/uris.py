"""S3 URIs: ``s3://bucket/key``, or an object's address at Amazon, which the model of SageMaker allows as well."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

_S3_URI: Final = re.compile(r"s3://([^/]+)/?(.*)", re.DOTALL)
# Source: S3 user guide, "Virtual hosting of general purpose buckets": the bucket is in the host name or in the path.
_AMAZON: Final = re.compile(r"(?:(?P<bucket>.+)\.)?s3(?:[.-][a-z0-9-]+){0,3}\.amazonaws\.com(?:\.cn)?", re.IGNORECASE)
_MAX_ADDRESS: Final = 8_192
_WEB: Final = frozenset({"http", "https"})


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/key`` or ``https://bucket.s3.region.amazonaws.com/key`` into bucket and key.

    :raises ValueError: if the string is neither.
    """
    if match := _S3_URI.fullmatch(uri):
        return match[1], match[2]
    place = _at_amazon(uri)
    if place is None:
        raise ValueError(f"{uri[:300]!r} is not an S3 URI (s3://bucket/key)")
    return place


def as_s3_uri(uri: str) -> str:
    """``s3://bucket/key`` for an object's address at Amazon; any other string as it is."""
    place = _at_amazon(uri)
    return uri if place is None else "s3://" + "/".join(place)


def _at_amazon(uri: str) -> tuple[str, str] | None:
    """Bucket and key of an address at Amazon; None if it is not one."""
    if len(uri) > _MAX_ADDRESS or not uri[:8].lower().startswith(("https://", "http://")):
        return None
    try:
        parts = urlsplit(uri)
        amazon = _AMAZON.fullmatch(parts.hostname or "")
    except ValueError:
        return None
    if amazon is None or parts.query or parts.fragment:
        return None
    path = unquote(parts.path).removeprefix("/")
    bucket, _, key = (amazon["bucket"], "", path) if amazon["bucket"] else path.partition("/")
    return (bucket, key) if bucket else None


def is_web_address(text: str) -> bool:
    """Whether a string is an address with ``http`` or ``https`` and a host; a port must be one that can be asked."""
    try:
        parts = urlsplit(text)
        return parts.scheme in _WEB and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def join_s3_uri(prefix: str, *parts: str) -> str:
    """Join a prefix and parts with single slashes, whether or not the prefix ends with one."""
    return "/".join((prefix.rstrip("/"), *parts))
