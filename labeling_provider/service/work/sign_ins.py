"""How people come in: by a name, a password, an invitation or an identity provider; and their sessions."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from typing import Any, Final

from labeling_provider.service.clock import Clock
from labeling_provider.service.database import people_rows, sign_in_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.people_rows import PersonRow
from labeling_provider.service.database.revisions import PEOPLE
from labeling_provider.service.work.passwords import Passwords
from labeling_provider.service.work.people import People, PeopleError, Person, checked_name, known_person

SESSION_SECONDS: Final = 14 * 86_400.0
INVITATION_SECONDS: Final = 7 * 86_400.0
_REMEMBERED_SECONDS: Final = 10.0
"""How long an expired session may go on. One that somebody has ended is over at once, in every process."""
_MAX_REMEMBERED: Final = 10_000
_MAX_NAMES: Final = 100
_NO_INVITATION: Final = "This invitation is no longer valid. Ask for a new one."


class SignIns:
    """Lets people in, and knows who is there.

    On an address that only this machine reaches, a name is enough; elsewhere a person is invited, chooses a password
    once, and signs in with it.
    """

    def __init__(self, database: Database, clock: Clock, people: People, passwords: Passwords) -> None:
        self._database, self._clock, self._people, self._passwords = database, clock, people, passwords
        self._remembered: OrderedDict[str, tuple[float, int, Person]] = OrderedDict()
        self._changing = threading.Lock()

    # Signing in

    @property
    def need_passwords(self) -> bool:
        """Whether people need a password, not only a name."""
        return self._people.passwords

    def sign_in(self, name: str, password: str | None = None, *, address: str = "") -> str:
        """Sign somebody in; without passwords a new name is a new person.

        :param address: the IP address that the person comes from; empty if it is not known.
        :return: the session's token, which only the person's browser may know.
        :raises WrongPassword: if the name or the password is not right.
        :raises TooManyTries: if there were too many of those.
        :raises PeopleError: if nobody can have this name.
        """
        given = checked_name(name)
        if self.need_passwords:
            return self.open_session(self._passwords.person(given, password or "", address))
        with self._database.read() as connection:
            person = people_rows.find_person(connection, given)
        return self.open_session(person or self._people.add(given))

    def names(self) -> list[str]:
        """Names to choose from; none where people need passwords."""
        return [] if self.need_passwords else [person["name"] for person in self._people.list()][:_MAX_NAMES]

    def is_known(self, name: str) -> bool:
        """Whether somebody has a name, in any case."""
        given = people_rows.plain_name(name)
        if not people_rows.is_name(given):
            return False
        with self._database.read() as connection:
            return people_rows.find_person(connection, given) is not None

    # Invitations

    def invite(self, name: str) -> str:
        """Let a person choose a password.

        :return: the token for the invitation's link, which works once, within a week.
        :raises PeopleError: if there is no such person.
        """
        token = secrets.token_urlsafe(24)
        with self._database.write() as connection:
            person = known_person(connection, name)
            people_rows.invite(connection, person.id, _digest(token), self._clock.now() + INVITATION_SECONDS)
        return token

    def invited(self, token: str) -> str | None:
        """The name of the person whom an invitation is for; None if it is not valid."""
        with self._database.read() as connection:
            person = people_rows.invited(connection, _digest(token), self._clock.now())
        return None if person is None else person.name

    def accept_invitation(self, token: str, password: str) -> str:
        """Let an invited person choose a password, and sign the person in; the invitation is used up.

        :return: the session's token.
        :raises PeopleError: if the invitation is not valid, or the password too short or too long.
        """
        self._passwords.check_length(password)
        if self.invited(token) is None:
            raise PeopleError(_NO_INVITATION)
        hashed = self._passwords.hash(password)
        with self._database.write() as connection:
            person = people_rows.choose_password(connection, _digest(token), hashed, self._clock.now())
            if person is not None:
                sign_in_rows.forget_person(connection, people_rows.name_key(person.name))
        if person is None:
            raise PeopleError(_NO_INVITATION)
        return self.open_session(person)

    # Sessions

    def open_session(self, row: PersonRow) -> str:
        """Sign in a person whose identity is proven.

        :return: the session's token.
        """
        token = secrets.token_urlsafe(32)
        self._open(row, token, SESSION_SECONDS)
        return token

    def open_requester_session(self, row: PersonRow, seconds: float) -> str:
        """Sign a person in to the portal and the requester's pages, as far as the person may use them.

        :param seconds: until the end of the session.
        :return: the session's token for the requester's pages; :func:`portal_token` derives the portal's from it.
        """
        token = secrets.token_urlsafe(32)
        self._open(row, portal_token(token), seconds)
        return token

    def of_session(self, token: str) -> Person | None:
        """The person signed in to the portal by a token; None if nobody is, or no longer."""
        person = self._of_session(token)
        return person if person is not None and person.labels else None

    def of_requester_session(self, token: str) -> Person | None:
        """The person signed in to the requester's pages by their token; None if nobody is, or no longer."""
        person = self._of_session(portal_token(token))
        return person if person is not None and person.has_jobs else None

    def sign_out(self, token: str) -> None:
        """End a session."""
        with self._database.write() as connection:
            people_rows.close_session(connection, _digest(token))

    def sign_out_everywhere(self, name: str) -> int:
        """End all sessions of a person; returns how many there were.

        :raises PeopleError: if there is no such person.
        """
        with self._database.write() as connection:
            return people_rows.close_sessions(connection, known_person(connection, name).id)

    def change_settings(self, person: Person, settings: dict[str, Any]) -> None:
        """Keep a person's language and keys."""
        with self._database.write() as connection:
            people_rows.update_settings(connection, person.id, settings)

    # Details

    def _open(self, row: PersonRow, token: str, seconds: float) -> None:
        now = self._clock.now()
        with self._database.write() as connection:
            people_rows.open_session(connection, row.id, _digest(token), now + seconds, now)

    def _of_session(self, token: str) -> Person | None:
        digest, now = _digest(token), time.monotonic()
        with self._changing:
            known = self._remembered.get(digest)
        revision = self._database.revision(PEOPLE)
        if known is not None and known[0] > now and known[1] == revision:
            return known[2]
        with self._database.read() as connection:
            row = people_rows.signed_in(connection, digest, self._clock.now())
            person = None if row is None else self._people.person(connection, row)
        with self._changing:
            self._remembered.pop(digest, None)
            if person is not None:
                self._remembered[digest] = (now + _REMEMBERED_SECONDS, revision, person)
                if len(self._remembered) > _MAX_REMEMBERED:
                    self._remembered.popitem(last=False)
        return person


def portal_token(requester_token: str) -> str:
    """The portal's token of a session, derived from its token for the requester's pages.

    A session has one row, so it ends as a whole. The other token can't be derived from the portal's.
    """
    return hashlib.sha256(b"portal of " + requester_token.encode()).hexdigest()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
