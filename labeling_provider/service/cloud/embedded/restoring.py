"""Skips what can't be restored into moto."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def restoring(what: str) -> Iterator[None]:
    """Log an error in restoring one thing, and continue without it.

    :param what: its name for the log.
    """
    try:
        yield
    except Exception as error:
        log.warning("%s could not be restored: %s: %s", what, type(error).__name__, error, exc_info=True)
