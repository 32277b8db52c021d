"""Looks at jobs when it is time, a few at once, and at one job never twice at the same time."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from labeling_provider.service.errors import may_pass

log = logging.getLogger(__name__)

_THREADS: Final = 2
_MAX_THREADS: Final = 32
_LATE_SECONDS: Final = 2.0
_MAX_RETRIES: Final = 3
_OUTAGE_SECONDS: Final = 3600.0
_MAX_PAUSE: Final = 60.0
_FORGOTTEN_AFTER: Final = 600.0
_STOP_SECONDS: Final = 3.0


@dataclass
class _Trouble:
    """What a job's steps have run into lately.

    :param failures: steps that failed for good; some in a row are too many.
    :param last: when the last of them was.
    :param outage: since when the steps have met only what may pass; None if the last one went well.
    :param outages: how many steps that were.
    """

    failures: int = 0
    last: float = -math.inf
    outage: float | None = None
    outages: int = 0


class Scheduler:
    """Calls a step for each job that is due, until the step says that the job has ended.

    A few threads do; while all of them are held up, more come in, so that a slow job does not stop the others.

    :param step: does what is to be done for a job; returns the seconds until it is due again, or None.
    :param give_up: ends a job whose steps keep failing, with what they fail with; may fail as well.
    """

    def __init__(self, step: Callable[[int], float | None], give_up: Callable[[int, BaseException], None]) -> None:
        self._step, self._give_up = step, give_up
        self._changed = threading.Condition()
        self._due: dict[int, float] = {}
        self._stepping: dict[int, float] = {}
        self._troubles: dict[int, _Trouble] = defaultdict(_Trouble)
        self._stopping = False
        self._threads: set[threading.Thread] = set()

    def start(self) -> None:
        """Begin."""
        with self._changed:
            for _ in range(_THREADS):
                self._add_thread(helper=False)
            threading.Thread(target=self._send_for_help, name="labeling-helpers", daemon=True).start()

    def stop(self) -> None:
        """End after the steps that are under way, or without those that take long: they can be done again."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            threads = list(self._threads)
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def wake(self, job_id: int, delay: float = 0.0) -> None:
        """Look at a job after some seconds, or earlier if it is due earlier."""
        with self._changed:
            self._due[job_id] = min(time.monotonic() + delay, self._due.get(job_id, math.inf))
            self._changed.notify_all()

    def _add_thread(self, *, helper: bool) -> None:
        thread = threading.Thread(target=self._loop, args=(helper,), name="labeling", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _loop(self, helper: bool) -> None:
        while (job_id := self._next(helper)) is not None:
            delay = self._guarded(job_id)
            with self._changed:
                self._stepping.pop(job_id, None)
                self._changed.notify_all()
            if delay is not None:
                self.wake(job_id, delay)
        with self._changed:
            self._threads.discard(threading.current_thread())

    def _first_due(self) -> tuple[float, int]:
        """When which job is due next, of those that nobody looks at."""
        waiting = [(at, job_id) for job_id, at in self._due.items() if job_id not in self._stepping]
        return min(waiting, default=(math.inf, 0))

    def _next(self, helper: bool) -> int | None:
        """The next job to look at; None when the scheduler stops.

        :param helper: return None when nothing is due; else wait for a job.
        """
        with self._changed:
            while not self._stopping:
                at, job_id = self._first_due()
                left = at - time.monotonic()
                if left <= 0:
                    del self._due[job_id]
                    self._stepping[job_id] = time.monotonic()
                    return job_id
                if helper:
                    return None
                self._changed.wait(None if math.isinf(left) else left)
        return None

    def _send_for_help(self) -> None:
        """Add a thread whenever a job is due and all threads are held up, each by one step that takes long."""
        with self._changed:
            while not self._stopping:
                late = time.monotonic() - _LATE_SECONDS
                held_up = sum(since < late for since in self._stepping.values()) >= len(self._threads)
                if held_up and self._first_due()[0] < late and len(self._threads) < _MAX_THREADS:
                    self._add_thread(helper=True)
                self._changed.wait(_LATE_SECONDS / 2)

    def _guarded(self, job_id: int) -> float | None:
        """Do a step; one that fails is tried again, later and later, and then the job is given up."""
        try:
            delay = self._step(job_id)
        except (Exception, SystemExit) as error:
            # A job's own code may ask the process to end: it does not even end this thread.
            log.exception("job %s: a step failed", job_id)
            return self._after_failure(job_id, error)
        if delay is None:
            self._troubles.pop(job_id, None)
        else:
            trouble = self._troubles[job_id]
            trouble.outage, trouble.outages = None, 0
        return delay

    def _after_failure(self, job_id: int, error: BaseException) -> float | None:
        if self._stopping:
            return None
        now, trouble = time.monotonic(), self._troubles[job_id]
        if may_pass(error):
            trouble.outage = now if trouble.outage is None else trouble.outage
            trouble.outages += 1
            hopeless, tries = now - trouble.outage > _OUTAGE_SECONDS, trouble.outages
        else:
            # Steps that go well in between do not count: they may just not have come to the same point.
            trouble.failures = 1 if now - trouble.last > _FORGOTTEN_AFTER else trouble.failures + 1
            trouble.last = now
            hopeless, tries = trouble.failures > _MAX_RETRIES, trouble.failures
        if not hopeless:
            return min(2.0 ** min(tries - 1, 10), _MAX_PAUSE)
        try:
            self._give_up(job_id, error)
        except Exception:
            log.exception("job %s: could not be ended", job_id)
            return _MAX_PAUSE
        self._troubles.pop(job_id, None)
        return None
