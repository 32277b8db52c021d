"""What can't be put back into moto stops nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def restoring(what: str) -> Iterator[None]:
    """Log what goes wrong while one thing is put back, and go on without it.

    :param what: as it is called in the log.
    """
    try:
        yield
    except Exception as error:
        log.warning("%s could not be restored: %s: %s", what, type(error).__name__, error, exc_info=True)
