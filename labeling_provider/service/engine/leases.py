"""This process's leases on labeling jobs."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterable
from typing import Final

from labeling_provider.service.clock import Clock
from labeling_provider.service.database import lease_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.lease_rows import Lease, Woken

log = logging.getLogger(__name__)

LEASE_SECONDS: Final = 7.0
"""How long a lease lasts: after a process dies, its jobs wait this long, and for the next look."""
POLL_SECONDS: Final = 1.0
"""How often a process that shares its database looks for jobs without a lease: it may have missed a notice."""
_TELL_SECONDS: Final = 0.05
"""How long notices that can wait are gathered, so that a job is not woken for each answer."""
_STOP_SECONDS: Final = 3.0


class Leases:
    """Takes leases on jobs, renews them during long steps, and finds jobs without a lease.

    :param shared: whether other processes use the database as well. If not, leases are not renewed.
    :param due: called with the ids of the jobs that are due and have no lease, each time it has looked.
    :param woken: called when a job that this process runs, or nobody, is due now: with its id, seconds to wait, and
        whether it may wait longer if the job's steps take long.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        due: Callable[[Iterable[int]], None],
        woken: Callable[[int, float, bool], None],
        *,
        shared: bool,
    ) -> None:
        self._database, self._clock, self._due, self._woken = database, clock, due, woken
        self._shared = shared
        self._owner = uuid.uuid4().hex
        self._held: set[int] = set()
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._to_wake: dict[int, tuple[float, bool]] = {}
        self._waker: threading.Thread | None = None

    def start(self) -> None:
        """Start to renew leases and to look for jobs."""
        if not self._shared:
            with self._database.write() as connection:
                lease_rows.release_all(connection)
        self._database.listen(self._hear)
        self.look()
        if self._shared:
            threading.Thread(target=self._keep, name="labeling-leases", daemon=True).start()

    def stop(self) -> None:
        """Stop renewing and looking, and send pending notices. Leases that are still held run out."""
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()
            waker = self._waker
        if waker is not None:
            waker.join(_STOP_SECONDS)

    def take(self, job_id: int) -> tuple[Lease, Row] | None:
        """Take the lease on a job for one step.

        :return: the lease and the job; None if another process has the job, it is not due, or it has ended.
        """
        now = self._clock.now()
        with self._database.write(together=True) as connection:
            taken = lease_rows.take(connection, job_id, self._owner, now, now + LEASE_SECONDS)
        if taken is not None:
            self._held.add(job_id)
        return taken

    def release(self, lease: Lease, pause: float | None) -> float | None:
        """Release a job after a step.

        :param pause: seconds until the next step; None if the job has ended.
        :return: seconds until the next step, 0 if somebody has woken the job meanwhile; None if there is no next step,
            or another process does it.
        """
        self._held.discard(lease.job_id)
        if pause is None:
            return None
        with self._database.write(together=True) as connection:
            due = lease_rows.release(connection, lease, self._clock.now() + pause)
        return None if due is None else max(due - self._clock.now(), 0.0)

    def wake(self, job_id: int, delay: float, *, patient: bool) -> None:
        """Make a job due now, in whichever process has it or takes it next.

        :param delay: how many seconds that process should wait.
        :param patient: whether its step may come later if its steps take long.
        """
        if not self._shared:
            self._woken(job_id, delay, patient)
        elif delay:
            # Do not wait until a running step lets others change the job.
            self._wake_soon(job_id, delay, patient)
        else:
            self._wake_now(job_id, delay, patient)

    def _wake_now(self, job_id: int, delay: float, patient: bool) -> None:
        with self._database.write(together=True) as connection:
            lease_rows.wake(connection, lease_rows.is_job(job_id), delay, patient=patient)

    def _wake_soon(self, job_id: int, delay: float, patient: bool) -> None:
        with self._changed:
            sooner, more_patient = self._to_wake.get(job_id, (delay, patient))
            self._to_wake[job_id] = min(delay, sooner), patient and more_patient
            if self._waker is None:
                self._waker = threading.Thread(target=self._wake_gathered, name="labeling-wakes", daemon=True)
                self._waker.start()
            self._changed.notify_all()

    def _wake_gathered(self) -> None:
        """Wake the jobs that can wait a little, until the end."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._to_wake or self._stopping.is_set())
                gathered, self._to_wake = self._to_wake, {}
            if not gathered:
                return
            for job_id, (delay, patient) in gathered.items():
                try:
                    self._wake_now(job_id, delay, patient)
                except Exception:
                    if self._stopping.is_set():
                        return
                    log.exception("job %s could not be woken; trying again", job_id)
                    self._wake_soon(job_id, delay, patient)
                    self._stopping.wait(POLL_SECONDS)
            self._stopping.wait(_TELL_SECONDS)

    def _hear(self, notice: str) -> None:
        """Continue a job that somebody has woken; if its owner does not, others find it at their next look."""
        woken = Woken.of(notice)
        if woken is not None and woken.owner in {"", self._owner}:
            self._woken(woken.job_id, woken.delay, woken.patient)

    def look(self) -> None:
        """Look for jobs that are due and have no lease."""
        with self._database.read() as connection:
            due = lease_rows.due(connection, self._clock.now())
        self._due(due)

    def _keep(self) -> None:
        renewed = self._clock.now()
        while not self._stopping.wait(POLL_SECONDS):
            try:
                now = self._clock.now()
                if self._held and now - renewed > LEASE_SECONDS / 4:
                    with self._database.write(together=True) as connection:
                        lease_rows.renew(connection, self._owner, now + LEASE_SECONDS)
                    renewed = now
                self.look()
            except Exception:
                # The database will be back. This process's leases may have run out by then.
                log.exception("the leases on labeling jobs could not be renewed")
