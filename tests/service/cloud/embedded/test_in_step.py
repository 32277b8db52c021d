"""What one process changes of roles and rules the others know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from labeling_provider.service.cloud.embedded.in_step import InStep, RecordedStates
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.recorded_states import ROLES
from tests.own_names import own_id

State = dict[str, Any]


class Process:
    """Holds things in memory, as moto does."""

    def __init__(self, database: Database) -> None:
        self.held: dict[str, State] = {}
        self.unknown: set[str] = set()
        self.restored = 0
        self.in_step = InStep(database)
        self.in_step.restore_also(self._count)
        self.record = RecordedStates(
            database, self.in_step, ROLES, self._described, self._recall, self.held.__delitem__
        )

    def _count(self) -> None:
        self.restored += 1

    def _described(self) -> dict[str, str]:
        return {name: json.dumps(state) for name, state in self.held.items()}

    def _recall(self, name: str, state: str) -> None:
        if name in self.unknown:
            raise ValueError(f"{name} is nothing that this version knows")
        self.held[name] = json.loads(state)

    def change(self, refreshed: bool = True, **states: State | None) -> None:
        """Change or delete things.

        :param refreshed: False if others change something after this has looked.
        """
        if refreshed:
            self.in_step.refresh()
        with self.record.recording():
            for name, state in states.items():
                if state is None:
                    del self.held[name]
                else:
                    self.held[name] = state

    def seen(self) -> dict[str, State]:
        self.in_step.refresh()
        return self.held


@pytest.fixture
def databases(postgresql_url: str) -> Iterator[list[Database]]:
    both = [Database(postgresql_url, shared=True) for _ in range(2)]
    yield both
    for database in both:
        database.close()


def test_each_knows_what_the_other_has_changed_and_reads_only_that(databases: list[Database]) -> None:
    first, second = map(Process, databases)
    first.change(a={"n": 1}, b={"n": 2})
    assert second.seen() == {"a": {"n": 1}, "b": {"n": 2}}
    second.change(a=None, b={"n": 3}, c={"n": 4})
    assert first.seen() == second.seen() == {"b": {"n": 3}, "c": {"n": 4}}
    restored = second.restored
    second.change(c={"n": 5})
    assert second.seen() == {"b": {"n": 3}, "c": {"n": 5}}
    assert second.restored == restored, "it knows what it has changed itself"


def test_whatever_two_change_without_knowing_of_each_other_all_of_it_is_kept(databases: list[Database]) -> None:
    both = [Process(database) for database in databases]
    chance, truth, mine = Random(7), dict[str, State](), own_id().hex
    for number in range(150):
        process, name, field = chance.choice(both), f"{mine}{chance.randrange(2)}", chance.choice("ab")
        if chance.random() < 0.4:
            process.in_step.refresh()
        state = json.loads(json.dumps(process.held.get(name)))
        what = chance.random()
        if what < 0.05 and state is not None:
            process.change(False, **{name: None})
            truth.pop(name, None)
            continue
        is_new = state is None
        state = state or {"targets": [], "tags": {}, "n": -1}
        stored = truth.get(name)
        if stored is None and is_new:
            stored = truth[name] = {"targets": {}, "tags": {}, "n": -1}
        stored = stored or {"targets": {}, "tags": {}}
        target = {"Id": field, "n": number}
        if what < 0.5:
            state["targets"] = [*(old for old in state["targets"] if old["Id"] != field), target]
            stored["targets"][field] = target
        elif what < 0.6:
            if field in {old["Id"] for old in state["targets"]}:
                stored["targets"].pop(field, None)
            state["targets"] = [old for old in state["targets"] if old["Id"] != field]
        elif what < 0.9:
            state["tags"][field] = stored["tags"][field] = number
        elif state["tags"].pop(field, None) is not None:
            stored["tags"].pop(field, None)
        if is_new or what < 0.2:
            state["n"] = stored["n"] = number
        process.change(False, **{name: state})
    for process in both:
        seen = {
            name: {**state, "targets": {target["Id"]: target for target in state["targets"]}}
            for name, state in process.seen().items()
        }
        assert seen == truth


def test_what_one_can_not_hold_it_does_not_take_from_the_other(databases: list[Database]) -> None:
    first, second = map(Process, databases)
    first.change(a={"n": 1}, b={"n": 2})
    second.unknown = {"a"}
    second.change(b={"n": 3})
    assert second.seen() == {"b": {"n": 3}}
    assert first.seen() == {"a": {"n": 1}, "b": {"n": 3}}


def test_what_the_database_does_not_take_is_not_there(
    databases: list[Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Process(databases[0])
    first.change(a={"n": 1})

    def full(*_: object) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(ROLES, "change", full)
    with pytest.raises(DatabaseError):
        first.change(a={"n": 2}, b={"n": 3})
    assert first.seen() == {"a": {"n": 1}}


def test_what_could_not_be_read_is_read_again(databases: list[Database]) -> None:
    in_step, tries = InStep(databases[0]), list[int]()

    def restore() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise DatabaseError("the database is away")

    in_step.restore_also(restore)
    with pytest.raises(DatabaseError):
        in_step.refresh()
    in_step.refresh()
    in_step.refresh()
    assert len(tries) == 2
