"""How often passwords may be tried: limits over all processes, which a restart does not lift.

One source can't lock a person out elsewhere, and no number of sources can try passwords of one person for ever.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from labeling_provider.service.clock import Clock
from labeling_provider.service.database import sign_in_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.people_rows import name_key
from labeling_provider.service.database.sign_in_rows import SignInTry, TryLimits

FAILURE_SECONDS: Final = 900.0
"""How long a wrong password counts."""
LIMITS: Final = TryLimits(together=10, of_person=100, of_source=50)
"""Most wrong passwords in that time. An office shares one address: when its day begins, dozens may mistype theirs, and
those who then get it right no longer count. For a guesser, 50 are 5,000 a day over all names."""
_SITE_BITS: Final = 48
"""The largest network that one site is usually given. Source: RFC 6177."""


class Tries:
    """Counts wrong passwords by name and source."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def is_allowed(self, connection: Connection, name: str, address: str) -> bool:
        """Whether :meth:`count` may allow another try. A flood of refused ones costs no more than this."""
        since = self._clock.now() - FAILURE_SECONDS
        return sign_in_rows.is_allowed(connection, _tried(name, address), LIMITS, since)

    def count(self, name: str, address: str) -> bool:
        """Count a try as a failure, before its password is checked.

        :param name: the name, whether or not somebody has it.
        :param address: the IP address that it comes from.
        :return: whether the password may be checked.
        """
        at = self._clock.now()
        # Nothing but its own row depends on it.
        with self._database.write(together=True) as connection:
            return sign_in_rows.count(connection, _tried(name, address), LIMITS, at - FAILURE_SECONDS, at)

    def clear(self, name: str, address: str) -> None:
        """Forget the failures of a person from a source, because the password was right."""
        with self._database.write(together=True) as connection:
            sign_in_rows.clear(connection, _tried(name, address))


def source_of(address: str) -> str:
    """The key under which tries from an IP address are counted; empty if it is not one.

    Somebody with IPv6 has more addresses than could be counted, so all of a site's are one.
    """
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(caller, ipaddress.IPv4Address):
        return str(caller)
    # A proxy may write an IPv4 address in IPv6.
    plain = caller.ipv4_mapped
    return str(plain or ipaddress.IPv6Network((int(caller), _SITE_BITS), strict=False))


def _tried(name: str, address: str) -> SignInTry:
    return SignInTry(sign_in_rows.person_key(name_key(name)), source_of(address))
