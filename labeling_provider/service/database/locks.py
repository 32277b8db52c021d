"""PostgreSQL locks that a process or a transaction holds. They end with its connection, however the process ends.

Source: PostgreSQL's documentation, "Advisory Locks".
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

log = logging.getLogger(__name__)

# PostgreSQL locks are numbers; this one spells "labeling".
_IN: Final = int.from_bytes(b"labeling", "big")
_MIGRATION_SECONDS: Final = 600
# A machine that goes down does not close its connection: these keepalives, in seconds, let PostgreSQL notice.
_SILENCE: Final = {"idle": 5, "interval": 2, "count": 3}


@dataclass(frozen=True)
class Admission:
    """A process's admission to a database.

    :param connection: a connection, in the transaction for opening the database.
    :param is_in: whether the process may use the database.
    """

    connection: Connection
    is_in: bool

    def is_alone(self) -> bool:
        """Whether no other process uses the database. If so, none can enter before the transaction ends."""
        # This process's own lock does not conflict.
        return bool(self.connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(_IN))).scalar_one())


class SessionLocks:
    """The locks that this process holds in a database.

    :param connect: opens a connection, which is used only for the locks.
    :param shared: whether other processes may share the database.
    """

    def __init__(self, connect: Callable[[], Connection], shared: bool) -> None:
        self._connect, self._shared = connect, shared
        self._mutex = threading.Lock()
        self._session = connect()

    @contextmanager
    def opening(self) -> Iterator[Admission]:
        """A transaction for opening the database. Only one process at a time can have it.

        :raises sqlalchemy.exc.OperationalError: if another process holds it for more than ten minutes.
        """
        opening = _number("opening")
        with self._session.begin():
            self._session.execute(sa.text(f"SET lock_timeout = '{_MIGRATION_SECONDS}s'"))
            self._session.execute(sa.select(sa.func.pg_advisory_lock(opening)))
        try:
            with self._session.begin():
                yield Admission(self._session, self._enter())
        finally:
            # The end of a transaction releases its locks one after the other: if this were one of them, whoever comes
            # next could meet the rest and be refused.
            with suppress(sa.exc.SQLAlchemyError):
                self._take(sa.func.pg_advisory_unlock(opening))

    def is_in(self) -> bool:
        """Whether this process may still use the database. If its connection was lost, it tries to enter again."""
        with self._mutex:
            return self._is_in()

    @contextmanager
    def only_here(self, name: str) -> Iterator[bool]:
        """Whether no other process runs a block with this name; if so, none can begin one before this one ends."""
        with self._mutex:
            is_taken = self._take(sa.func.pg_try_advisory_lock(_number(name)))
        try:
            yield is_taken
        finally:
            # A lost connection has released it.
            with self._mutex, suppress(sa.exc.SQLAlchemyError):
                if is_taken:
                    self._take(sa.func.pg_advisory_unlock(_number(name)))

    def close(self) -> None:
        """Release all locks."""
        with self._mutex:
            # The server notices only later that a connection has ended, and until then would refuse whoever comes next.
            with suppress(sa.exc.SQLAlchemyError), self._session.begin():
                self._session.execute(sa.select(sa.func.pg_advisory_unlock_all()))
            self._session.close()

    def _is_in(self) -> bool:
        try:
            self._take(sa.true())
            return True
        except sa.exc.DBAPIError as error:
            log.warning("the connection that holds the database locks was lost: %s", error.orig)
        self._session.close()
        self._session = self._connect()
        with self._session.begin():
            return self._enter()

    def _enter(self) -> bool:
        for name, value in _SILENCE.items():
            self._session.execute(sa.text(f"SET tcp_keepalives_{name} = {value}"))
        lock = sa.func.pg_try_advisory_lock_shared if self._shared else sa.func.pg_try_advisory_lock
        return bool(self._session.execute(sa.select(lock(_IN))).scalar_one())

    def _take(self, lock: sa.ColumnElement[bool]) -> bool:
        with self._session.begin():
            return bool(self._session.execute(sa.select(lock)).scalar_one())


def take_turns(connection: Connection, *names: str) -> None:
    """Wait for other transactions that have taken one of the same turns, and keep it until the end of this one.

    With SQLite, only one transaction at a time writes anyway.
    """
    if connection.dialect.name != "postgresql":
        return
    # In the same order everywhere, so that nobody waits for somebody who waits.
    for number in sorted({_number(f"turn {name}") for name in names}):
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def _number(name: str) -> int:
    digest = hashlib.blake2b(f"labeling {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
