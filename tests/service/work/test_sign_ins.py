"""Who somebody is, as long as the session holds, and what an invitation is good for."""

from __future__ import annotations

import pytest

from labeling_provider.service.database.database import Database
from labeling_provider.service.work.passwords import WrongPassword
from labeling_provider.service.work.people import PeopleError
from labeling_provider.service.work.sign_ins import INVITATION_SECONDS, SESSION_SECONDS, portal_token
from tests.service.work.coming_in import PASSWORD, Process
from tests.service.work.conftest import SetClock


def test_an_invitation_lets_in_once_and_for_a_week(database: Database, clock: SetClock) -> None:
    own = Process.of(database, clock)
    own.people.add("Ann")
    with pytest.raises(WrongPassword):
        own.sign_ins.sign_in("Ann", "")
    token = own.sign_ins.invite("ann")
    assert own.sign_ins.invited(token) == "Ann"
    with pytest.raises(PeopleError, match="10 to 200 characters"):
        own.sign_ins.accept_invitation(token, "short")
    person = own.sign_ins.of_session(own.sign_ins.accept_invitation(token, PASSWORD))
    assert person is not None
    assert person.name == "Ann"
    with pytest.raises(PeopleError, match="no longer valid"):
        own.sign_ins.accept_invitation(token, PASSWORD)
    late = own.sign_ins.invite("Ann")
    clock.at += INVITATION_SECONDS + 1
    assert own.sign_ins.invited(late) is None


def test_a_session_ends_at_once_when_somebody_ends_it_and_else_after_two_weeks(
    database: Database, clock: SetClock
) -> None:
    here, other = (Process.of(database, clock, passwords=False).sign_ins for _ in range(2))
    first, second = here.sign_in("Ann"), other.sign_in("ANN")
    assert here.of_session(first) == other.of_session(second)
    assert other.sign_out_everywhere("Ann") == 2
    assert (here.of_session(first), here.of_session(second)) == (None, None)
    third = here.sign_in("Ann")
    here.sign_out(third)
    assert other.of_session(third) is None
    old = here.sign_in("Ann")
    clock.at += SESSION_SECONDS + 1
    assert here.of_session(old) is None
    assert here.of_requester_session(here.sign_in("Ann")) is None, "a worker has no jobs"


def test_the_portals_token_does_not_open_the_requesters_pages(database: Database, clock: SetClock) -> None:
    own = Process.of(database, clock, passwords=False)
    token = own.sign_ins.open_requester_session(own.people.add("Ann"), 60.0)
    assert own.sign_ins.of_session(portal_token(token)) is not None
    assert own.sign_ins.of_session(token) is None


def test_names_are_shown_only_where_they_are_enough(database: Database, clock: SetClock) -> None:
    open_to_all, strict = (Process.of(database, clock, passwords=needed) for needed in (False, True))
    open_to_all.people.add("Ann")
    assert (open_to_all.sign_ins.names(), strict.sign_ins.names()) == (["Ann"], [])
    assert [strict.sign_ins.is_known(name) for name in ("ANN", "Ben", "")] == [True, False, False]
