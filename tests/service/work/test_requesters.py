"""What people of an identity provider are, and for how long the keys hold that they make."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from labeling_provider.service.cloud.sealing import Seal
from labeling_provider.service.database import people_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.states import Role
from labeling_provider.service.work.requesters import MAX_OWN_KEYS, ApiKeys, GroupRoles, KeysError, Requester
from tests.service.work.conftest import SetClock

WORKER = "private.us-east-1.0000000000000001"
EVERY = {"rights": ["create", "read", "stop"]}


@pytest.fixture
def database(database: Database) -> Database:
    """With a worker."""
    with database.write() as connection:
        people_rows.insert_person(connection, name="Ann", worker_id=WORKER, sub="ann")
    return database


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        ((), Role.WORKER),
        (("others",), Role.WORKER),
        (("others", "owners"), Role.REQUESTER),
        (("owners", "admins"), Role.ADMINISTRATOR),
    ],
)
def test_the_highest_role_of_somebody_s_groups_counts(groups: tuple[str, ...], role: Role) -> None:
    roles = GroupRoles(frozenset({"owners", "requesters"}), frozenset({"admins"}))
    assert roles.role(groups) is role
    assert roles.are_there
    assert GroupRoles().role(groups) is Role.WORKER


@pytest.mark.parametrize(
    ("role", "holds"),
    [
        (Role.NOBODY, (False, False)),
        (Role.WORKER, (False, False)),
        (Role.REQUESTER, (True, False)),
        (Role.ADMINISTRATOR, (True, True)),
    ],
)
def test_a_key_holds_as_long_as_its_person_is_what_it_needs(
    database: Database, clock: SetClock, role: Role, holds: tuple[bool, bool]
) -> None:
    keys = ApiKeys(database, Seal(["x" * 32]), clock, role_of=lambda _: role)
    made = [
        keys.add_own(WORKER, Role.ADMINISTRATOR, scope)["access_key_id"]
        for scope in (EVERY, {**EVERY, "is_administrator": True})
    ]
    holders = [keys.find(key) for key in made]
    assert tuple(holder is not None for holder in holders) == holds
    for holder, is_administrator in zip(holders, (False, True), strict=True):
        assert holder is None or holder[0].is_administrator is is_administrator
    with pytest.raises(KeysError, match="Only an administrator"):
        keys.add_own(WORKER, Role.REQUESTER, {**EVERY, "is_administrator": True})


def test_own_keys_end_and_those_of_the_administrator_do_not(database: Database, clock: SetClock) -> None:
    keys = ApiKeys(database, Seal(["x" * 32]), clock, GroupRoles(key_seconds=60.0), lambda _: Role.REQUESTER)
    own, other = keys.add_own(WORKER, Role.REQUESTER, EVERY)["access_key_id"], keys.add("Ben", {})["access_key_id"]
    assert keys.find(own)
    clock.at += 61
    assert (keys.find(own), keys.find(other) is None) == (None, False)
    with pytest.raises(KeysError, match="no longer valid"):
        keys.rotate(own, WORKER)
    with pytest.raises(KeysError, match="There is no key"):
        keys.rotate(other, WORKER)
    keys.add_own(WORKER, Role.REQUESTER, EVERY)
    assert own not in {key["access_key_id"] for key in keys.list()}


def test_buckets_of_others_are_given_and_not_taken(database: Database, clock: SetClock) -> None:
    roles = GroupRoles(buckets=frozenset({"common"}))
    keys = ApiKeys(database, Seal(["x" * 32]), clock, roles, lambda _: Role.REQUESTER)
    holder = keys.find(keys.add_own(WORKER, Role.REQUESTER, {**EVERY, "buckets": ["secret"]})["access_key_id"])
    assert holder
    assert holder[0].buckets == {"common"}
    other = keys.find(keys.add("Ben", {"buckets": ["given"]})["access_key_id"])
    assert other
    assert other[0].buckets == {"given"}


def test_many_at_once_make_no_more_keys_than_one_after_the_other(postgresql_url: str, clock: SetClock) -> None:
    databases = [Database(postgresql_url, shared=True) for _ in range(4)]
    with databases[0].write() as connection:
        people_rows.insert_person(connection, name="Ann", worker_id=WORKER, sub="ann")
    processes = [ApiKeys(database, Seal(["x" * 32]), clock, role_of=lambda _: Role.REQUESTER) for database in databases]

    def add(number: int) -> bool:
        try:
            return bool(processes[number % 4].add_own(WORKER, Role.REQUESTER, EVERY))
        except KeysError:
            return False

    with ThreadPoolExecutor(2 * MAX_OWN_KEYS) as pool:
        assert sum(pool.map(add, range(2 * MAX_OWN_KEYS))) == MAX_OWN_KEYS
    for database in databases:
        database.close()


def test_whoever_is_gone_gets_no_key(database: Database, clock: SetClock) -> None:
    keys = ApiKeys(database, Seal(["x" * 32]), clock, role_of=lambda _: Role.REQUESTER)
    keys.add_own(WORKER, Role.REQUESTER, EVERY)
    with database.write() as connection:
        row = people_rows.find_worker(connection, WORKER)
        assert row
        people_rows.delete_person(connection, row.id)
    assert keys.list() == []
    with pytest.raises(KeysError, match="no longer known here"):
        keys.add_own(WORKER, Role.REQUESTER, EVERY)


def test_the_command_that_shares_a_bucket_can_be_copied_whatever_its_name() -> None:
    sentence = Requester("Ben Example").lacks({"arn:aws:s3:::a;reboot"})
    assert "`labeling keys add 'Ben Example' --bucket 'a;reboot'`" in sentence
    topic = "arn:aws:sns:us-east-1:000000000000:news"
    assert Requester("Ben").lacks({topic}) == f"{topic} is not Ben's."
