"""The database with the service's state: SQLite in the data directory, or PostgreSQL.

Every change that must not be lost is one transaction. SQLite runs with a write-ahead log and
``synchronous=NORMAL``: a killed process loses nothing that was committed.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Connection

from labeling_provider.service.database import notices, revisions
from labeling_provider.service.database.opening import CHECK_SECONDS, DatabaseError, Migrate, OpenDatabase, reason
from labeling_provider.service.database.pool_size import DATABASE_CONNECTIONS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row: TypeAlias = sa.Row[Any]
_T = TypeVar("_T", bound="DataclassInstance")


def now() -> float:
    """The time in epoch seconds, rounded to milliseconds as in Amazon's responses."""
    return round(time.time(), 3)


def from_row(kind: type[_T], row: Row, **parsed: Any) -> _T:
    """A row as a dataclass whose fields are called as the columns are.

    :param parsed: the fields that are not just what a column holds.
    """
    same = {field.name: row._mapping[field.name] for field in fields(kind) if field.name not in parsed}
    return kind(**same, **parsed)


class Database:
    """The database.

    :param url: SQLAlchemy database URL.
    :param shared: whether other processes may share it, if it is PostgreSQL. Only one process can use SQLite.
    :param migrate: when its tables may be created or changed.
    :param check_seconds: how long to look for damage in a SQLite file; infinity for all of it.
    :param connections: most connections to PostgreSQL at a time. A thread that has one never takes a second.
    :raises DatabaseInUse: if another service uses it.
    :raises DatabaseError: if it can't be reached, is not the service's, or is damaged.
    """

    def __init__(
        self,
        url: str,
        *,
        shared: bool = False,
        migrate: Migrate = Migrate.ALONE,
        check_seconds: float = CHECK_SECONDS,
        connections: int = DATABASE_CONNECTIONS,
    ) -> None:
        self._open = OpenDatabase(url, shared, migrate, check_seconds, connections)
        # SQLite allows one writer at a time; waiting here is fair and never times out.
        self._writing = threading.RLock()
        self._once = set[str]()
        self._entering = threading.Lock()
        self._is_alone = self._open.is_sqlite or not shared
        self._revisions: Counter[str] = Counter()
        self._hearers: list[Callable[[str], None]] = []
        self._listener: notices.Listener | None = None

    @property
    def is_shared(self) -> bool:
        """Whether other processes may use it at the same time."""
        return not self._is_alone

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading.

        :raises DatabaseError: if the database does not respond.
        """
        with self._translated(), self._open.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, together: bool = False) -> Iterator[Connection]:
        """A transaction: committed at the end of the block, rolled back if the block raises.

        :param together: whether other threads may write at the same moment if processes share the database, because
            its rows are all that the block changes, each by a conditional statement.
        :raises DatabaseError: if the database can't be written, for example because its disk is full.
        """
        with self._translated(), nullcontext() if together and not self._is_alone else self._writing:
            with self._open.engine.begin() as connection:
                if self._open.is_sqlite:
                    # Otherwise Python begins it with the first change, and a savepoint before that commits for itself.
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                marks = connection.info
                # Marks of a transaction that was rolled back.
                marks.pop(revisions.CHANGED, None)
                marks.pop(notices.TOLD, None)
                yield connection
                notes = marks.pop(notices.TOLD, {})
                if not self._is_alone:
                    notices.send(connection, notes)
            # Only now others can read it.
            self._revisions.update(marks.pop(revisions.CHANGED, ()))
        for notice in notes:
            self._hear(notice)

    def revision(self, name: str) -> int:
        """A number that differs after each change.

        :param name: what changes, such as :data:`.revisions.PEOPLE`.
        :raises DatabaseError: if the database does not respond.
        """
        if self._is_alone:
            # Each request asks for it.
            return self._revisions[name]
        with self._translated(), self._open.engine.connect() as connection:
            # A transaction would take two more statements.
            connection.execution_options(isolation_level="AUTOCOMMIT")
            return revisions.number_of(connection, name)

    def listen(self, hear: Callable[[str], None]) -> None:
        """Call a function with each notice that any of the processes sends; see :mod:`.notices`."""
        self._hearers.append(hear)
        if self._listener is None and not self._is_alone:
            self._listener = notices.Listener(self._open.connect, self._hear)

    def _hear(self, notice: str) -> None:
        for hear in self._hearers:
            hear(notice)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads from writing until the end of the block."""
        with self._writing:
            yield

    @contextmanager
    def only_once(self, name: str) -> Iterator[bool]:
        """Whether no other block with this name runs, in any process; if so, none can begin before this one ends.

        The block may take longer than a transaction should.

        :raises DatabaseError: if the database does not respond.
        """
        with self._entering:
            is_taken = name in self._once
            self._once.add(name)
        if is_taken:
            yield False
            return
        try:
            locks = self._open.locks
            with self._translated(), nullcontext(True) if locks is None else locks.only_here(name) as is_free:
                yield is_free
        finally:
            self._once.discard(name)

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

    def close(self) -> None:
        """Close every connection and release the locks."""
        if self._listener is not None:
            self._listener.stop()
        self._open.close()
