"""Nobody tries passwords for ever, in whichever processes and over restarts, and nobody locks others out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest
import sqlalchemy as sa

from labeling_provider.service.database.database import Database
from labeling_provider.service.database.schema import sign_in_failures
from labeling_provider.service.work.tries import FAILURE_SECONDS, LIMITS, Tries, source_of
from tests.service.work.conftest import SetClock

HERE, ELSEWHERE = "192.0.2.7", "198.51.100.9"


def rows(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(sign_in_failures)).scalar_one())


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
