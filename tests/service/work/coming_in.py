"""A service's process that lets people in, with passwords that cost nothing."""

from __future__ import annotations

from dataclasses import dataclass

from argon2 import PasswordHasher

from labeling_provider.service.database.database import Database
from labeling_provider.service.work.passwords import Passwords
from labeling_provider.service.work.people import People
from labeling_provider.service.work.requesters import GroupRoles
from labeling_provider.service.work.sign_ins import SignIns
from labeling_provider.service.work.tries import Tries
from tests.service.in_process import REGION
from tests.service.work.conftest import SetClock

PASSWORD = "correct horse battery"


class CountingHasher(PasswordHasher):
    """Checks passwords in no time, and counts that."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.checked = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        """Count as well."""
        self.checked += 1
        return super().verify(hash, password)


@dataclass
class Process:
    """The people of a service, as one of its processes sees them."""

    people: People
    hasher: CountingHasher
    sign_ins: SignIns

    @classmethod
    def of(
        cls,
        database: Database,
        clock: SetClock,
        *,
        passwords: bool = True,
        roles: GroupRoles = GroupRoles(),  # noqa: B008
    ) -> Process:
        """A process that has just started."""
        people = People(database, REGION, passwords=passwords, roles=roles)
        checks = Passwords(database, Tries(database, clock))
        hasher = checks._hasher = CountingHasher()
        return cls(people, hasher, SignIns(database, clock, people, checks))
