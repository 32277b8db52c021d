"""Opens the database, for one service alone, and only if it is what it should be.

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

SCHEMA: Final = 2
"""The tables' version. 1 had no number and kept of embedded S3 the requests for settings and one version per object."""

# PostgreSQL locks numbers; this one says "labeling".
_LOCK_NUMBER: Final = int.from_bytes(b"labeling", "big")
_WRITE_IT: Final = "write it like sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
_CONNECT_SECONDS: Final = 10
# With these drivers a host that does not answer is waited for until the system gives up.
_WAITS_FOR_EVER: Final = ("postgresql", "postgresql+psycopg", "postgresql+psycopg2")
_MARK: Final = "There is a labeling database beside this file. Delete this file only to begin with an empty one.\n"


class DatabaseError(LabelingError):
    """The database cannot be used: as it was asked for, as it is, or now."""


class DatabaseInUse(DatabaseError):
    """Another service uses the database."""


def told(error: BaseException, url: URL | None = None) -> str:
    """What a driver says is wrong, in one line and without the password."""
    cause = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split()) or type(cause).__name__
    return text.replace(url.password, "***") if url is not None and url.password else text


class OpenDatabase:
    """The engine of a database, and the lock that keeps others out.

    :param address: SQLAlchemy database URL.
    :ivar name: what to call it in messages: the file of SQLite, the URL without password otherwise.
    :raises DatabaseInUse: if another service has it.
    :raises DatabaseError: if it can't be reached, or is not one of ours, or is damaged.
    """

    def __init__(self, address: str, tables: sa.MetaData) -> None:
        self._tables = tables
        self._file: TextIO | None = None
        self._session: Connection | None = None
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
            self._take()
            with self.engine.begin() as connection:
                self._check(connection)
            if self._file and not self._was_there():
                self._file.write(_MARK)
                self._file.flush()
        except BaseException as error:
            self.close()
            if isinstance(error, (sa.exc.SQLAlchemyError, OSError)):
                raise DatabaseError(f"the database {self.name} can't be used: {told(error, url)}") from None
            raise

    def close(self) -> None:
        """Close every connection and let others in."""
        self.engine.dispose()
        for held in (self._session, self._file):
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

    def _take(self) -> None:
        """Keep other services out for as long as this process lives.

        :raises DatabaseInUse: if one of them is in already.
        """
        in_use = f"the database {self.name} is in use by another labeling service; stop it, or use another database"
        if self._path:
            if not self._path.parent.is_dir():
                raise DatabaseError(f"the database {self.name} can't be made: there is no folder {self._path.parent}")
            self._file = Path(f"{self._path}.lock").open("a+")  # noqa: SIM115 -- close() closes it
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DatabaseInUse(in_use) from None
        elif self.engine.dialect.name == "postgresql":
            # A connection of its own, which the server closes as soon as this process is gone.
            self._session = self._made(self.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT").connect()
            taken = self._session.execute(sa.select(sa.func.pg_try_advisory_lock(_LOCK_NUMBER))).scalar_one()
            if not taken:
                raise DatabaseInUse(in_use)

    def _check(self, connection: Connection) -> None:
        """Make the tables of a new database, or see that those of an old one are whole.

        :raises DatabaseError: if they are not, or are of a version that is not known.
        """
        if self.is_sqlite:
            # Without this a killed process could leave some of the tables.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        information = self._tables.tables["database_information"]
        found = sa.inspect(connection)
        present = set(found.get_table_names()) & set(self._tables.tables)
        if not present:
            if self._was_there():
                raise DatabaseError(
                    f"the database {self.name} is empty or gone, but there was one: put it back from a copy, or "
                    f"delete {self._path}.lock to begin with an empty one"
                )
            self._tables.create_all(connection)
            connection.execute(sa.insert(information).values(name="schema", value=str(SCHEMA)))
            return
        if self.is_sqlite:
            problem = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if problem != "ok":
                raise DatabaseError(f"the database {self.name} is damaged: {' '.join(str(problem).split())}")
        version = "1"
        if information.name in present:
            kept = sa.select(information.c.value).where(information.c.name == "schema")
            version = connection.execute(kept).scalar_one_or_none() or "none"
        if version not in {"1", str(SCHEMA)}:
            raise DatabaseError(
                f"the database {self.name} has tables of version {version}, this labeling service knows up to "
                f"{SCHEMA}: use the newer one that made it"
            )
        if version == "1":
            # Tables came one by one before they had a number; what embedded S3 keeps is taken over when it starts.
            self._tables.create_all(connection)
            connection.execute(sa.insert(information).values(name="schema", value=str(SCHEMA)))
        found.clear_cache()
        for table in self._tables.sorted_tables:
            have = {one["name"] for one in found.get_columns(table.name)} if found.has_table(table.name) else set()
            if lost := set(table.columns.keys()) - have:
                what = f"its table {table.name} has no column {min(lost)}" if have else f"it has no table {table.name}"
                raise DatabaseError(f"the database {self.name} is not one of the labeling service, or damaged: {what}")

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
