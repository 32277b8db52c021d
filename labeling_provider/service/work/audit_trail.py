"""The audit trail: who did what, readable by the administrator, and kept for a bounded time."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict
from typing import Any, Final

from labeling_provider.service.clock import Clock
from labeling_provider.service.database import audit_rows
from labeling_provider.service.database.audit_rows import OK as OK
from labeling_provider.service.database.audit_rows import AuditRow
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.states import Role

log = logging.getLogger(__name__)

MAX_ROWS: Final = 1_000
"""Most rows in one answer."""
MAX_REFUSALS: Final = 60
"""Most refusals that all processes together record in a minute of the clock, each kind once, so that they can't fill
the database."""
_MINUTE: Final = 60.0
_PRUNED_SECONDS: Final = 3_600.0


class AuditTrail:
    """Records who did what.

    :param days: how long rows are kept.
    """

    def __init__(self, database: Database, clock: Clock, days: float = 365.0) -> None:
        self._database, self._clock, self._days = database, clock, days
        self._pruned = 0.0
        self._refused: set[tuple[str, ...]] = set()
        self._minute = 0.0
        self._changing = threading.Lock()

    def record(self, who: str, role: Role, address: str, what: str, target: str = "", outcome: str = OK) -> None:
        """Record what somebody has done or was refused. What can't be written is logged."""
        at = round(self._clock.now(), 3)
        minute = at - at % _MINUTE
        if outcome != OK and self._is_known((who, role, address, what, outcome), minute):
            return
        row = AuditRow(at, *(_plain(text) for text in (who, role, address, what, target, outcome)))
        try:
            with self._database.write() as connection:
                if self._pruned < at - _PRUNED_SECONDS:
                    self._pruned = at
                    audit_rows.forget(connection, at - self._days * 86_400)
                if outcome == OK:
                    audit_rows.insert(connection, row)
                else:
                    audit_rows.insert_refusal(connection, row, minute, MAX_REFUSALS)
        except DatabaseError as error:
            log.error("the audit trail could not be written: %s: %s", row, error)

    def latest(self, limit: int, who: str | None, since: float) -> list[dict[str, Any]]:
        """The latest rows, latest first."""
        with self._database.read() as connection:
            return [asdict(row) for row in audit_rows.latest(connection, min(limit, MAX_ROWS), who, since)]

    def _is_known(self, kind: tuple[str, ...], minute: float) -> bool:
        """Whether such a refusal, or too many others, came to this process in the same minute: a flood ends here.

        :param minute: when the minute began.
        """
        with self._changing:
            # Threads may be a moment late, and a clock may be set back.
            if not 0 <= self._minute - minute <= _MINUTE:
                self._minute, self._refused = minute, set()
            if kind in self._refused or len(self._refused) >= MAX_REFUSALS:
                return True
            self._refused.add(kind)
            return False


def _plain(text: str) -> str:
    """A string from outside, made safe for a database and a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text[:1_000])
