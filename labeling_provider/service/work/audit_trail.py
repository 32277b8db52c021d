"""The audit trail: who did what, readable by the administrator, and kept for a bounded time."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict
from typing import Any, Final

from labeling_provider.service.database import audit_rows
from labeling_provider.service.database.audit_rows import AuditRow
from labeling_provider.service.database.database import Database, now
from labeling_provider.service.database.opening import DatabaseError

log = logging.getLogger(__name__)

MAX_ROWS: Final = 1_000
"""Most rows in one answer."""
OK: Final = "ok"
MAX_REFUSALS: Final = 60
"""Most refusals that are recorded per minute, each kind once, so that they can't fill the database."""
_MINUTE: Final = 60.0
_PRUNED_SECONDS: Final = 3_600.0


class AuditTrail:
    """Records who did what.

    :param days: how long rows are kept.
    """

    def __init__(self, database: Database, days: float = 365.0) -> None:
        self._database, self._days = database, days
        self._pruned = 0.0
        self._refused: set[tuple[str, ...]] = set()
        self._minute = 0.0
        self._changing = threading.Lock()

    def record(self, who: str, role: str, address: str, what: str, target: str = "", outcome: str = OK) -> None:
        """Record what somebody has done or was refused. What can't be written is logged."""
        at = now()
        if outcome != OK and self._is_known((who, role, address, what, outcome), at):
            return
        row = AuditRow(at, *(_plain(text) for text in (who, role, address, what, target, outcome)))
        try:
            with self._database.write() as connection:
                if self._pruned < at - _PRUNED_SECONDS:
                    self._pruned = at
                    audit_rows.forget(connection, at - self._days * 86_400)
                audit_rows.insert(connection, row)
        except DatabaseError as error:
            log.error("the audit trail could not be written: %s: %s", row, error)

    def latest(self, limit: int, who: str | None, since: float) -> list[dict[str, Any]]:
        """The latest rows, latest first."""
        with self._database.read() as connection:
            return [asdict(row) for row in audit_rows.latest(connection, min(limit, MAX_ROWS), who, since)]

    def _is_known(self, kind: tuple[str, ...], at: float) -> bool:
        """Whether such a refusal, or too many others, were recorded a short while ago."""
        with self._changing:
            if self._minute < at - _MINUTE:
                self._minute, self._refused = at, set()
            if kind in self._refused or len(self._refused) >= MAX_REFUSALS:
                return True
            self._refused.add(kind)
            return False


def _plain(text: str) -> str:
    """A text from outside, made safe for a database and a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text[:1_000])
