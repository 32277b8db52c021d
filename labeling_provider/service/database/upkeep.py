"""What an operator does to the database as a whole: upgrade its tables, back it up, restore it."""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import URL

from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import DatabaseError, Migrate, parsed

_ARGUMENTS: Final = ("--no-owner", "--no-privileges")


def upgrade(url: str) -> str:
    """Create the tables, or migrate those of an earlier version.

    :return: a sentence that says so.
    :raises DatabaseError: if services that use it have to be stopped first, or it can't be done.
    """
    from labeling_provider.service.database.migrations import Schema

    database = Database(url, shared=True, migrate=Migrate.BESIDE_OTHERS)
    try:
        with database.read() as connection:
            return f"The database has {Schema(connection).version}."
    finally:
        database.close()


def back_up(url: str, file: Path) -> None:
    """Write the whole database to a new file, as it is at one moment.

    For PostgreSQL, this runs its ``pg_dump``. A SQLite database may be in use. Only the file's owner may read it.

    :raises DatabaseError: if the file exists, or it can't be done.
    """
    try:
        # With hashes of passwords in it, it is nobody else's from the beginning.
        file.touch(0o600, exist_ok=False)
    except FileExistsError:
        raise DatabaseError(f"{file} already exists: choose another file") from None
    except OSError as error:
        raise DatabaseError(f"{file} can't be written: {error.strerror}") from None
    try:
        _copy(parsed(url), file)
    except DatabaseError:
        file.unlink(missing_ok=True)
        raise


def _copy(address: URL, file: Path) -> None:
    """Write a whole database to an empty file."""
    if address.get_backend_name() != "sqlite":
        _run(address, "pg_dump", "--format=custom", *_ARGUMENTS, f"--file={file}")
        return
    source = Path(address.database or "")
    if not source.is_file():
        raise DatabaseError(f"there is no database {source}")
    try:
        with closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("VACUUM INTO ?", (str(file),))
    except sqlite3.Error as error:
        raise DatabaseError(f"the database {source} can't be copied: {error}") from None


def restore(url: str, file: Path) -> None:
    """Load a file of :func:`back_up` into an empty database.

    For PostgreSQL, this runs its ``pg_restore``.

    :raises DatabaseError: if the database is not empty, or it can't be done.
    """
    if not file.is_file():
        raise DatabaseError(f"there is no file {file}")
    address = parsed(url)
    if address.get_backend_name() == "sqlite":
        target = Path(address.database or "")
        if target.exists():
            raise DatabaseError(
                f"the database {target} already exists: first move it away, together with its -wal and -shm files"
            )
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = target.with_name(f"{target.name}.partial")
        shutil.copyfile(file, partial)
        # Accept it only if it is the service's, and complete.
        try:
            Database(f"sqlite:///{partial}", check_seconds=math.inf).close()
            partial.rename(target)
        finally:
            for left in target.parent.glob(f"{partial.name}*"):
                left.unlink()
    else:
        if _has_tables(address):
            raise DatabaseError(
                f"the database {address.set(query={}).render_as_string()} is not empty: restore into a new one"
            )
        _run(address, "pg_restore", "--exit-on-error", "--single-transaction", *_ARGUMENTS, str(file))
    upgrade(url)


def _has_tables(address: URL) -> bool:
    engine = sa.create_engine(address)
    try:
        with engine.connect() as connection:
            return bool(sa.inspect(connection).get_table_names())
    except sa.exc.SQLAlchemyError as error:
        raise DatabaseError(f"the database {address.render_as_string()} can't be used: {error}") from None
    finally:
        engine.dispose()


def _run(address: URL, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on a database. The password is not in its command line.

    :raises DatabaseError: if it is missing or fails.
    """
    plain = address.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    environment = {**os.environ, **({"PGPASSWORD": str(address.password)} if address.password else {})}
    try:
        command = [program, f"--dbname={plain}", *arguments]
        done = subprocess.run(  # noqa: S603 - the operator's own database
            command, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise DatabaseError(
            f"{program} is missing: install PostgreSQL's client programs, of the server's version"
        ) from None
    if done.returncode:
        raise DatabaseError(f"{program} failed: {' '.join(done.stderr.split())[:1000]}")
