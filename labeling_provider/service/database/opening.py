"""Opens the database, for one service alone or for several that share it, and only if it is what it should be.

Beside a SQLite file ``NAME`` stands ``NAME.lock``. Its lock belongs to the process that serves, and dies with it. Its
text says that there is a database: one that was emptied or deleted is not taken for a new one.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any, Final, TextIO

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from labeling_provider.errors import LabelingError
from labeling_provider.service.database.locks import SessionLocks

_WRITE_IT: Final = "write it like sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
_CONNECT_SECONDS: Final = 10
# With these drivers a host that does not answer is waited for until the system gives up.
_WAITS_FOR_EVER: Final = ("postgresql", "postgresql+psycopg", "postgresql+psycopg2")
_MARK: Final = "There is a labeling database beside this file. Delete this file only to begin with an empty one.\n"


class DatabaseError(LabelingError):
    """The database cannot be used: as it was asked for, as it is, or now."""


class DatabaseInUse(DatabaseError):
    """Another service uses the database."""


class NotHeld(DatabaseError):
    """Another of the services that share the database does now what this one was about to do."""


def may_pass(error: BaseException) -> bool:
    """Whether the database may do by itself what it has just refused: it was locked, away, or out of connections."""
    return isinstance(
        error, (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError, DatabaseInUse, NotHeld)
    )


def told(error: BaseException, url: URL | None = None) -> str:
    """What a driver says is wrong, in one line and without the password."""
    cause = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split()) or type(cause).__name__
    return text.replace(url.password, "***") if url is not None and url.password else text


class OpenDatabase:
    """The engine of a database, and the lock that keeps others out.

    :param address: SQLAlchemy database URL.
    :param shared: let other services in that share it, too. Has no effect with SQLite, which one process has alone.
    :ivar name: what to call it in messages: the file of SQLite, the URL without password otherwise.
    :ivar locks: this process's locks of PostgreSQL; None with SQLite.
    :raises DatabaseInUse: if another service has it.
    :raises DatabaseError: if it can't be reached, or is not one of ours, or is damaged.
    """

    def __init__(self, address: str, shared: bool = False) -> None:
        self._file: TextIO | None = None
        self.locks: SessionLocks | None = None
        url = _parsed(address)
        if url.get_backend_name() not in {"sqlite", "postgresql"}:
            # With another one nothing would keep a second service out.
            raise DatabaseError(f"the database URL begins with {url.drivername!r}; {_WRITE_IT}")
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        in_memory = self.is_sqlite and url.database in {None, "", ":memory:"}
        self.name = (url.database if self.is_sqlite else None) or url.set(query={}).render_as_string()
        self._path: Path | None = None
        if self.is_sqlite and url.database and not in_memory:
            self._path = Path(os.path.realpath(url.database.removeprefix("file:")))
        self.engine = self._made(url)
        try:
            if self.is_sqlite:
                self._open_sqlite()
            else:
                self._open_postgresql(shared)
        except BaseException as error:
            self.close()
            if isinstance(error, (sa.exc.SQLAlchemyError, OSError)):
                raise DatabaseError(f"the database {self.name} can't be used: {told(error, url)}") from None
            raise

    def close(self) -> None:
        """Close every connection and let others in."""
        self.engine.dispose()
        for held in (self.locks, self._file):
            if held is not None:
                held.close()

    def _made(self, url: URL, **options: Any) -> Engine:
        if "connect_timeout" not in url.query and url.drivername in _WAITS_FOR_EVER:
            options["connect_args"] = {"connect_timeout": _CONNECT_SECONDS}
        try:
            engine = sa.create_engine(url, pool_pre_ping=not self.is_sqlite, **options)
        except sa.exc.NoSuchModuleError:
            raise DatabaseError(f"the database URL begins with {url.drivername!r}; {_WRITE_IT}") from None
        except ImportError as error:
            raise DatabaseError(
                f"the database {self.name} needs a driver that is not installed: {error}. Install it with pip"
            ) from None
        except (sa.exc.SQLAlchemyError, TypeError, ValueError) as error:
            raise DatabaseError(f"the database URL {self.name} can't be used: {told(error, url)}") from None
        if self.is_sqlite:
            sa.event.listen(engine, "connect", _prepare_sqlite)
        return engine

    def _in_use(self, why: str = "") -> DatabaseInUse:
        return DatabaseInUse(
            f"the database {self.name} is in use by another labeling service{why}; stop it, or use another database"
        )

    def _open_sqlite(self) -> None:
        if self._path:
            if not self._path.parent.is_dir():
                raise DatabaseError(f"the database {self.name} can't be made: there is no folder {self._path.parent}")
            self._file = Path(f"{self._path}.lock").open("a+")  # noqa: SIM115 -- close() closes it
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise self._in_use() from None
        with self.engine.begin() as connection:
            # Without this a killed process could leave some of the tables.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            self._check(connection, may_change=True)
        if self._file and not self._was_there():
            self._file.write(_MARK)
            self._file.flush()

    def _open_postgresql(self, shared: bool) -> None:
        self.locks = SessionLocks(lambda: self._made(self.url, poolclass=sa.NullPool).connect(), shared)
        with self.locks.opening() as (connection, is_in, is_alone):
            if not is_in:
                raise self._in_use()
            self._check(connection, may_change=is_alone)
        sa.event.listen(self.engine, "connect", self._stay_in)

    def _stay_in(self, *_: Any) -> None:
        """Where connections break the lock has, too: before there are new ones, see that nobody came in meanwhile."""
        if self.locks and not self.locks.is_in():
            raise self._in_use()

    def _check(self, connection: Connection, may_change: bool) -> None:
        """Make the tables of a new database, or bring those of an old one up to date, in the caller's transaction.

        :param may_change: whether no other service works with the tables.
        :raises DatabaseInUse: if they would have to be changed under another service.
        :raises DatabaseError: if they are damaged, or of a version that is not known.
        """
        from labeling_provider.service.database.migrations import Schema, UnknownSchema

        schema = Schema(connection)
        if schema.is_empty and self._was_there():
            raise DatabaseError(
                f"the database {self.name} is empty or gone, but there was one: put it back from a copy, or "
                f"delete {self._path}.lock to begin with an empty one"
            )
        if self.is_sqlite and not schema.is_empty:
            problem = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if problem != "ok":
                raise DatabaseError(f"the database {self.name} is damaged: {' '.join(str(problem).split())}")
        try:
            schema.check()
            if not (schema.is_current or may_change):
                raise self._in_use(" of an earlier version")
            schema.upgrade()
        except UnknownSchema as unknown:
            raise DatabaseError(f"the database {self.name} {unknown}") from None

    def _was_there(self) -> bool:
        """Whether a database has been made here before."""
        if self._file is None:
            return False
        self._file.seek(0)
        return bool(self._file.read(1))


def _parsed(address: str) -> URL:
    try:
        return sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):
        # The text may hold a password, so it is not repeated.
        raise DatabaseError(f"the database URL is not one; {_WRITE_IT}") from None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "cache_size=-32768"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
