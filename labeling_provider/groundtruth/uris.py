"""S3 URIs."""

from __future__ import annotations

import re
from typing import Final

_S3_URI: Final = re.compile(r"s3://([^/]+)/?(.*)", re.DOTALL)


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of ``s3://bucket/key``.

    :raises ValueError: if the text is not an S3 URI.
    """
    match = _S3_URI.fullmatch(uri)
    if match is None:
        raise ValueError(f"{uri!r} is not an S3 URI (s3://bucket/key)")
    return match[1], match[2]


def join_s3_uri(prefix: str, *parts: str) -> str:
    """One slash between the parts, none doubled at the seam."""
    return "/".join((prefix.rstrip("/"), *parts))
