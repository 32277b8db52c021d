"""Looks at jobs when it is time, a few at once, and at one job never twice at the same time."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

_LONGEST_PAUSE: Final = 60.0
_MOST_RETRIES: Final = 8
_THREADS: Final = 2


class Scheduler:
    """Calls a step for each job that is due, until the step says that the job has ended.

    :param step: does what is to be done for a job; returns the seconds until it is due again, or None.
    :param give_up: ends a job whose steps keep failing; may fail as well.
    """

    def __init__(self, step: Callable[[int], float | None], give_up: Callable[[int], None]) -> None:
        self._step, self._give_up = step, give_up
        self._changed = threading.Condition()
        self._due: dict[int, float] = {}
        self._stepping: set[int] = set()
        self._failures: dict[int, int] = defaultdict(int)
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._loop, name=f"labeling-{number}", daemon=True) for number in range(_THREADS)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the steps that are under way."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def wake(self, job_id: int, delay: float = 0.0) -> None:
        """Look at a job after some seconds, or earlier if it is due earlier."""
        with self._changed:
            self._due[job_id] = min(time.monotonic() + delay, self._due.get(job_id, math.inf))
            self._changed.notify()

    def _loop(self) -> None:
        while (job_id := self._next()) is not None:
            delay = self._guarded(job_id)
            with self._changed:
                self._stepping.discard(job_id)
                self._changed.notify_all()
            if delay is not None:
                self.wake(job_id, delay)

    def _next(self) -> int | None:
        """The next job to look at; waits for one; None when the scheduler stops."""
        with self._changed:
            while not self._stopping:
                waiting = [(at, job_id) for job_id, at in self._due.items() if job_id not in self._stepping]
                at, job_id = min(waiting, default=(math.inf, 0))
                left = at - time.monotonic()
                if left <= 0:
                    del self._due[job_id]
                    self._stepping.add(job_id)
                    return job_id
                self._changed.wait(left if waiting else None)
        return None

    def _guarded(self, job_id: int) -> float | None:
        """Do a step; one that fails is tried again, later and later, and then the job is given up."""
        try:
            delay = self._step(job_id)
        except Exception:
            log.exception("job %s: a step failed", job_id)
            self._failures[job_id] += 1
            if self._failures[job_id] > _MOST_RETRIES:
                return self._end(job_id)
            return min(2.0 ** self._failures[job_id], _LONGEST_PAUSE)
        self._failures.pop(job_id, None)
        return delay

    def _end(self, job_id: int) -> float | None:
        try:
            self._give_up(job_id)
        except Exception:
            log.exception("job %s: could not be ended", job_id)
            return _LONGEST_PAUSE
        return None
