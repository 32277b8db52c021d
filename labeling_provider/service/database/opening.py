"""Opens the database, for one service or for several that share it, and checks that it is the service's and intact.

Next to a SQLite file ``NAME`` is a file ``NAME.lock``. The service's process holds a lock on it for as long as it
lives. Its text says that a database was created, so one that was emptied or deleted is not mistaken for a new one.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final, TextIO

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from labeling_provider.errors import LabelingError
from labeling_provider.service.database.locks import SessionLocks

log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 2.0
"""How long a SQLite file is read for damage before it is used; a large one takes minutes."""
_AGAIN_SECONDS: Final = 0.001
_WRITE_IT: Final = "use sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
_SQLITE_CONNECTIONS: Final = 40
"""Enough for all threads: they cost nobody else anything."""
_OUTSIDE_POOL: Final = 2
"""The connection that holds the locks, and the one that hears notices."""
_WAIT_SECONDS: Final = 10.0
"""How long a thread waits for a connection while others use all of them."""
_CONNECT_SECONDS: Final = 10
_IDLE_SECONDS: Final = 1.0
"""After this long, an idle connection is tested before use: the server may have been restarted meanwhile."""
_USED: Final = "labeling used"
_PRAGMAS: Final = (
    *("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000"),
    # Of each connection, in KiB: an index that 100,000 jobs are listed by fits.
    "cache_size=-16384",
    # Of all connections' caches together, in bytes: each would fill its own with the bodies of objects.
    "soft_heap_limit=33554432",
)
# By default, these drivers wait for a host that does not respond until the operating system gives up.
_WAITS_FOR_EVER: Final = ("postgresql", "postgresql+psycopg", "postgresql+psycopg2")
_SILENCE: Final = {
    "connect_timeout": _CONNECT_SECONDS,
    # A machine that goes down does not close its connections.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
"""libpq's parameters that end the wait for a machine that is gone; the last one is in milliseconds."""
_MARK: Final = "There is a labeling database next to this file. Delete this file only to start with an empty one.\n"


class DatabaseError(LabelingError):
    """The database can't be used, because of its settings, its state, or an outage."""


class DatabaseInUse(DatabaseError):
    """Another service uses the database."""


def may_pass(error: BaseException) -> bool:
    """Whether a database error may go away by itself: it was locked, unreachable, or out of connections."""
    return isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError, DatabaseInUse))


def is_outage(error: BaseException) -> bool:
    """Whether the database itself does not work, whatever it was asked."""
    if isinstance(error, sa.exc.OperationalError):
        # These say that a statement asks too much of it.
        kind = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
        return not (kind in {"SQLITE_ERROR", "SQLITE_TOOBIG"} or kind.startswith("54"))
    return may_pass(error)


def reason(error: BaseException, url: URL | None = None) -> str:
    """The driver's error message, in one line and without the password."""
    if isinstance(error, sa.exc.TimeoutError):
        advice = "; --database-connections allows more" if url is None or url.get_backend_name() != "sqlite" else ""
        return f"all its connections were in use for {_WAIT_SECONDS:.0f} s{advice}"
    cause = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split()) or type(cause).__name__
    return text.replace(url.password, "***") if url is not None and url.password else text


class Migrate(Enum):
    """When the tables of an earlier version may be changed to those of this one."""

    NEVER = auto()
    ALONE = auto()
    """If no other service uses the database."""
    BESIDE_OTHERS = auto()
    """Also while others use it, if the migrations only add to what they work with."""


class OpenDatabase:
    """The engine of a database, and the lock that keeps other services out.

    :param address: SQLAlchemy database URL.
    :param shared: whether other services may share it. Has no effect with SQLite, which only one process can use.
    :param migrate: when its tables may be created or changed.
    :param check_seconds: how long to look for damage in a SQLite file; infinity for all of it.
    :param connections: most connections to PostgreSQL at a time, all kinds together.
    :ivar name: its name in messages: the file for SQLite, else the URL without the password.
    :ivar locks: this process's PostgreSQL locks; None with SQLite.
    :raises DatabaseInUse: if another service uses it.
    :raises DatabaseError: if it can't be reached, is not the service's, or is damaged.
    """

    def __init__(self, address: str, shared: bool, migrate: Migrate, check_seconds: float, connections: int) -> None:
        self._file: TextIO | None = None
        self._connections = connections
        self._migrate, self._check_seconds = migrate, check_seconds
        self.locks: SessionLocks | None = None
        url = parsed(address)
        if url.get_backend_name() not in {"sqlite", "postgresql"}:
            # Other databases could not keep a second service out.
            raise DatabaseError(f"the database URL starts with {url.drivername!r}; {_WRITE_IT}")
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        in_memory = _is_in_memory(url)
        self.name = (url.database if self.is_sqlite else None) or url.set(query={}).render_as_string()
        self._path: Path | None = None
        if self.is_sqlite and url.database and not in_memory:
            self._path = Path(os.path.realpath(url.database.removeprefix("file:")))
        self.engine = self._new_engine(url)
        try:
            if self.is_sqlite:
                self._open_sqlite()
            else:
                self._open_postgresql(shared)
        except BaseException as error:
            self.close()
            if isinstance(error, (sa.exc.SQLAlchemyError, OSError)):
                raise DatabaseError(f"the database {self.name} can't be used: {reason(error, url)}") from None
            raise

    def close(self) -> None:
        """Close every connection and release the locks."""
        self.engine.dispose()
        for held in (self.locks, self._file):
            if held is not None:
                held.close()

    def connect(self) -> Connection:
        """A separate connection, outside the engine's pool.

        :raises DatabaseError: if the URL can't be used, or its driver is not installed.
        """
        return self._new_engine(self.url, poolclass=sa.NullPool).connect()

    def _new_engine(self, url: URL, **options: Any) -> Engine:
        if url.drivername in _WAITS_FOR_EVER:
            options["connect_args"] = {name: value for name, value in _SILENCE.items() if name not in url.query}
        pool: dict[str, Any] = {}
        if "poolclass" not in options and not _is_in_memory(url):
            size = _SQLITE_CONNECTIONS if self.is_sqlite else self._connections - _OUTSIDE_POOL
            # A connection beyond the pool would be opened and closed each time. Those used last have most of the
            # database in their caches.
            pool = {"pool_size": size, "max_overflow": 0, "pool_use_lifo": True, "pool_timeout": _WAIT_SECONDS}
        try:
            engine = sa.create_engine(url, **{**pool, **options})
        except sa.exc.NoSuchModuleError:
            raise DatabaseError(f"the database URL starts with {url.drivername!r}; {_WRITE_IT}") from None
        except ImportError as error:
            raise DatabaseError(
                f"the database {self.name} needs a driver that is not installed: {error}. Install it with pip"
            ) from None
        except (sa.exc.SQLAlchemyError, TypeError, ValueError) as error:
            raise DatabaseError(f"the database URL {self.name} can't be used: {reason(error, url)}") from None
        if self.is_sqlite:
            sa.event.listen(engine, "connect", _prepare_sqlite)
        else:
            _try_after_a_while(engine)
        return engine

    def _in_use(self, why: str = "") -> DatabaseInUse:
        return DatabaseInUse(
            f"the database {self.name} is in use by another labeling service{why}; stop it, or use another database"
        )

    def _open_sqlite(self) -> None:
        if self._path:
            if not self._path.parent.is_dir():
                raise DatabaseError(
                    f"the database {self.name} can't be created: the folder {self._path.parent} does not exist"
                )
            self._file = Path(f"{self._path}.lock").open("a+")  # noqa: SIM115 -- close() closes it
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise self._in_use() from None
        with self.engine.begin() as connection:
            # Without this, a killed process could leave only some of the tables.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            self._check(connection, lambda: True)
        if self._file and not self._existed_before():
            self._file.write(_MARK)
            self._file.flush()

    def _open_postgresql(self, shared: bool) -> None:
        self.locks = SessionLocks(self.connect, shared)
        with self.locks.opening() as admission:
            if not admission.is_in:
                raise self._in_use()
            self._check(admission.connection, admission.is_alone)
        sa.event.listen(self.engine, "connect", self._stay_in)

    def _stay_in(self, *_: Any) -> None:
        """Check that the lock is still held: when connections break, it may be lost as well.

        :raises DatabaseInUse: if another service has taken the database meanwhile.
        """
        if self.locks and not self.locks.is_in():
            raise self._in_use()

    def _check(self, connection: Connection, may_change: Callable[[], bool]) -> None:
        """Create the tables of a new database, or migrate those of an old one, within the caller's transaction.

        :param may_change: whether no other service uses the tables. Called only if they must change, because from then
            on no other service can come back after an outage.
        :raises DatabaseInUse: if they need a migration while another service uses them.
        :raises DatabaseError: if they are damaged, or their version is unknown.
        """
        from labeling_provider.service.database.migrations import Schema, UnknownSchema

        schema = Schema(connection)
        if schema.is_empty and self._existed_before():
            raise DatabaseError(
                f"the database {self.name} is empty or missing, but it existed before: restore it from a backup, or "
                f"delete {self._path}.lock to start with an empty one"
            )
        if self.is_sqlite and not schema.is_empty:
            self._look_for_damage(connection)
        try:
            schema.check()
            if not schema.is_current:
                if self._migrate is Migrate.NEVER:
                    raise DatabaseError(
                        f"the database {self.name} has {schema.version}, but this service works with version "
                        f"{schema.wanted}: run labeling database upgrade first"
                    )
                beside = self._migrate is Migrate.BESIDE_OTHERS and schema.only_grows
                if not (beside or may_change()):
                    raise self._in_use(" with an earlier version")
            schema.upgrade()
        except UnknownSchema as unknown:
            raise DatabaseError(f"the database {self.name} {unknown}") from None

    def _look_for_damage(self, connection: Connection) -> None:
        """Read a SQLite file for as long as the check may take, and refuse it if it is damaged.

        How the service ended does not matter: no kill damages a file with a write-ahead log, but a disk may.

        :raises DatabaseError: if it is damaged.
        """
        driver: Any = connection.connection.driver_connection
        over = threading.Event()

        def limit() -> None:
            # Reading a table can be interrupted only from another thread, and only once it has begun.
            seconds = min(self._check_seconds, threading.TIMEOUT_MAX)
            while not over.wait(seconds):
                driver.interrupt()
                seconds = _AGAIN_SECONDS

        limiter = threading.Thread(target=limit, name="labeling-check-limit", daemon=True)
        limiter.start()
        try:
            problem = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlite_errorname", "") != "SQLITE_INTERRUPT":
                raise
            unfinished = "the database %s is large: it was checked for damage for %s s, not to its end"
            log.info(unfinished, self.name, self._check_seconds)
            return
        finally:
            over.set()
            limiter.join()
        if problem != "ok":
            raise DatabaseError(f"the database {self.name} is damaged: {' '.join(str(problem).split())}")

    def _existed_before(self) -> bool:
        """Whether the SQLite database has been created before."""
        if self._file is None:
            return False
        self._file.seek(0)
        return bool(self._file.read(1))


def _is_in_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}


def parsed(address: str) -> URL:
    """A database's address, in parts.

    :param address: SQLAlchemy database URL.
    :raises DatabaseError: if it is none.
    """
    try:
        return sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):
        # The text may contain a password, so the error does not include it.
        raise DatabaseError(f"the database URL is invalid; {_WRITE_IT}") from None


def _try_after_a_while(engine: Engine) -> None:
    """Replace connections that broke while idle. Testing each one every time would cost a statement."""

    def used(_connection: Any, record: Any) -> None:
        record.info[_USED] = time.monotonic()

    def try_it(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get(_USED, time.monotonic()) < _IDLE_SECONDS:
            return
        try:
            alive = engine.dialect.do_ping(connection)
        except sa.exc.DBAPIError as error:
            raise sa.exc.DisconnectionError from error
        except engine.dialect.loaded_dbapi.Error as error:
            raise sa.exc.DisconnectionError from error
        if not alive:
            raise sa.exc.DisconnectionError

    sa.event.listen(engine, "checkin", used)
    sa.event.listen(engine, "checkout", try_it)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
