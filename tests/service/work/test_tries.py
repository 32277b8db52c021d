"""Nobody tries passwords for ever, in whichever processes and over restarts, and nobody locks others out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from labeling_provider.service.database.database import Database
from labeling_provider.service.database.schema import sign_in_failures
from labeling_provider.service.work.people import People, PeopleError
from labeling_provider.service.work.tries import FAILURE_SECONDS, LIMITS, Tries, source_of
from tests.service.work.conftest import SetClock

PASSWORD = "correct horse battery"
HERE, ELSEWHERE = "192.0.2.7", "198.51.100.9"
OK, WRONG, TOO_MANY = "ok", "Wrong name or password.", "There were too many wrong passwords."


class CountingHasher(PasswordHasher):
    """Checks passwords in no time, and counts that."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.checked = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        """Count as well."""
        self.checked += 1
        return super().verify(hash, password)


def process(database: Database, clock: SetClock) -> People:
    """The people of a service, as one of its processes sees them."""
    people = People(database, clock, "us-east-1", passwords=True)
    people._hasher = CountingHasher()
    return people


def invited(people: People, *names: str) -> None:
    """Add people who have chosen a password."""
    for name in names:
        people.add(name)
        people.accept_invitation(people.invite(name), PASSWORD)


def tried(people: People, name: str, password: str, address: str) -> str:
    """What somebody is told who tries to sign in."""
    try:
        people.sign_in(name, password, address=address)
    except PeopleError as error:
        return next(known for known in (WRONG, TOO_MANY) if str(error).startswith(known))
    return OK


def rows(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(sign_in_failures)).scalar_one())


def test_wrong_passwords_count_in_all_processes_at_once_and_after_a_restart_but_not_elsewhere(
    processes: list[Database], url: str, clock: SetClock
) -> None:
    both = [process(database, clock) for database in processes]
    invited(both[0], "Ann")
    tries = 4 * LIMITS.together
    with ThreadPoolExecutor(8) as pool:
        one_by_one = zip(cycle(both), cycle(["Ann", "ANN "]), range(tries), strict=False)
        outcomes = Counter(pool.map(lambda at: tried(at[0], at[1], f"wrong {at[2]}", HERE), one_by_one))
    assert outcomes == {WRONG: LIMITS.together, TOO_MANY: tries - LIMITS.together}
    assert [tried(people, "Ann", PASSWORD, HERE) for people in both] == [TOO_MANY] * 2
    assert sum(people._hasher.checked for people in both) == LIMITS.together
    assert tried(both[1], "Ann", PASSWORD, ELSEWHERE) == OK, "nobody can lock her out there"
    for database in processes:
        database.close()
    restarted = Database(url, shared=True)
    again = process(restarted, clock)
    assert tried(again, "Ann", PASSWORD, HERE) == TOO_MANY
    clock.at += FAILURE_SECONDS
    assert tried(again, "Ann", PASSWORD, HERE) == OK
    assert rows(restarted) == 0, "what is old is forgotten"
    restarted.close()


def test_names_that_nobody_has_are_answered_like_those_that_somebody_has_at_the_same_cost(
    database: Database, clock: SetClock
) -> None:
    people = process(database, clock)
    invited(people, "Ann")
    people.add("Has no password")
    statements: list[str] = []
    sa.event.listen(database._open.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    seen = []
    for name, address in (("Ann", HERE), ("Nobody", ELSEWHERE), ("Has no password", "203.0.113.1")):
        before, begun = people._hasher.checked, len(statements)
        answers = [tried(people, name, "wrong", address) for _ in range(LIMITS.together + 2)]
        seen.append((answers, people._hasher.checked - before, statements[begun:]))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][:2] == ([WRONG] * LIMITS.together + [TOO_MANY] * 2, LIMITS.together)
    assert not any(statement.startswith(("INSERT", "DELETE")) for statement in statements[-2:]), "refusals cost little"


def test_a_right_password_forgets_the_wrong_ones_of_its_person_and_source_only(
    database: Database, clock: SetClock
) -> None:
    people, other = process(database, clock), process(database, clock)
    invited(people, "Ann", "Ben")
    for name, address in (("Ann", HERE), ("Ann", ELSEWHERE), ("Ben", HERE)):
        assert [tried(people, name, "wrong", address) for _ in range(LIMITS.together - 1)] == [WRONG] * 9
    assert tried(other, "ann", PASSWORD, HERE) == OK
    assert rows(database) == 2 * (LIMITS.together - 1)
    assert [tried(people, "Ann", "wrong", HERE) for _ in range(LIMITS.together)] == [WRONG] * 10
    for name, address in (("Ann", ELSEWHERE), ("Ben", HERE)):
        assert [tried(people, name, "wrong", address) for _ in range(2)] == [WRONG, TOO_MANY]
    people.accept_invitation(people.invite("Ann"), "another password")
    assert rows(database) == LIMITS.together, "of Ben: an invitation forgets those of Ann from everywhere"
    assert tried(people, "Ann", "wrong", HERE) == WRONG
    people.erase("Ann")
    assert rows(database) == LIMITS.together, "of Ben"


def allowed(processes: Sequence[Database], clock: SetClock, names: Sequence[str], addresses: Sequence[str]) -> int:
    """How many passwords are checked when each name is tried once from each address, in several threads."""
    both = cycle([Tries(database, clock) for database in processes])
    wanted = [(next(both), name, address) for name in names for address in addresses]
    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(lambda tried: tried[0].count(tried[1], tried[2]), wanted))


def test_few_passwords_are_guessed_from_one_source_and_of_one_person(
    processes: list[Database], clock: SetClock
) -> None:
    tries = Tries(processes[0], clock)
    assert sum(tries.count("Ann", HERE) for _ in range(LIMITS.together + 1)) == LIMITS.together
    made_up = [f"made up {number}" for number in range(LIMITS.of_source + 20)]
    assert allowed(processes, clock, made_up, [HERE]) == LIMITS.of_source - LIMITS.together
    assert rows(processes[0]) == LIMITS.of_source, "a flood leaves nothing behind"
    # Made-up names from elsewhere don't make it forget a known one.
    assert allowed(processes, clock, made_up, [ELSEWHERE]) == LIMITS.of_source
    clock.at += FAILURE_SECONDS - 1
    assert not tries.count("ann", HERE)
    many = [f"203.0.113.{number}" for number in range(LIMITS.of_person)]
    assert allowed(processes, clock, ["Ann"], many) == LIMITS.of_person - LIMITS.together
    assert tries.count("Ben", many[-1])
    clock.at += 1
    assert tries.count("ann", HERE)
    assert rows(processes[0]) == LIMITS.of_person - LIMITS.together + 2, "what is old is forgotten"


def test_people_who_get_it_right_at_once_do_not_wait_for_each_other_for_ever(
    postgresql_url: str, clock: SetClock
) -> None:
    database = Database(postgresql_url, shared=True)
    tries = Tries(database, clock)

    def come(number: int) -> bool:
        name, address = f"person {number % 3}", f"192.0.2.{number % 5}"
        was_allowed = tries.count(name, address)
        tries.clear(name, address)
        return was_allowed

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(come, range(200)))
    assert rows(database) == 0
    database.close()


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("2001:db8:1:fff:ffff::", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("testclient", ""),
        ("192.0.2.7, 198.51.100.9" * 99, ""),
    ],
)
def test_addresses_of_a_site_are_one_source(address: str, source: str) -> None:
    assert source_of(address) == source
