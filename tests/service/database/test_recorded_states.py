"""Event rules and roles as they are kept."""

from __future__ import annotations

import json

import pytest

from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.recorded_states import ROLES, RULES, States


@pytest.mark.parametrize("states", [RULES, ROLES])
def test_each_is_kept_once_as_it_is_now(connection: Connection, states: States) -> None:
    states.change(connection, "ends", None, '{"n": 1}')
    states.change(connection, "begins", None, '{"n": 2}')
    states.change(connection, "ends", '{"n": 1}', '{"n": 3}')
    assert states.kept(connection) == {"begins": '{"n": 2}', "ends": '{"n": 3}'}
    states.delete(connection, "begins")
    assert states.kept(connection) == {"ends": '{"n": 3}'}


def test_what_two_change_at_once_is_changed_by_both_and_what_is_deleted_stays_deleted(connection: Connection) -> None:
    before = {"description": "d", "targets": [{"Id": "1", "Arn": "a"}, {"Id": "2", "Arn": "a"}], "attached": ["x"]}
    first = {**before, "targets": [{"Id": "1", "Arn": "b"}, {"Id": "2", "Arn": "a"}], "attached": ["x", "y"]}
    second = {**before, "description": "e", "targets": [{"Id": "1", "Arn": "a"}, {"Id": "3", "Arn": "a"}]}
    second |= {"attached": ["z"], "tags": {"k": "v"}}
    RULES.change(connection, "ends", None, json.dumps(before))
    for after in (first, second):
        RULES.change(connection, "ends", json.dumps(before), json.dumps(after))
    assert json.loads(RULES.kept(connection)["ends"]) == {
        "description": "e",
        "targets": [{"Id": "1", "Arn": "b"}, {"Id": "3", "Arn": "a"}],
        "attached": ["y", "z"],
        "tags": {"k": "v"},
    }
    RULES.delete(connection, "ends")
    RULES.change(connection, "ends", json.dumps(before), json.dumps(first))
    assert RULES.kept(connection) == {}
    for after in (first, second):
        RULES.change(connection, "both have made it", None, json.dumps(after))
    made = json.loads(RULES.kept(connection)["both have made it"])
    assert [target["Id"] for target in made["targets"]] == ["1", "2", "3"]
