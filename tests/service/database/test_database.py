"""Transactions: committed or undone as a whole, one at a time, and whatever fails is one kind of error."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from labeling_provider.service.database import opening, people_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.tag_rows import put_tags, read_tags
from tests.own_names import own_id


@pytest.fixture
def tag(opened: Database) -> Iterator[str]:
    """The ARN that a test's tags are under; they are gone afterwards."""
    yield "arn"
    with opened.write() as connection:
        connection.execute(sa.text("DELETE FROM tags"))


def test_a_transaction_that_raises_is_undone(opened: Database, tag: str) -> None:
    with opened.write() as connection:
        put_tags(connection, tag, {"kept": "1"})
    with pytest.raises(KeyError), opened.write() as connection:
        put_tags(connection, tag, {"undone": "1"})
        raise KeyError
    with opened.read() as connection:
        assert read_tags(connection, tag) == {"kept": "1"}


def test_a_savepoint_is_undone_with_its_transaction_even_if_it_comes_first(opened: Database) -> None:
    name = own_id().hex
    with pytest.raises(KeyError), opened.write() as connection:
        people_rows.insert_person(connection, name=name, worker_id=name, sub=name)
        raise KeyError
    with opened.read() as connection:
        assert people_rows.find_person(connection, name) is None


def test_what_the_database_refuses_has_one_name_and_a_broken_rule_keeps_its_own(opened: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError), opened.write() as connection:
        connection.execute(sa.text("INSERT INTO tags (arn, key) VALUES ('a', 'k')"))
    if opened._open.is_sqlite:
        with pytest.raises(DatabaseError, match="no such table"), opened.read() as connection:
            connection.execute(sa.text("SELECT * FROM nowhere"))


def test_whoever_is_alone_keeps_other_threads_from_writing(opened: Database, tag: str) -> None:
    def write() -> None:
        with opened.write() as connection:
            put_tags(connection, tag, {"other": "1"})

    other = threading.Thread(target=write)
    with opened.alone():
        other.start()
        other.join(0.05)
        assert other.is_alive()
        with opened.read() as connection:
            assert read_tags(connection, tag) == {}
    other.join(60)
    with opened.read() as connection:
        assert read_tags(connection, tag) == {"other": "1"}


def test_where_processes_share_it_threads_write_at_the_same_moment_what_is_of_the_database_only(
    postgresql_url: str,
) -> None:
    database = Database(postgresql_url, shared=True)

    def write(name: str, together: bool) -> None:
        with database.write(together=together) as connection:
            put_tags(connection, "arn", {name: "1"})

    threads = {together: threading.Thread(target=write, args=(str(together), together)) for together in (True, False)}
    with database.write(together=True) as connection, database.alone():
        put_tags(connection, "arn", {"first": "1"})
        for thread in threads.values():
            thread.start()
        threads[True].join(60)
        with database.read() as reader:
            assert read_tags(reader, "arn") == {"True": "1"}
    threads[False].join(60)
    with database.read() as connection:
        assert read_tags(connection, "arn") == {"True": "1", "False": "1", "first": "1"}
    database.close()


def test_a_connection_that_broke_while_nobody_used_it_is_replaced(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, other = Database(postgresql_url), sa.create_engine(postgresql_url, poolclass=sa.NullPool)

    def backend() -> int:
        with database.read() as connection:
            return int(connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())

    first = backend()
    assert backend() == first
    with other.connect() as connection:
        connection.execute(sa.text(f"SELECT pg_terminate_backend({first}, 10000)"))
    monkeypatch.setattr(opening, "_IDLE_SECONDS", 0.0)
    assert backend() != first
    database.close()
