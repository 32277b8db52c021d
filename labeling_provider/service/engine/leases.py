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
from labeling_provider.service.database.lease_rows import Lease

log = logging.getLogger(__name__)

LEASE_SECONDS: Final = 15.0
"""How long a lease lasts: after a process dies, its jobs wait this long."""
POLL_SECONDS: Final = 2.0
"""How often a process that shares its database looks for jobs without a lease."""


class Leases:
    """Takes leases on jobs, renews them during long steps, and finds jobs without a lease.

    :param shared: whether other processes use the database as well. If not, leases are not renewed.
    :param may_stream: whether this process runs streaming jobs; only one process holds their queues.
    :param found: called with the ids of the jobs that are due and have no lease, each time it has looked.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        found: Callable[[Iterable[int]], None],
        *,
        shared: bool,
        may_stream: Callable[[], bool],
    ) -> None:
        self._database, self._clock, self._found = database, clock, found
        self._shared, self._may_stream, self._streams = shared, may_stream, False
        self._owner = uuid.uuid4().hex
        self._held: set[int] = set()
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start to renew leases and to look for jobs."""
        if not self._shared:
            with self._database.write() as connection:
                lease_rows.release_all(connection)
        self.look()
        if self._shared:
            threading.Thread(target=self._keep, name="labeling-leases", daemon=True).start()

    def stop(self) -> None:
        """Stop renewing and looking. Leases that are still held run out."""
        self._stopping.set()

    def take(self, job_id: int) -> tuple[Lease, Row] | None:
        """Take the lease on a job for one step.

        :return: the lease and the job; None if another process has the job, it is not due, or it has ended.
        """
        now, streams = self._clock.now(), self._may_stream()
        with self._database.write() as connection:
            taken = lease_rows.take(connection, job_id, self._owner, now, now + LEASE_SECONDS, streams=streams)
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
        with self._database.write() as connection:
            due = lease_rows.release(connection, lease, self._clock.now() + pause)
        return None if due is None else max(due - self._clock.now(), 0.0)

    def wake(self, job_id: int) -> None:
        """Make a job due now, in whichever process has it or takes it next."""
        if self._shared:
            with self._database.write() as connection:
                lease_rows.wake(connection, job_id)

    def look(self) -> None:
        """Look for jobs that are due and have no lease."""
        streams = self._may_stream()
        if streams and not self._streams:
            # The process that had the queues before may have left messages unannounced.
            with self._database.write() as connection:
                lease_rows.wake_streams(connection)
        self._streams = streams
        with self._database.read() as connection:
            due = lease_rows.due(connection, self._clock.now(), streams=streams)
        self._found(due)

    def _keep(self) -> None:
        renewed = self._clock.now()
        while not self._stopping.wait(POLL_SECONDS):
            try:
                now = self._clock.now()
                if self._held and now - renewed > LEASE_SECONDS / 4:
                    with self._database.write() as connection:
                        lease_rows.renew(connection, self._owner, now + LEASE_SECONDS)
                    renewed = now
                self.look()
            except Exception:
                # The database will be back. This process's leases may have run out by then.
                log.exception("the leases on labeling jobs could not be renewed")
