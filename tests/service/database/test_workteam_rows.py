"""Workteams, by name or by ARN."""

from __future__ import annotations

import pytest

from labeling_provider.service.database import workteam_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.job_rows import NameTaken
from labeling_provider.service.database.paging import PageRequest

ARN = "arn:aws:sagemaker:us-east-1:1:workteam/"


def add(connection: Connection, name: str, kind: str = "private-crowd") -> str:
    arn = f"{ARN}{kind}/{name}"
    workteam_rows.insert(connection, name=name, arn=arn, description="d", members=[{"a": 1}], settings={"b": 2})
    return arn


def test_a_workteam_is_found_changed_and_deleted(connection: Connection) -> None:
    arn = add(connection, "Herons")
    team = workteam_rows.find(connection, "hERONS")
    assert team == workteam_rows.find_workteam_by_arn(connection, arn)
    assert team is not None
    assert (team.name, team.members, team.settings) == ("Herons", [{"a": 1}], {"b": 2})
    workteam_rows.update_workteam(connection, arn, description="e", members=[], settings={})
    team = workteam_rows.find(connection, "Herons")
    assert team is not None
    assert (team.description, team.members, team.settings) == ("e", [], {})
    assert workteam_rows.known_arns(connection, [arn, "none"]) == {arn}
    workteam_rows.delete_workteam(connection, arn)
    assert workteam_rows.find(connection, "Herons") is None


def test_private_workteams_are_listed_by_a_part_of_their_name(connection: Connection) -> None:
    before = workteam_rows.count_workteams(connection)
    for name in ("b_1", "B-2", "a_3"):
        add(connection, name)
    add(connection, "vendor_4", "vendor-crowd")

    def names(part: str | None, **wanted: bool) -> list[str]:
        teams, token = workteam_rows.list_private_workteams(connection, part, "Name", PageRequest(**wanted))  # type: ignore[arg-type]
        assert token is None
        return [team.name for team in teams]

    assert names("_") == ["a_3", "b_1"]
    assert names("B") == ["B-2", "b_1"]
    assert names(None, descending=True) == ["b_1", "B-2", "a_3"]
    assert workteam_rows.count_workteams(connection) == before + 4
    with pytest.raises(NameTaken):
        add(connection, "A_3")
