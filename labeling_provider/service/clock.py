"""The service's clock, and how fast it runs."""

from __future__ import annotations

import time


class Clock:
    """The one clock for tasks, time limits and lifetimes.

    :param speed: how many times faster than real time it runs.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed

    def now(self) -> float:
        """The real time, in epoch seconds: timestamps are real at any speed."""
        return time.time()

    def real(self, span: float) -> float:
        """Convert service time to real time.

        :param span: seconds of service time, such as a time limit.
        :return: real seconds.
        """
        return span / self._speed

    def passed(self, seconds: float) -> float:
        """Convert real seconds to seconds of service time."""
        return seconds * self._speed
