"""Locks of PostgreSQL that belong to a process: they end with its connection, however the process ends.

Source: PostgreSQL's documentation, "Advisory Locks".
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

log = logging.getLogger(__name__)

# PostgreSQL locks numbers; this one says "labeling".
_IN: Final = int.from_bytes(b"labeling", "big")
_MIGRATION_SECONDS: Final = 600
# A machine that goes down says no goodbye: its connection is asked after, and is gone within so many seconds.
_SILENCE: Final = {"idle": 5, "interval": 2, "count": 3}
# A lock of 64 bits is shown in two halves.
_IS_HELD: Final = sa.text(
    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND pid = :pid"
    " AND classid::bigint = :number >> 32 & 4294967295 AND objid::bigint = :number & 4294967295)"
)


class Entry(NamedTuple):
    """How a service has come into a database.

    :param connection: in the transaction of its opening.
    :param is_in: whether the others let it in.
    :param is_alone: whether there are no others.
    """

    connection: Connection
    is_in: bool
    is_alone: bool


class SessionLocks:
    """The locks that this process holds in a database.

    :param connect: makes a connection, which is kept for the locks alone.
    :param shared: whether other processes that share the database may be in, too.
    """

    def __init__(self, connect: Callable[[], Connection], shared: bool) -> None:
        self._connect, self._shared = connect, shared
        self._mutex = threading.Lock()
        self._tenures: dict[str, int] = {}
        self._last_tenure = 0
        self._session, self._pid = connect(), 0

    @contextmanager
    def opening(self) -> Iterator[Entry]:
        """A transaction to come in by. Processes pass through here one after the other.

        :raises sqlalchemy.exc.OperationalError: if the one before takes more than ten minutes.
        """
        with self._session.begin():
            self._session.execute(sa.text(f"SET LOCAL lock_timeout = '{_MIGRATION_SECONDS}s'"))
            self._session.execute(sa.select(sa.func.pg_advisory_xact_lock(_number("opening"))))
            is_in = self._come_in()
            # One's own lock is not in the way, and nobody comes in meanwhile.
            alone = sa.select(sa.func.pg_try_advisory_xact_lock(_IN))
            yield Entry(self._session, is_in, is_in and bool(self._session.execute(alone).scalar_one()))

    def tenure(self, name: str) -> int | None:
        """Take the lock of a name, unless another process has it.

        A connection that was lost has lost its locks: ask again before each use of what the lock is for.

        :return: a number that is another one each time that this process comes to hold it; None if it does not.
        """
        with self._mutex:
            if not self._is_in():
                return None
            if name not in self._tenures and self._take_over(name):
                self._last_tenure += 1
                self._tenures[name] = self._last_tenure
            return self._tenures.get(name)

    def is_held_in(self, connection: Connection, name: str) -> bool:
        """Whether this process holds a name; if so, nobody else begins to before the end of the transaction.

        :param connection: in the transaction.
        """
        if not self._shared:
            return True
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(_number(f"{name} is in use"))))
        held = connection.execute(_IS_HELD, {"pid": self._pid, "number": _number(name)})
        return bool(held.scalar_one())

    def _take_over(self, name: str) -> bool:
        """Take the lock of a name, if whoever had it before has also ended the last transaction under it."""
        with self._session.begin():
            if not self._session.execute(sa.select(sa.func.pg_try_advisory_lock(_number(name)))).scalar_one():
                return False
            unused = sa.func.pg_try_advisory_xact_lock(_number(f"{name} is in use"))
            if self._session.execute(sa.select(unused)).scalar_one():
                return True
            self._session.execute(sa.select(sa.func.pg_advisory_unlock(_number(name))))
            return False

    def is_in(self) -> bool:
        """Whether this process still has the database, or has it again after its connection was lost."""
        with self._mutex:
            return self._is_in()

    def close(self) -> None:
        """Give all locks up."""
        with self._mutex:
            self._session.close()

    def _is_in(self) -> bool:
        try:
            self._take(sa.true())
            return True
        except sa.exc.DBAPIError as error:
            log.warning("the connection that holds the locks of the database was lost: %s", error.orig)
        self._session.close()
        self._tenures.clear()
        self._session = self._connect()
        with self._session.begin():
            return self._come_in()

    def _come_in(self) -> bool:
        self._pid = self._session.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()
        for name, value in _SILENCE.items():
            self._session.execute(sa.text(f"SET tcp_keepalives_{name} = {value}"))
        lock = sa.func.pg_try_advisory_lock_shared if self._shared else sa.func.pg_try_advisory_lock
        return bool(self._session.execute(sa.select(lock(_IN))).scalar_one())

    def _take(self, lock: sa.ColumnElement[bool]) -> bool:
        with self._session.begin():
            return bool(self._session.execute(sa.select(lock)).scalar_one())


def _number(name: str) -> int:
    digest = hashlib.blake2b(f"labeling {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
