"""Tells of labeling jobs that have ended, each at least once, whatever is killed in between."""

from __future__ import annotations

from typing import Final

from labeling_provider.service.cloud.eventbridge import Announce
from labeling_provider.service.database import announcement_rows
from labeling_provider.service.database.database import Database, now

CLAIM_SECONDS: Final = 20.0
"""How long telling may take: if a process dies over it, another one does it then."""


class Announcements:
    """What is to be told is in the database, from the transaction that ends a job until it was told.

    :param announce: is told of each job. Nobody waits for it: no transaction is open meanwhile.
    """

    def __init__(self, database: Database, announce: Announce) -> None:
        self._database, self._announce = database, announce

    def tell(self) -> None:
        """Tell of all jobs whose end nobody has been told of, and nobody tells of at the moment."""
        with self._database.read() as connection:
            if not announcement_rows.is_pending(connection, now()):
                return
        while self._tell_one():
            pass

    def _tell_one(self) -> bool:
        """Tell of one job; whether there was one."""
        with self._database.write() as connection:
            job = announcement_rows.claim(connection, now(), now() + CLAIM_SECONDS)
        if job is None:
            return False
        self._announce(job.arn, job.status)
        with self._database.write() as connection:
            announcement_rows.remove(connection, job.id)
        return True
