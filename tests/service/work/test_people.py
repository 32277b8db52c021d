"""Who is on the list of people, and in which workteams."""

from __future__ import annotations

import pytest

from labeling_provider.service.database import workteam_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.work.people import People, PeopleError, checked_name
from tests.service.in_process import REGION

PREFIX = f"arn:aws:sagemaker:{REGION}:123456789012:workteam/private-crowd/"


@pytest.fixture
def database(database: Database) -> Database:
    """With two workteams."""
    with database.write() as connection:
        for name in ("vets", "farmers"):
            workteam_rows.insert(connection, name=name, arn=PREFIX + name, description="", members=[], settings={})
    return database


def test_without_passwords_a_team_without_members_is_open_to_all(database: Database) -> None:
    people, strict = (People(database, REGION, passwords=needed) for needed in (False, True))
    ann, ben = people.add("Ann", "vets"), people.add("Ben")
    assert people.teams(ann) == {PREFIX + "vets", PREFIX + "farmers"}
    assert people.teams(ben) == {PREFIX + "farmers"}
    assert (strict.teams(ann), strict.teams(ben)) == ({PREFIX + "vets"}, set())
    assert [person["name"] for person in people.list("vets")] == ["Ann"]
    people.remove("ann", "vets")
    with pytest.raises(PeopleError, match="Ann is not in the workteam vets"):
        people.remove("Ann", "vets")
    with pytest.raises(PeopleError, match="There is no workteam dogs"):
        people.add("Ann", "dogs")
    with pytest.raises(PeopleError, match="There is nobody named Eve"):
        people.remove("Eve")


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "x" * 500])
def test_a_name_that_can_not_be_seen_or_is_too_long_is_none(name: str) -> None:
    with pytest.raises(PeopleError, match="all of them visible"):
        checked_name(name)
    assert checked_name(" Ann ") == "Ann"
