"""What one process changes of roles and rules the others know."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labeling_provider.service.cloud.embedded.in_step import InStep, RecordedStates
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.recorded_states import ROLES


class Process:
    """Holds names in memory, as moto does."""

    def __init__(self, database: Database) -> None:
        self.held: dict[str, str] = {}
        self.restored = 0
        self.in_step = InStep(database)
        self.in_step.restore_also(self._count)
        self.record = RecordedStates(
            database, self.in_step, ROLES, self.held.copy, self.held.__setitem__, self.held.__delitem__
        )

    def _count(self) -> None:
        self.restored += 1

    def change(self, **states: str | None) -> None:
        self.in_step.refresh()
        with self.record.recording():
            for name, state in states.items():
                if state is None:
                    del self.held[name]
                else:
                    self.held[name] = state

    def seen(self) -> dict[str, str]:
        self.in_step.refresh()
        return self.held


@pytest.fixture
def databases(postgresql_url: str) -> Iterator[list[Database]]:
    both = [Database(postgresql_url, shared=True) for _ in range(2)]
    yield both
    for one in both:
        one.close()


def test_each_knows_what_the_other_has_changed_and_reads_only_that(databases: list[Database]) -> None:
    first, second = map(Process, databases)
    first.change(a="1", b="2")
    assert second.seen() == {"a": "1", "b": "2"}
    second.change(a=None, b="3", c="4")
    assert first.seen() == second.seen() == {"b": "3", "c": "4"}
    restored = second.restored
    second.change(c="5")
    assert second.seen() == {"b": "3", "c": "5"}
    assert second.restored == restored, "it knows what it has changed itself"


def test_what_the_database_does_not_take_is_not_there(
    databases: list[Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Process(databases[0])
    first.change(a="1")

    def full(*_: object) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(ROLES, "keep", full)
    with pytest.raises(DatabaseError):
        first.change(a="2", b="3")
    assert first.seen() == {"a": "1"}


def test_what_could_not_be_read_is_read_again(databases: list[Database]) -> None:
    one, tries = InStep(databases[0]), list[int]()

    def restore() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise DatabaseError("the database is away")

    one.restore_also(restore)
    with pytest.raises(DatabaseError):
        one.refresh()
    one.refresh()
    one.refresh()
    assert len(tries) == 2
