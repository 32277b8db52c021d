"""S3 URIs."""

from __future__ import annotations

import re
from typing import Final

_S3_URI: Final = re.compile(r"s3://([^/]+)/?(.*)", re.DOTALL)


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/key`` into bucket and key.

    :raises ValueError: if the text is not an S3 URI.
    """
    match = _S3_URI.fullmatch(uri)
    if match is None:
        raise ValueError(f"{uri!r} is not an S3 URI (s3://bucket/key)")
    return match[1], match[2]


def join_s3_uri(prefix: str, *parts: str) -> str:
    """Join a prefix and parts with single slashes, whether or not the prefix ends with one."""
    return "/".join((prefix.rstrip("/"), *parts))
