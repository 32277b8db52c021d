"""The service's state, in one database: SQLite in the data directory, or any database SQLAlchemy can reach.

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

from labeling_provider.service.database.opening import DatabaseError, NotHeld, OpenDatabase, told

Row: TypeAlias = sa.Row[Any]


def now() -> float:
    """Epoch seconds as Amazon gives them out: to the millisecond."""
    return round(time.time(), 3)


class Database:
    """The database.

    :param url: SQLAlchemy database URL.
    :param shared: let other processes in that share it, too, if it is on PostgreSQL; SQLite is one process's alone.
    :raises DatabaseInUse: if another service has it.
    :raises DatabaseError: if it can't be reached, is not one of ours, or is damaged.
    """

    def __init__(self, url: str, *, shared: bool = False) -> None:
        self._open = OpenDatabase(url, shared)
        # SQLite takes one writer at a time; waiting here is fair and never times out.
        self._writing = threading.RLock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading.

        :raises DatabaseError: if the database doesn't answer.
        """
        with self._told(), self._open.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed at the end of the block, rolled back if it raises.

        :raises DatabaseError: if the database can't be written, because its disk is full for one.
        """
        with self._told(), self._writing, self._open.engine.begin() as connection:
            yield connection

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other thread write before the end of the block."""
        with self._writing:
            yield

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Give a database that fails one kind of exception; a row that breaks a rule keeps its own."""
        try:
            yield
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError, sa.exc.TimeoutError) as error:
            raise self._failed(error) from error
        except sa.exc.DatabaseError as error:
            if type(error) is not sa.exc.DatabaseError:
                raise
            raise self._failed(error) from error

    def _failed(self, error: BaseException) -> DatabaseError:
        return DatabaseError(f"the database {self._open.name} fails: {told(error, self._open.url)}")

    def tenure(self, name: str) -> int | None:
        """Whether this process, of all that share the database, is the one to do what the name says.

        The first to ask is, until it ends. A connection that breaks can cost it the role, so ask again before each use.

        :return: a number that is another one each time that this process comes to be the one; None if it is not.
        :raises DatabaseError: if the database doesn't answer.
        """
        with self._told():
            return 1 if self._open.locks is None else self._open.locks.tenure(name)

    def hold(self, connection: Connection, name: str) -> None:
        """Stay the one to do what the name says until the end of a transaction.

        :raises NotHeld: if this process is not, or not any more.
        """
        if self._open.locks is not None and not self._open.locks.is_held_in(connection, name):
            raise NotHeld(f"{name} has gone to another of the services that share the database {self._open.name}")

    def close(self) -> None:
        """Close every connection and let another service in."""
        self._open.close()
