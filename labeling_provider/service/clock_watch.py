"""Compares this machine's clock with that of a database which several processes share.

Leases, due times and sessions are times of whichever machine wrote them, so machines whose clocks differ by more than a
lease lasts take live leases from each other.
"""

from __future__ import annotations

import logging
from typing import Final

from labeling_provider.service.clock import Clock
from labeling_provider.service.database import load
from labeling_provider.service.database.database import Database
from labeling_provider.service.measures import CLOCK_DIFFERENCE
from labeling_provider.service.repeating import Repeating

log = logging.getLogger(__name__)

MAX_DIFFERENCE_SECONDS: Final = 1.0
"""A lease lasts a few seconds, and the clocks of machines that NTP sets differ by milliseconds."""
_LOOK_SECONDS: Final = 60.0


class ClockWatch:
    """Compares the clocks at the start, then once a minute. It does nothing if no other process uses the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        trouble = "this machine's clock could not be compared with the database's"
        self._repeating = Repeating("labeling-clock", self.look, lambda: _LOOK_SECONDS, trouble)

    def start(self) -> None:
        """Start to compare."""
        if self._database.is_shared:
            self._repeating.start()

    def stop(self) -> None:
        """Compare no more."""
        self._repeating.stop()

    def look(self) -> float:
        """Compare once, and warn if the clocks differ too much.

        :return: by how many seconds this machine's clock is ahead; negative if it is behind.
        :raises DatabaseError: if the database does not respond.
        """
        with self._database.read() as connection:
            # The first statement may have to wait for a connection.
            load.check(connection)
            before = self._clock.now()
            there = load.clock(connection)
            after = self._clock.now()
        # The answer was made at some moment between the two: however long it took, that is no difference.
        difference = max(before - there, 0.0) + min(after - there, 0.0)
        CLOCK_DIFFERENCE.set(difference)
        if abs(difference) > MAX_DIFFERENCE_SECONDS:
            log.warning(
                "this machine's clock is %.1f s %s the database's: processes may take over jobs that "
                "others are still working on; synchronize the clocks of all machines, for example with NTP",
                abs(difference),
                "ahead of" if difference > 0 else "behind",
            )
        return difference
