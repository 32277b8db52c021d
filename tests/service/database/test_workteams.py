"""Workteams, by name or by ARN."""

from __future__ import annotations

import pytest

from labeling_provider.service.database import workteams
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.jobs import NameTaken
from labeling_provider.service.database.paging import PageRequest

ARN = "arn:aws:sagemaker:us-east-1:1:workteam/"


def add(connection: Connection, name: str, kind: str = "private-crowd") -> str:
    arn = f"{ARN}{kind}/{name}"
    workteams.insert_workteam(connection, name=name, arn=arn, description="d", members=[{"a": 1}], settings={"b": 2})
    return arn


def test_a_workteam_is_found_changed_and_deleted(connection: Connection) -> None:
    arn = add(connection, "Herons")
    found = workteams.find_workteam(connection, "hERONS")
    assert found == workteams.find_workteam_by_arn(connection, arn)
    assert found is not None
    assert (found.name, found.members, found.settings) == ("Herons", [{"a": 1}], {"b": 2})
    workteams.update_workteam(connection, arn, description="e", members=[], settings={})
    found = workteams.find_workteam(connection, "Herons")
    assert found is not None
    assert (found.description, found.members, found.settings) == ("e", [], {})
    assert workteams.known_arns(connection, [arn, "none"]) == {arn}
    workteams.delete_workteam(connection, arn)
    assert workteams.find_workteam(connection, "Herons") is None


def test_private_workteams_are_listed_by_a_part_of_their_name(connection: Connection) -> None:
    before = workteams.count_workteams(connection)
    for name in ("b_1", "B-2", "a_3"):
        add(connection, name)
    add(connection, "vendor_4", "vendor-crowd")

    def names(part: str | None, **wanted: bool) -> list[str]:
        found, token = workteams.list_private_workteams(connection, part, "Name", PageRequest(**wanted))  # type: ignore[arg-type]
        assert token is None
        return [one.name for one in found]

    assert names("_") == ["a_3", "b_1"]
    assert names("B") == ["B-2", "b_1"]
    assert names(None, descending=True) == ["b_1", "B-2", "a_3"]
    assert workteams.count_workteams(connection) == before + 4
    with pytest.raises(NameTaken):
        add(connection, "A_3")
