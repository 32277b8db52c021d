"""What one process tells the others hear, once it is so."""

from __future__ import annotations

import pytest

from dev.postgresql import PostgreSQL
from dev.stack import wait_until
from labeling_provider.service.database import notices
from labeling_provider.service.database.database import Database
from tests.service.database.test_locks import drop_connections


def test_what_is_committed_is_heard_by_all_and_what_is_not_by_nobody(postgres: PostgreSQL, postgresql_url: str) -> None:
    first, second = (Database(postgresql_url, shared=True) for _ in range(2))
    heard: dict[str, list[str]] = {"first": [], "second": []}
    for name, database in (("first", first), ("second", second)):
        database.listen(heard[name].append)
    wait_until(lambda: all(heard.values()), 10, "both listen", 0.02)
    assert set(heard["first"] + heard["second"]) == {notices.EVERYTHING}
    with pytest.raises(KeyError), first.write() as connection:
        notices.tell(connection, "undone")
        raise KeyError
    with first.write() as connection:
        notices.tell(connection, "done")
        notices.tell(connection, "done")
    wait_until(lambda: heard["second"][1:] == ["done"], 10, "the other one hears it once", 0.02)
    assert "done" in heard["first"]
    drop_connections(postgres, postgresql_url)
    wait_until(lambda: heard["second"][2:] == [notices.EVERYTHING], 20, "it knows that it may have missed some", 0.02)
    with first.write() as connection:
        notices.tell(connection, "again")
    wait_until(lambda: heard["second"][3:] == ["again"], 10, "it hears again", 0.02)
    first.close()
    second.close()


def test_a_process_that_is_alone_hears_itself(tmp_path_factory: pytest.TempPathFactory) -> None:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('alone') / 'labeling.sqlite'}")
    heard: list[str] = []
    database.listen(heard.append)
    with database.write() as connection:
        notices.tell(connection, "done")
        assert heard == []
    assert heard == ["done"]
    database.close()
