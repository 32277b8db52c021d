"""Wrong passwords are counted for a name, for where they come from, and for both."""

from __future__ import annotations

from labeling_provider.service.database import sign_in_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.sign_in_rows import SignInTry, TryLimits

LIMITS = TryLimits(together=2, of_person=3, of_source=4)


def at_most(connection: Connection, person: str, source: str, at: float = 100.0, since: float = 90.0) -> bool:
    """Whether a password is checked; counts it as wrong."""
    tried = SignInTry(sign_in_rows.person_key(person), source)
    is_allowed = sign_in_rows.is_allowed(connection, tried, LIMITS, since)
    assert sign_in_rows.count(connection, tried, LIMITS, since, at) == is_allowed
    return is_allowed


def test_each_limit_holds(connection: Connection) -> None:
    assert [at_most(connection, "ann", "here") for _ in range(3)] == [True, True, False]
    assert [at_most(connection, "ann", "there") for _ in range(2)] == [True, False], "three of one name"
    assert [at_most(connection, name, "here") for name in ("ben", "cy", "di")] == [True, True, False], "four from here"
    assert at_most(connection, "di", "there")
    assert at_most(connection, "ann", "here", at=300.0, since=200.0), "the earlier ones no longer count"
    assert at_most(connection, "ann", "here", at=100.0, since=50.0), "and are forgotten"


def test_a_right_password_takes_back_those_from_the_same_place(connection: Connection) -> None:
    for source in ("here", "here", "there"):
        assert at_most(connection, "ann", source)
    sign_in_rows.clear(connection, SignInTry(sign_in_rows.person_key("ann"), "here"))
    assert at_most(connection, "ann", "here")
    assert at_most(connection, "ben", "here")
    assert at_most(connection, "ann", "there")
    assert not at_most(connection, "ann", "here")
    sign_in_rows.forget_person(connection, "ann")
    assert [at_most(connection, "ann", "here") for _ in range(3)] == [True, True, False]
