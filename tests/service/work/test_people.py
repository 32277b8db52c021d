"""Who somebody is, as long as the session holds, and what an invitation is good for."""

from __future__ import annotations

import pytest

from labeling_provider.service.database import workteam_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.work.people import (
    INVITATION_SECONDS,
    SESSION_SECONDS,
    People,
    PeopleError,
    WrongPassword,
    checked_name,
    portal_token,
)
from tests.service.in_process import REGION
from tests.service.work.conftest import SetClock
from tests.service.work.test_tries import PASSWORD, process

PREFIX = f"arn:aws:sagemaker:{REGION}:123456789012:workteam/private-crowd/"


@pytest.fixture
def database(database: Database) -> Database:
    """With two workteams."""
    with database.write() as connection:
        for name in ("vets", "farmers"):
            workteam_rows.insert(connection, name=name, arn=PREFIX + name, description="", members=[], settings={})
    return database


def test_an_invitation_lets_in_once_and_for_a_week(database: Database, clock: SetClock) -> None:
    people = process(database, clock)
    people.add("Ann")
    with pytest.raises(WrongPassword):
        people.sign_in("Ann", "")
    token = people.invite("ann")
    assert people.invited(token) == "Ann"
    with pytest.raises(PeopleError, match="10 to 200 characters"):
        people.accept_invitation(token, "short")
    person = people.of_session(people.accept_invitation(token, PASSWORD))
    assert person is not None
    assert person.name == "Ann"
    with pytest.raises(PeopleError, match="no longer valid"):
        people.accept_invitation(token, PASSWORD)
    late = people.invite("Ann")
    clock.at += INVITATION_SECONDS + 1
    assert people.invited(late) is None


def test_a_session_ends_at_once_when_somebody_ends_it_and_else_after_two_weeks(
    database: Database, clock: SetClock
) -> None:
    people, other = (People(database, clock, REGION, passwords=False) for _ in range(2))
    first, second = people.sign_in("Ann"), other.sign_in("ANN")
    assert people.of_session(first) == other.of_session(second)
    assert other.sign_out_everywhere("Ann") == 2
    assert (people.of_session(first), people.of_session(second)) == (None, None)
    third = people.sign_in("Ann")
    people.sign_out(third)
    assert other.of_session(third) is None
    old = people.sign_in("Ann")
    clock.at += SESSION_SECONDS + 1
    assert people.of_session(old) is None
    assert people.of_requester_session(people.sign_in("Ann")) is None, "a worker has no jobs"


def test_without_passwords_a_team_without_members_is_open_to_all(database: Database, clock: SetClock) -> None:
    people, strict = (People(database, clock, REGION, passwords=needed) for needed in (False, True))
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


def test_the_portals_token_does_not_open_the_requesters_pages(database: Database, clock: SetClock) -> None:
    people = People(database, clock, REGION, passwords=False)
    token = people.open_requester_session(people.add("Ann"), 60.0)
    assert people.of_session(portal_token(token)) is not None
    assert people.of_session(token) is None
