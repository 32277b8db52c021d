"""The database with the service's state: SQLite in the data directory, or PostgreSQL.

Every change that must not be lost is one transaction. SQLite runs with a write-ahead log and
``synchronous=NORMAL``: a killed process loses nothing that was committed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Connection

from labeling_provider.service.database import revisions
from labeling_provider.service.database.locks import MAX_ADDRESS_BYTES
from labeling_provider.service.database.opening import DatabaseError, NotHeld, OpenDatabase, reason

Row: TypeAlias = sa.Row[Any]


def now() -> float:
    """The time in epoch seconds, rounded to milliseconds as in Amazon's responses."""
    return round(time.time(), 3)


class Database:
    """The database.

    :param url: SQLAlchemy database URL.
    :param shared: whether other processes may share it, if it is PostgreSQL. Only one process can use SQLite.
    :raises DatabaseInUse: if another service uses it.
    :raises DatabaseError: if it can't be reached, is not the service's, or is damaged.
    """

    def __init__(self, url: str, *, shared: bool = False) -> None:
        self._open = OpenDatabase(url, shared)
        # SQLite allows one writer at a time; waiting here is fair and never times out.
        self._writing = threading.RLock()
        self._is_alone, self._revision = self._open.is_sqlite or not shared, 0

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading.

        :raises DatabaseError: if the database does not respond.
        """
        with self._translated(), self._open.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed at the end of the block, rolled back if the block raises.

        :raises DatabaseError: if the database can't be written, for example because its disk is full.
        """
        with self._translated(), self._writing:
            with self._open.engine.begin() as connection:
                marks = connection.info
                yield connection
            # Only now others can read it.
            self._revision += marks.pop(revisions.CHANGED, False)

    def revision_of_people(self) -> int:
        """A number that is another one after each change to who the people are, or what they may do.

        :raises DatabaseError: if the database does not respond.
        """
        if self._is_alone:
            # Each request asks for it.
            return self._revision
        with self.read() as connection:
            return revisions.of_people(connection)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads from writing until the end of the block."""
        with self._writing:
            yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the driver's errors into DatabaseError, except for errors about data, such as a broken constraint."""
        try:
            yield
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError, sa.exc.TimeoutError) as error:
            raise self._failed(error) from error
        except sa.exc.DatabaseError as error:
            if type(error) is not sa.exc.DatabaseError:
                raise
            raise self._failed(error) from error

    def _failed(self, error: BaseException) -> DatabaseError:
        return DatabaseError(f"the database {self._open.name} failed: {reason(error, self._open.url)}")

    def tenure(self, name: str) -> int | None:
        """Take a role that only one of the processes sharing the database can have.

        The first process to ask gets the role until it ends. It may lose the role if its connection breaks, so ask
        again before each use.

        :return: a number that changes whenever this process gets the role anew; None if another process has it.
        :raises DatabaseError: if the database does not respond.
        """
        with self._translated():
            return 1 if self._open.locks is None else self._open.locks.tenure(name)

    def announce(self, address: str) -> None:
        """Let the processes sharing the database know where this one is.

        :param address: such as ``http://10.0.0.7:8000``.
        :raises DatabaseError: if it is too long, or the database does not respond.
        """
        if len(address.encode()) > MAX_ADDRESS_BYTES:
            raise DatabaseError(f"the address {address} is too long to be announced: {MAX_ADDRESS_BYTES} bytes fit")
        if self._open.locks is not None:
            with self._translated():
                self._open.locks.announce(address)

    def holder(self, name: str) -> str | None:
        """Where the process is that has a role, as it has announced; None if there is none, or it has not.

        :raises DatabaseError: if the database does not respond.
        """
        if self._open.locks is None:
            return None
        with self.read() as connection:
            return self._open.locks.holder(connection, name)

    def hold(self, connection: Connection, name: str) -> None:
        """Keep a role until the end of a transaction.

        :raises NotHeld: if this process does not have it, or has lost it.
        """
        if self._open.locks is not None and not self._open.locks.is_held_in(connection, name):
            raise NotHeld(f"{name} is now with another service that shares the database {self._open.name}")

    def close(self) -> None:
        """Close every connection and release the locks."""
        self._open.close()
