"""Notices between processes that share a database, so that nobody has to poll.

A notice is sent within the transaction that it is about, and heard once that is committed. It may be lost when a
connection breaks, so listeners must also look by themselves from time to time.
Source: PostgreSQL's documentation, "NOTIFY".
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

log = logging.getLogger(__name__)

TOLD: Final = "labeling told"
"""Key under which a transaction's connection keeps its notices."""
EVERYTHING: Final = ""
"""The notice that notices may have been lost."""
_CHANNEL: Final = "labeling"
_PAUSE_SECONDS: Final = 1.0


def tell(connection: Connection, notice: str) -> None:
    """Send a notice to all processes, once the transaction is committed.

    :param notice: at most 8,000 bytes.
    """
    connection.info.setdefault(TOLD, {})[notice] = None


def send(connection: Connection, notices: Iterable[str]) -> None:
    """Pass notices on to other processes, at the end of the transaction."""
    for notice in notices:
        connection.execute(sa.select(sa.func.pg_notify(_CHANNEL, notice)))


class Listener:
    """Hears the notices of all processes, including this one.

    :param connect: opens a connection, which is used only for this.
    :param hear: called with each notice, and with :data:`EVERYTHING` whenever some may have been lost.
    """

    def __init__(self, connect: Callable[[], Connection], hear: Callable[[str], None]) -> None:
        self._connect, self._hear = connect, hear
        self._stopping = threading.Event()
        threading.Thread(target=self._keep, name="labeling-notices", daemon=True).start()

    def stop(self) -> None:
        """Hear nothing more."""
        self._stopping.set()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            try:
                with closing(self._connect()) as connection:
                    if not self._listen(connection):
                        return
            except Exception as error:  # noqa: BLE001 - until the database is back
                log.warning("notices of other processes can't be received at the moment: %s", error)
                self._stopping.wait(_PAUSE_SECONDS)

    def _listen(self, connection: Connection) -> bool:
        """Listen until the end.

        :return: whether the driver can do that.
        """
        driver = connection.connection.driver_connection
        if driver is None or not hasattr(driver, "pgconn"):
            log.warning("notices of other processes arrive late: use postgresql+psycopg://…")
            return False
        driver.autocommit = True
        driver.execute(f"LISTEN {_CHANNEL}")
        self._hear(EVERYTHING)
        while not self._stopping.is_set():
            for notice in driver.notifies(timeout=_PAUSE_SECONDS):
                self._hear(notice.payload)
        return True
