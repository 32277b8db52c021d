"""Signed URLs of pictures, which expire after 15 minutes.

Only this server can create them, so a browser gets only the objects of a job's own manifest.
"""

from __future__ import annotations

import hmac
import time
from hashlib import sha256
from typing import Final

_SECONDS: Final = 900


def sign(secret: bytes, task: tuple[object, ...], uri: str, now: float | None = None) -> tuple[int, str]:
    """The expiry of a URL in epoch seconds, and its signature.

    :param task: the task instance whose object it is.
    :param uri: the object's S3 URI.
    """
    expires = int(time.time() if now is None else now) + _SECONDS
    return expires, _signature(secret, task, uri, expires)


def is_signed(secret: bytes, task: tuple[object, ...], uri: str, expires: int, signature: str) -> bool:
    """Whether a signature is valid and has not expired."""
    expected = _signature(secret, task, uri, expires)
    return time.time() < expires and hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))


def _signature(secret: bytes, task: tuple[object, ...], uri: str, expires: int) -> str:
    parts = [str(part) for part in (*task, uri, expires)]
    body = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.new(secret, body.encode(errors="backslashreplace"), sha256).hexdigest()
