"""Several services on one PostgreSQL: who comes in, who changes the tables, and who does what only one may do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from dev.postgresql import PostgreSQL
from dev.stack import ROOT, wait_until
from labeling_provider.service.database import opening
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.locks import SessionLocks
from labeling_provider.service.database.migrations import Schema, config
from labeling_provider.service.database.opening import DatabaseError, DatabaseInUse, OpenDatabase
from labeling_provider.service.database.tag_rows import put_tags, read_tags
from tests.own_names import own_id

OPENING = """
import os, signal, sys
import psycopg
from labeling_provider.service.database import migrations
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import DatabaseError

url, shared, count = sys.argv[1:]
closed, gate = os.pipe()
for _ in range(int(count)):
    if os.fork() == 0:
        os.read(closed, 1)
        try:
            database = Database(url, shared=shared == "shared")
        except DatabaseError as error:
            state = str(error)
        else:
            state = "open"
        os.write(1, state.encode() + b"\\n")
        signal.pause()
os.write(gate, b"." * int(count))
signal.pause()
"""
"""Importing everything is most of what a process costs, so they are forked from one."""


def processes(url: str, shared: str, count: int) -> tuple[subprocess.Popen[str], list[str]]:
    """Processes that open a database at once and are in it, as a group; what each said."""
    command: Sequence[str] = (sys.executable, "-c", OPENING, url, shared, str(count))
    group = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True)
    return group, [group.stdout.readline().strip() for _ in range(count)]  # type: ignore[union-attr]


def end(group: subprocess.Popen[str]) -> None:
    os.killpg(group.pid, signal.SIGKILL)
    group.communicate()


def drop_connections(postgres: PostgreSQL, url: str) -> None:
    """Break every connection to a database, as a network does, and see it gone."""
    name = sa.make_url(url).database
    postgres.execute(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'")


def put(database: Database, value: str) -> list[str]:
    """Write a row and read it."""
    with database.write() as connection:
        put_tags(connection, "a", {"k": value})
    with database.read() as connection:
        return list(read_tags(connection, "a").values())


def test_twelve_services_open_an_empty_database_at_once(postgresql_url: str) -> None:
    started, lines = processes(postgresql_url, "shared", 12)
    end(started)
    assert lines == ["open"] * 12


def test_many_that_come_and_go_are_all_let_in(postgres: PostgreSQL) -> None:
    def come_and_go(engine: sa.Engine) -> list[bool]:
        entered = []
        for _ in range(20):
            locks = SessionLocks(engine.connect, shared=True)
            with locks.opening() as admission:
                admission.is_alone()
                entered.append(admission.is_in)
            locks.close()
        return entered

    # In which order PostgreSQL releases locks differs by database.
    for _ in range(3):
        engine = sa.create_engine(postgres.create(f"labeling_{own_id().hex}"), poolclass=sa.NullPool)
        with ThreadPoolExecutor(12) as threads:
            assert all(all(entered) for entered in threads.map(come_and_go, [engine] * 12))


def test_one_that_opens_up_to_date_tables_keeps_nobody_from_coming_back(
    postgres: PostgreSQL, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_IDLE_SECONDS", 0.0)
    inside = Database(postgresql_url, shared=True)
    drop_connections(postgres, postgresql_url)
    check = OpenDatabase._check

    def come_back(*arguments: Any) -> None:
        check(*arguments)
        assert put(inside, "v") == ["v"]

    monkeypatch.setattr(OpenDatabase, "_check", come_back)
    Database(postgresql_url, shared=True).close()
    inside.close()


def test_of_six_that_want_it_alone_one_gets_the_empty_database(postgresql_url: str) -> None:
    started, lines = processes(postgresql_url, "alone", 6)
    end(started)
    assert (
        sorted(line.partition(" is in use")[0] for line in lines if not line.startswith("open"))
        == [f"the database {postgresql_url}"] * 5
    )
    assert lines.count("open") == 1


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (False, False)])
def test_a_service_that_shares_and_one_that_does_not_keep_each_other_out(
    postgresql_url: str, first: bool, second: bool
) -> None:
    inside = Database(postgresql_url, shared=first)
    with pytest.raises(DatabaseInUse, match="is in use by another labeling service; stop it"):
        Database(postgresql_url, shared=second)
    inside.close()
    Database(postgresql_url, shared=second).close()


def test_sqlite_is_never_shared(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'labeling.sqlite'}"
    inside = Database(address, shared=True)
    with pytest.raises(DatabaseInUse):
        Database(address, shared=True)
    inside.close()


def test_tables_are_not_changed_under_a_service_that_works_with_them(postgresql_url: str) -> None:
    engine = sa.create_engine(postgresql_url)
    # A service of an earlier version: what it holds, and its tables.
    inside = SessionLocks(engine.connect, shared=True)
    migrations = config()
    last = ScriptDirectory.from_config(migrations).get_revision("head")
    assert last is not None
    with inside.opening() as admission:
        migrations.attributes["connection"] = admission.connection
        command.upgrade(migrations, str(last.down_revision))
    with pytest.raises(DatabaseInUse, match="by another labeling service with an earlier version; stop it"):
        Database(postgresql_url, shared=True)
    with engine.connect() as connection:
        assert not Schema(connection).is_current
    inside.close()
    # Although its connection is still open.
    database = Database(postgresql_url, shared=True)
    assert put(database, "v") == ["v"]
    database.close()
    engine.dispose()


def test_a_service_that_is_killed_holds_nothing(postgresql_url: str) -> None:
    started, lines = processes(postgresql_url, "alone", 1)
    assert lines == ["open"]
    with pytest.raises(DatabaseInUse):
        Database(postgresql_url)
    end(started)

    def opens() -> bool:
        try:
            Database(postgresql_url).close()
        except DatabaseInUse:
            return False
        return True

    wait_until(opens, 10, "the database is free", 0.02)


def test_who_had_it_alone_and_lost_it_writes_no_more(
    postgres: PostgreSQL, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_IDLE_SECONDS", 0.0)
    first = Database(postgresql_url)
    assert put(first, "v") == ["v"]
    drop_connections(postgres, postgresql_url)
    second = Database(postgresql_url)
    with pytest.raises(DatabaseError, match="is in use by another labeling service"):
        put(first, "lost")
    second.close()

    def goes_on() -> bool:
        # The server sees the end of a connection in its own time.
        try:
            return put(first, "w") == ["w"]
        except DatabaseError:
            return False

    wait_until(goes_on, 10, "it can be sure again", 0.02)
    first.close()


def test_only_one_of_all_threads_and_processes_is_in_a_block_of_a_name(url: str) -> None:
    first = Database(url, shared=True)
    # Another process, with a connection of its own for its locks. With SQLite, there is none.
    other = first if url.startswith("sqlite") else Database(url, shared=True)
    with first.only_once("a") as is_free, other.only_once("a") as is_taken, other.only_once("b") as is_other:
        assert (is_free, is_taken, is_other) == (True, False, True)
    with other.only_once("a") as is_free, first.only_once("a") as is_taken:
        assert (is_free, is_taken) == (True, False)
    first.close()
    other.close()
