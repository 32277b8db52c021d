"""Passwords of people: how one is kept, and how it is checked without anybody trying them for ever."""

from __future__ import annotations

import secrets
from functools import cached_property
from typing import Any, Final

from labeling_provider.service.database import people_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.people_rows import PersonRow
from labeling_provider.service.work.people import PeopleError
from labeling_provider.service.work.tries import Tries

MIN_PASSWORD_CHARACTERS: Final = 10
MAX_PASSWORD_CHARACTERS: Final = 200


class WrongPassword(PeopleError):
    """Nobody has this name and this password."""

    def __init__(self) -> None:
        super().__init__("Wrong name or password.")


class TooManyTries(PeopleError):
    """No password is checked for this name, or from this address, for now."""

    def __init__(self) -> None:
        super().__init__(
            "There were too many wrong passwords. Try again in a quarter of an hour, or ask for a new invitation."
        )


class Passwords:
    """Hashes passwords, and checks them as often as somebody may try."""

    def __init__(self, database: Database, tries: Tries) -> None:
        self._database, self._tries = database, tries

    @staticmethod
    def check_length(password: str) -> None:
        """Check that somebody may choose a password.

        :raises PeopleError: if it is too short or too long.
        """
        if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
            raise PeopleError(
                f"Choose a password of {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters."
            )

    def hash(self, password: str) -> str:
        """What is kept of a password."""
        return str(self._hasher.hash(password))

    def person(self, name: str, password: str, address: str) -> PersonRow:
        """Whoever has this name and this password.

        :param address: the IP address that the person comes from; empty if it is not known.
        :raises WrongPassword: if nobody has.
        :raises TooManyTries: if there were too many wrong ones.
        """
        with self._database.read() as connection:
            person = people_rows.find_person(connection, name)
            is_allowed = self._tries.is_allowed(connection, name, address)
        # Only counting decides, over all processes and threads.
        if not (is_allowed and self._tries.count(name, address)):
            raise TooManyTries
        person = self._checked(person, password)
        self._tries.clear(name, address)
        return person

    def _checked(self, person: PersonRow | None, password: str) -> PersonRow:
        """Check a password, and take equally long for an unknown name.

        :raises WrongPassword: if it is wrong.
        """
        from argon2.exceptions import InvalidHashError, VerificationError

        # Made at the first try, whoever's it is.
        nobody = self._nobody
        hashed = person.password if person is not None and person.password else nobody
        try:
            self._hasher.verify(hashed, password[: MAX_PASSWORD_CHARACTERS + 1])
        except (VerificationError, InvalidHashError):
            raise WrongPassword from None
        if person is None or person.password is None:
            raise WrongPassword
        return person

    @cached_property
    def _hasher(self) -> Any:
        from argon2 import PasswordHasher

        return PasswordHasher()

    @cached_property
    def _nobody(self) -> str:
        """A hash that matches no password."""
        return str(self._hasher.hash(secrets.token_urlsafe(32)))
