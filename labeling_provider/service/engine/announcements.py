"""Tells of labeling jobs that have ended, each at least once, whatever is killed in between."""

from __future__ import annotations

import threading

from labeling_provider.service.cloud.eventbridge import Announce
from labeling_provider.service.cloud.messaging import Messaging
from labeling_provider.service.database import announcements
from labeling_provider.service.database.database import Database


class Announcements:
    """What is to be told is in the database, from the transaction that ends a job until it was told.

    :param messaging: the process that has topics and queues has the event rules, too, and tells.
    :param announce: is told of each job.
    """

    def __init__(self, database: Database, messaging: Messaging, announce: Announce) -> None:
        self._database, self._messaging, self._announce = database, messaging, announce
        self._telling = threading.Lock()

    def tell(self) -> None:
        """Tell of all jobs whose end nobody has been told of, if this process is the one to do it."""
        with self._telling:
            with self._database.read() as connection:
                pending = announcements.pending(connection)
            if not pending or not self._messaging.is_here():
                return
            for job in pending:
                self._announce(job.arn, job.status)
                with self._database.write() as connection:
                    announcements.remove(connection, job.id)
