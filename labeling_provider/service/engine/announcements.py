"""Announces labeling jobs that have ended, each at least once, even if the process is killed."""

from __future__ import annotations

from typing import Final

from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.messaging import Announce
from labeling_provider.service.database import announcement_rows
from labeling_provider.service.database.database import Database

CLAIM_SECONDS: Final = 20.0
"""How long an announcement may take: if a process dies meanwhile, another one takes over then."""


class Announcements:
    """Announcements are in the database, from the transaction that ends a job until they were made.

    :param announce: called for each job, while no transaction is open.
    """

    def __init__(self, database: Database, announce: Announce, clock: Clock) -> None:
        self._database, self._announce, self._clock = database, announce, clock

    def tell(self) -> None:
        """Announce all jobs whose end nobody has announced or is announcing."""
        with self._database.read() as connection:
            if not announcement_rows.is_pending(connection, self._clock.now()):
                return
        while self._tell_one():
            pass

    def _tell_one(self) -> bool:
        """Announce one job; returns whether there was one."""
        now = self._clock.now()
        with self._database.write() as connection:
            job = announcement_rows.claim(connection, now, now + CLAIM_SECONDS)
        if job is None:
            return False
        self._announce(job.arn, job.status)
        with self._database.write() as connection:
            announcement_rows.remove(connection, job.id)
        return True
