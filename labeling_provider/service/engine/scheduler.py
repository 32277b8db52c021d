"""Runs the steps of jobs when they are due: several jobs at once, but only one step per job."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from labeling_provider.service.failures import is_outage, may_pass

log = logging.getLogger(__name__)

_THREADS: Final = 2
_MAX_THREADS: Final = 32
_QUICK_SECONDS: Final = 0.2
"""One extra thread is only for jobs whose last step took at most this long, and for new ones."""
_LATE_SECONDS: Final = 2.0
_MAX_RETRIES: Final = 3
_PASSING_SECONDS: Final = 3600.0
"""How long a job may fail with temporary errors that are about itself, such as a refused access to its bucket."""
_MAX_PAUSE: Final = 60.0
_PATIENCE: Final = 10.0
"""A patient job waits this many times as long as its last step, so that others get most of the time."""
_MAX_PATIENCE: Final = 5.0
_FORGOTTEN_AFTER: Final = 600.0
_STOP_SECONDS: Final = 3.0


@dataclass
class _Trouble:
    """Recent failures of a job's steps. Times are seconds of the monotonic clock.

    :param failures: how many steps failed with a lasting error.
    :param last: when the last of them failed.
    :param passing: when the current series of temporary errors began, or when an outage in it was last seen; None if
        the last step succeeded.
    :param tries: how many steps have failed in that series.
    """

    failures: int = 0
    last: float = -math.inf
    passing: float | None = None
    tries: int = 0


class Scheduler:
    """Runs a step of each job that is due, until the job has ended.

    A few threads run the steps, one of them only those of jobs whose steps are short, so that a small job beside large
    ones need not wait for them. If long steps keep all of them busy, more are added.

    :param step: does a job's next step; returns the seconds until it is due again, or None if the job has ended.
    :param give_up: ends a job whose steps keep failing, given the last error; may itself fail.
    """

    def __init__(self, step: Callable[[int], float | None], give_up: Callable[[int, BaseException], None]) -> None:
        self._step, self._give_up = step, give_up
        self._changed = threading.Condition()
        self._due: dict[int, float] = {}
        self._stepping: dict[int, float] = {}
        self._took: dict[int, float] = {}
        self._troubles: dict[int, _Trouble] = defaultdict(_Trouble)
        self._stopping = False
        self._threads: set[threading.Thread] = set()

    def start(self) -> None:
        """Start the threads."""
        with self._changed:
            for _ in range(_THREADS):
                self._add_thread(helper=False)
            self._add_thread(helper=False, max_seconds=_QUICK_SECONDS)
            threading.Thread(target=self._send_for_help, name="labeling-helpers", daemon=True).start()

    def stop(self) -> None:
        """Stop after the current steps, but do not wait for long ones: they can be repeated."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            threads = list(self._threads)
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def wake(self, job_id: int, delay: float = 0.0, *, patient: bool = False) -> None:
        """Run a job's next step after some seconds, or earlier if it is already due earlier.

        :param delay: in seconds.
        :param patient: whether it may come later if the job's steps take long.
        """
        with self._changed:
            if patient:
                delay = max(delay, min(_PATIENCE * self._took.get(job_id, 0.0), _MAX_PATIENCE))
            at, known = time.monotonic() + delay, self._due.get(job_id, math.inf)
            if at < known:
                self._due[job_id] = at
                self._changed.notify_all()

    def _add_thread(self, *, helper: bool, max_seconds: float = math.inf) -> None:
        thread = threading.Thread(target=self._loop, args=(helper, max_seconds), name="labeling", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _loop(self, helper: bool, max_seconds: float) -> None:
        while (job_id := self._next(helper, max_seconds)) is not None:
            delay = self._guarded(job_id)
            with self._changed:
                self._took[job_id] = time.monotonic() - self._stepping.pop(job_id)
                if delay is None:
                    del self._took[job_id]
                self._changed.notify_all()
            if delay is not None:
                self.wake(job_id, delay)
        with self._changed:
            self._threads.discard(threading.current_thread())

    def _first_due(self, max_seconds: float = math.inf) -> tuple[float, int]:
        """When the next job is due, and its id, among those without a running step; infinity if there is none.

        :param max_seconds: longest last step of the job, in seconds.
        """
        waiting = [
            (at, job_id)
            for job_id, at in self._due.items()
            if job_id not in self._stepping and self._took.get(job_id, 0.0) <= max_seconds
        ]
        return min(waiting, default=(math.inf, 0))

    def _next(self, helper: bool, max_seconds: float) -> int | None:
        """Wait for the next job that is due.

        :param helper: return None if no job is due, instead of waiting.
        :param max_seconds: longest last step of the job, in seconds.
        :return: its id; None if the scheduler stops.
        """
        with self._changed:
            while not self._stopping:
                at, job_id = self._first_due(max_seconds)
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
        """Add a thread whenever a job is overdue and long steps keep all threads busy."""
        with self._changed:
            while not self._stopping:
                late = time.monotonic() - _LATE_SECONDS
                held_up = sum(since < late for since in self._stepping.values()) >= len(self._threads)
                if held_up and self._first_due()[0] < late and len(self._threads) < _MAX_THREADS:
                    self._add_thread(helper=True)
                self._changed.wait(_LATE_SECONDS / 2)

    def _guarded(self, job_id: int) -> float | None:
        """Run a step. If it fails, retry it with growing delays, and finally give the job up.

        It waits for the database and the object store for as long as they are away: that is no fault of the job, and
        no step of another one would succeed, either.

        :return: seconds until the next step; None if the job has ended.
        """
        try:
            delay = self._step(job_id)
        except (Exception, SystemExit) as error:
            # A job's own code may raise SystemExit, which would end this thread.
            is_away = is_outage(error)
            if is_away:
                log.error("job %s is waiting for the database or the object store to come back: %s", job_id, error)
            else:
                log.exception("job %s: a step failed", job_id)
            return self._after_failure(job_id, error, is_away)
        if delay is None:
            self._troubles.pop(job_id, None)
        else:
            trouble = self._troubles[job_id]
            trouble.passing, trouble.tries = None, 0
        return delay

    def _after_failure(self, job_id: int, error: BaseException, is_away: bool) -> float | None:
        if self._stopping:
            return None
        now, trouble = time.monotonic(), self._troubles[job_id]
        if may_pass(error):
            trouble.passing = now if trouble.passing is None or is_away else trouble.passing
            trouble.tries += 1
            hopeless, tries = now - trouble.passing > _PASSING_SECONDS, trouble.tries
        else:
            # Successful steps in between do not reset this: they may not have reached the same point.
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
