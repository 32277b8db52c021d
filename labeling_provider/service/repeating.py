"""Repeats what a process does beside its work, such as comparing clocks or deleting what is old."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Repeating:
    """A thread that calls a function, now and from time to time, until it is stopped, whatever the function raises.

    :param name: of the thread.
    :param function: what is called.
    :param pause: seconds until the next call; asked after each.
    :param trouble: what the log says if the function raises.
    """

    def __init__(self, name: str, function: Callable[[], object], pause: Callable[[], float], trouble: str) -> None:
        self._name, self._function, self._pause, self._trouble = name, function, pause, trouble
        self._stopping = threading.Event()

    @property
    def is_stopping(self) -> bool:
        """Whether it is stopped: a call that takes long should end."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._repeat, name=self._name, daemon=True).start()

    def stop(self) -> None:
        """Call it no more."""
        self._stopping.set()

    def _repeat(self) -> None:
        while True:
            try:
                self._function()
            except Exception:
                # Whatever it needs, such as the database, will come back.
                log.exception("%s", self._trouble)
            if self._stopping.wait(self._pause()):
                return
