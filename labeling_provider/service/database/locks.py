"""PostgreSQL locks that a process holds. They end with its connection, however the process ends.

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

# PostgreSQL locks are numbers; this one spells "labeling".
_IN: Final = int.from_bytes(b"labeling", "big")
_MIGRATION_SECONDS: Final = 600
# A machine that goes down does not close its connection: these keepalives, in seconds, let PostgreSQL notice.
_SILENCE: Final = {"idle": 5, "interval": 2, "count": 3}
# PostgreSQL shows a 64-bit lock in two halves.
_IS_HELD: Final = sa.text(
    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND pid = :pid"
    " AND classid::bigint = :number >> 32 & 4294967295 AND objid::bigint = :number & 4294967295)"
)

_HOLDER: Final = sa.text(
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND datname = current_database()"
    " AND classid::bigint = :number >> 32 & 4294967295 AND objid::bigint = :number & 4294967295"
)
# PostgreSQL cuts longer names off.
MAX_ADDRESS_BYTES: Final = 63


class Entry(NamedTuple):
    """A process's admission to a database.

    :param connection: a connection, in the transaction for opening the database.
    :param is_in: whether the process may use the database.
    :param is_alone: whether no other process uses it.
    """

    connection: Connection
    is_in: bool
    is_alone: bool


class SessionLocks:
    """The locks that this process holds in a database.

    :param connect: opens a connection, which is used only for the locks.
    :param shared: whether other processes may share the database.
    """

    def __init__(self, connect: Callable[[], Connection], shared: bool) -> None:
        self._connect, self._shared = connect, shared
        self._mutex = threading.Lock()
        self._tenures: dict[str, int] = {}
        self._last_tenure = 0
        self._address: str | None = None
        self._session, self._pid = connect(), 0

    @contextmanager
    def opening(self) -> Iterator[Entry]:
        """A transaction for opening the database. Only one process at a time can have it.

        :raises sqlalchemy.exc.OperationalError: if another process holds it for more than ten minutes.
        """
        with self._session.begin():
            self._session.execute(sa.text(f"SET LOCAL lock_timeout = '{_MIGRATION_SECONDS}s'"))
            self._session.execute(sa.select(sa.func.pg_advisory_xact_lock(_number("opening"))))
            is_in = self._enter()
            # This process's own lock does not conflict, and no other process can enter meanwhile.
            alone = sa.select(sa.func.pg_try_advisory_xact_lock(_IN))
            yield Entry(self._session, is_in, is_in and bool(self._session.execute(alone).scalar_one()))

    def tenure(self, name: str) -> int | None:
        """Take a named lock, unless another process has it.

        If the connection breaks, its locks are lost, so call this again before each use of what the lock protects.

        :return: a number that changes whenever this process gets the lock anew; None if another process has it.
        """
        with self._mutex:
            if not self._is_in():
                return None
            if name not in self._tenures and self._take_over(name):
                self._last_tenure += 1
                self._tenures[name] = self._last_tenure
            return self._tenures.get(name)

    def is_held_in(self, connection: Connection, name: str) -> bool:
        """Whether this process holds a named lock; if so, no other process can take it before the transaction ends.

        :param connection: in the transaction.
        """
        if not self._shared:
            return True
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(_number(f"{name} is in use"))))
        held = connection.execute(_IS_HELD, {"pid": self._pid, "number": _number(name)})
        return bool(held.scalar_one())

    def announce(self, address: str) -> None:
        """Name this process, for all who use the database, by where it is.

        :param address: in at most :data:`MAX_ADDRESS_BYTES`.
        """
        with self._mutex:
            self._address = address
            with self._session.begin():
                self._say_address()

    def _say_address(self) -> None:
        if self._address is not None:
            named = sa.select(sa.func.set_config("application_name", self._address, False))
            self._session.execute(named)

    @staticmethod
    def holder(connection: Connection, name: str) -> str | None:
        """What the process is named that holds a named lock; None if there is none, or it has not announced itself."""
        holder: str | None = connection.execute(_HOLDER, {"number": _number(name)}).scalar_one_or_none()
        return holder if holder and "://" in holder else None

    def _take_over(self, name: str) -> bool:
        """Take a named lock, if its last holder has also finished its last transaction under it."""
        with self._session.begin():
            if not self._session.execute(sa.select(sa.func.pg_try_advisory_lock(_number(name)))).scalar_one():
                return False
            unused = sa.func.pg_try_advisory_xact_lock(_number(f"{name} is in use"))
            if self._session.execute(sa.select(unused)).scalar_one():
                return True
            self._session.execute(sa.select(sa.func.pg_advisory_unlock(_number(name))))
            return False

    def is_in(self) -> bool:
        """Whether this process may still use the database. If its connection was lost, it tries to enter again."""
        with self._mutex:
            return self._is_in()

    def close(self) -> None:
        """Release all locks."""
        with self._mutex:
            self._session.close()

    def _is_in(self) -> bool:
        try:
            self._take(sa.true())
            return True
        except sa.exc.DBAPIError as error:
            log.warning("the connection that holds the database locks was lost: %s", error.orig)
        self._session.close()
        self._tenures.clear()
        self._session = self._connect()
        with self._session.begin():
            return self._enter()

    def _enter(self) -> bool:
        self._pid = self._session.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()
        self._say_address()
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
