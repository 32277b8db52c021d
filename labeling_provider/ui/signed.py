"""Addresses of pictures that only this server can have made, and that expire after some minutes.

So a browser gets the objects of a job's own manifest and no others, whatever addresses it makes up.
"""

from __future__ import annotations

import hmac
import time
from hashlib import sha256
from typing import Final

_SECONDS: Final = 900


def sign(secret: bytes, task: tuple[object, ...], uri: str, now: float | None = None) -> tuple[int, str]:
    """When an address expires (epoch seconds), and its signature.

    :param task: the task instance whose object it is.
    """
    expires = int(time.time() if now is None else now) + _SECONDS
    return expires, _signature(secret, task, uri, expires)


def is_signed(secret: bytes, task: tuple[object, ...], uri: str, expires: int, signature: str) -> bool:
    """Whether an address is ours and has not expired."""
    wanted = _signature(secret, task, uri, expires)
    return time.time() < expires and hmac.compare_digest(wanted.encode(), signature.encode(errors="replace"))


def _signature(secret: bytes, task: tuple[object, ...], uri: str, expires: int) -> str:
    parts = [str(part) for part in (*task, uri, expires)]
    body = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.new(secret, body.encode(errors="backslashreplace"), sha256).hexdigest()
