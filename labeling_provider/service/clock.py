"""What time it is in the service, and how fast its time passes."""

from __future__ import annotations

import time


class Clock:
    """The one clock that tasks, time limits and lifetimes go by.

    :param speed: how many times faster than real time they pass.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed

    def now(self) -> float:
        """Epoch seconds. Whatever the speed, what is written down has its real time."""
        return time.time()

    def real(self, span: float) -> float:
        """Real seconds that a span of the service's time takes.

        :param span: seconds, such as a time limit's.
        """
        return span / self._speed

    def passed(self, seconds: float) -> float:
        """Seconds of the service's time that pass in so many real ones."""
        return seconds * self._speed
