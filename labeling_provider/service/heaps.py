"""Keeps a process small whose threads now and then use much memory: its C library would keep all of that."""

from __future__ import annotations

import ctypes
from typing import Final

_LIBC: Final = ctypes.CDLL(None)
_M_ARENA_MAX: Final = -8
_HEAPS: Final = 2


def share_heaps() -> None:
    """Let all threads to come share two heaps, where glibc would make eight for each core.

    Only glibc has these, and needs it. Source: ``mallopt(3)``, and glibc's ``malloc.h`` for the number.
    """
    if hasattr(_LIBC, "mallopt") and hasattr(_LIBC, "gnu_get_libc_version"):
        _LIBC.mallopt(_M_ARENA_MAX, _HEAPS)


def give_back() -> None:
    """Give what the heaps no longer use back to the system, if the C library can."""
    if hasattr(_LIBC, "malloc_trim"):
        _LIBC.malloc_trim(0)
