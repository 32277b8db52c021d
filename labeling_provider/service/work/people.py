"""The people who label in a browser: their names, their workteams, and how they sign in.

On an address that only this machine reaches, a name is enough; elsewhere a person is invited, chooses a password once,
and signs in with it.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from labeling_provider.groundtruth.facts import Arn, cognito_issuer
from labeling_provider.service.clock import Clock
from labeling_provider.service.database import (
    erasure_rows,
    lease_rows,
    people_rows,
    sign_in_rows,
    workforce_rows,
    workteam_rows,
)
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.erasure_rows import Erasure, Former
from labeling_provider.service.database.job_rows import NameTaken
from labeling_provider.service.database.people_rows import PersonRow
from labeling_provider.service.database.revisions import PEOPLE
from labeling_provider.service.database.states import Role
from labeling_provider.service.database.workforce_rows import own_user_pool
from labeling_provider.service.work import tasks
from labeling_provider.service.work.requesters import GroupRoles
from labeling_provider.service.work.tries import Tries

MIN_PASSWORD_CHARACTERS: Final = 10
MAX_PASSWORD_CHARACTERS: Final = 200
SESSION_SECONDS: Final = 14 * 86_400.0
INVITATION_SECONDS: Final = 7 * 86_400.0
_REMEMBERED_SECONDS: Final = 10.0
"""How long an expired session may go on. One that somebody has ended is over at once, in every process."""
_MAX_REMEMBERED: Final = 10_000


class PeopleError(Exception):
    """Something about people that can't be done; the text says what, and what to do."""


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


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in.

    :param worker_id: as in Amazon's output.
    :param teams: ARNs of the workteams that the person works for.
    :param settings: language and keys of the pages.
    :param issuer: the identity provider that the person comes from; None for a person known only here.
    :param role: the person's role, by the groups of the identity provider.
    """

    id: int
    name: str
    worker_id: str
    teams: frozenset[str]
    settings: dict[str, Any]
    issuer: str | None = None
    role: Role = Role.WORKER

    @property
    def labels(self) -> bool:
        """Whether the person may use the worker portal; people of an identity provider need a workteam for that."""
        return self.issuer is None or bool(self.teams)

    @property
    def has_jobs(self) -> bool:
        """Whether the person may use the requester's pages."""
        return self.role in {Role.REQUESTER, Role.ADMINISTRATOR}


class People:
    """Everybody who labels in a browser or signs in with the identity provider.

    :param passwords: whether people need a password, not only a name.
    :param roles: the roles that groups of the identity provider give their people.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        region: str,
        *,
        passwords: bool,
        roles: GroupRoles = GroupRoles(),  # noqa: B008 - it can't be changed
    ) -> None:
        self._database, self._clock, self._region, self.passwords = database, clock, region, passwords
        self.roles = roles
        self._remembered: OrderedDict[str, tuple[float, int, Person]] = OrderedDict()
        self._tries = Tries(database, clock)
        self._changing = threading.Lock()

    # Signing in

    def sign_in(self, name: str, password: str | None = None, *, address: str = "") -> str:
        """Sign somebody in; without passwords a new name is a new person.

        :param address: the IP address that the person comes from; empty if it is not known.
        :return: the session's token, which only the person's browser may know.
        :raises WrongPassword: if the name or the password is not right.
        :raises TooManyTries: if there were too many of those.
        :raises PeopleError: if nobody can have this name.
        """
        given = checked_name(name)
        with self._database.read() as connection:
            person = people_rows.find_person(connection, given)
            is_allowed = not self.passwords or self._tries.is_allowed(connection, given, address)
        if self.passwords:
            # Only counting decides, over all processes and threads.
            if not (is_allowed and self._tries.count(given, address)):
                raise TooManyTries
            person = self._checked(person, password or "")
            self._tries.clear(given, address)
        elif person is None:
            person = self.add(given)
        return self.open_session(person)

    def accept_invitation(self, token: str, password: str) -> str:
        """Let an invited person choose a password, and sign the person in; the invitation is used up.

        :return: the session's token.
        :raises PeopleError: if the invitation is not valid, or the password too short or too long.
        """
        if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
            raise PeopleError(
                f"Choose a password of {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters."
            )
        if self.invited(token) is None:
            raise PeopleError("This invitation is no longer valid. Ask for a new one.")
        hashed = self._hasher.hash(password)
        with self._database.write() as connection:
            person = people_rows.choose_password(connection, _digest(token), hashed, self._clock.now())
            if person is not None:
                sign_in_rows.forget_person(connection, people_rows.name_key(person.name))
        if person is None:
            raise PeopleError("This invitation is no longer valid. Ask for a new one.")
        return self.open_session(person)

    def invited(self, token: str) -> str | None:
        """The name of the person whom an invitation is for; None if it is not valid."""
        with self._database.read() as connection:
            person = people_rows.invited(connection, _digest(token), self._clock.now())
        return None if person is None else person.name

    def is_known(self, name: str) -> bool:
        """Whether somebody has a name, in any case."""
        given = people_rows.plain_name(name)
        if not people_rows.is_name(given):
            return False
        with self._database.read() as connection:
            return people_rows.find_person(connection, given) is not None

    def of_session(self, token: str) -> Person | None:
        """The person signed in to the portal by a token; None if nobody is, or no longer."""
        person = self._of_session(token)
        return person if person is not None and person.labels else None

    def of_requester_session(self, token: str) -> Person | None:
        """The person signed in to the requester's pages by their token; None if nobody is, or no longer."""
        person = self._of_session(portal_token(token))
        return person if person is not None and person.has_jobs else None

    def _of_session(self, token: str) -> Person | None:
        digest, now = _digest(token), time.monotonic()
        with self._changing:
            known = self._remembered.get(digest)
        revision = self._database.revision(PEOPLE)
        if known is not None and known[0] > now and known[1] == revision:
            return known[2]
        with self._database.read() as connection:
            row = people_rows.signed_in(connection, digest, self._clock.now())
            person = None if row is None else self._person(connection, row)
        with self._changing:
            self._remembered.pop(digest, None)
            if person is not None:
                self._remembered[digest] = (now + _REMEMBERED_SECONDS, revision, person)
                if len(self._remembered) > _MAX_REMEMBERED:
                    self._remembered.popitem(last=False)
        return person

    def sign_out(self, token: str) -> None:
        """End a session."""
        with self._database.write() as connection:
            people_rows.close_session(connection, _digest(token))

    def sign_out_everywhere(self, name: str) -> int:
        """End all sessions of a person; returns how many there were.

        :raises PeopleError: if there is no such person.
        """
        with self._database.write() as connection:
            return people_rows.close_sessions(connection, self._known(connection, name).id)

    # The list of people

    def add(self, name: str, team: str | None = None) -> PersonRow:
        """Add a person, or put a known person into a workteam.

        :param team: name of a workteam.
        :raises PeopleError: if there is no such workteam, or no person can have such a name.
        """
        given = checked_name(name)
        with self._database.write() as connection:
            arn = None if team is None else _team(connection, team)
            person = people_rows.find_person(connection, given)
            if person is None:
                try:
                    worker_id = people_rows.new_worker_id(self._region)
                    person = people_rows.insert_person(
                        connection, name=given, worker_id=worker_id, sub=str(uuid.uuid4())
                    )
                except NameTaken:
                    person = people_rows.find_person(connection, given)
            if person is None:
                raise PeopleError(f"{given} was removed at the same moment. Try again.")
            if arn is not None:
                people_rows.join(connection, person.id, arn)
        return person

    def remove(self, name: str, team: str | None = None) -> None:
        """Take a person out of a workteam; without one, forget the person altogether. What was answered stays.

        :raises PeopleError: if there is no such person or workteam.
        """
        with self._database.write() as connection:
            person = self._known(connection, name)
            if team is None:
                people_rows.delete_person(connection, person.id)
            elif not people_rows.leave(connection, person.id, _team(connection, team)):
                raise PeopleError(f"{person.name} is not in the workteam {team}.")

    def erase(self, name: str) -> Erasure:
        """Put a pseudonym in place of a person in every table, or go on with that, and remember it until it is done.

        The person may have been removed before. Who else has the same name is not erased.

        :param name: the person's name or worker id.
        :return: what may still be in files, until :func:`.erasure_rows.end` is called.
        :raises PeopleError: if there is no such person, or several were removed who had this name.
        """
        given = checked_name(name)
        with self._database.write() as connection:
            # Somebody with the same name may have come since it began.
            if begun := erasure_rows.find(connection, given):
                return begun
            person = people_rows.find_person(connection, given) or people_rows.find_worker(connection, name)
            if person is not None:
                known = {"name": person.name, "worker_id": person.worker_id, "sub": person.sub}
            else:
                former = self._former(connection, given)
                worker_id = former.worker_id or people_rows.new_worker_id(self._region)
                known = {"name": former.name, "worker_id": worker_id, "sub": ""}
            pseudonym = people_rows.new_worker_id(self._region)
            begun = erasure_rows.begin(connection, **known, pseudonym=pseudonym)
            put_pseudonym(connection, begun)
            return begun

    def invite(self, name: str) -> str:
        """Let a person choose a password.

        :return: the token for the invitation's link, which works once, within a week.
        :raises PeopleError: if there is no such person.
        """
        token = secrets.token_urlsafe(24)
        with self._database.write() as connection:
            person = self._known(connection, name)
            people_rows.invite(connection, person.id, _digest(token), self._clock.now() + INVITATION_SECONDS)
        return token

    def list(self, team: str | None = None) -> list[dict[str, Any]]:
        """Everybody, or the members of a workteam: name, worker id, workteams, and whether a password was chosen.

        :raises PeopleError: if there is no such workteam.
        """
        with self._database.read() as connection:
            arn = None if team is None else _team(connection, team)
            return [
                {
                    "name": person.name,
                    "worker_id": person.worker_id,
                    "workteams": sorted(arn.rsplit("/", 1)[1] for arn in teams),
                    "has_password": person.password is not None,
                    "issuer": person.issuer,
                    "role": self._role(connection, person),
                }
                for person in people_rows.list_people(connection)
                for teams in (_members_teams(connection, person),)
                if arn is None or arn in teams
            ]

    def change_settings(self, person: Person, settings: dict[str, Any]) -> None:
        """Keep a person's language and keys."""
        with self._database.write() as connection:
            people_rows.update_settings(connection, person.id, settings)

    def teams(self, row: PersonRow) -> set[str]:
        """The ARNs of the workteams that a person works for."""
        with self._database.read() as connection:
            return self._teams(connection, row)

    def role_of(self, worker_id: str) -> Role:
        """A person's role, by what the identity provider said at the last sign-in."""
        with self._database.read() as connection:
            row = people_rows.find_worker(connection, worker_id)
            return Role.NOBODY if row is None else self._role(connection, row)

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

    def _open(self, row: PersonRow, token: str, seconds: float) -> None:
        now = self._clock.now()
        with self._database.write() as connection:
            people_rows.open_session(connection, row.id, _digest(token), now + seconds, now)

    # Details

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

    def _person(self, connection: Connection, row: PersonRow) -> Person | None:
        """The person of a row; None for one of an identity provider who may no longer use anything."""
        teams, role = frozenset(self._teams(connection, row)), self._role(connection, row)
        person = Person(row.id, row.name, row.worker_id, teams, row.settings, row.issuer, role)
        return person if person.labels or person.has_jobs else None

    def _role(self, connection: Connection, row: PersonRow) -> Role:
        return self.roles.role(row.groups) if _provider_of(connection, row) is not None else Role.WORKER

    def _teams(self, connection: Connection, row: PersonRow) -> set[str]:
        teams = _members_teams(connection, row)
        if not self.passwords and row.issuer is None:
            # Where a name is enough, a workteam without members is open to everybody.
            teams |= workteam_rows.private_arns(connection) - people_rows.teams_with_members(connection)
        return teams

    @staticmethod
    def _known(connection: Connection, name: str) -> PersonRow:
        """The person with a name or a worker id.

        :raises PeopleError: if there is none.
        """
        person = people_rows.find_person(connection, checked_name(name)) or people_rows.find_worker(connection, name)
        if person is None:
            raise PeopleError(f"There is nobody named {name}. `labeling workers list` lists everybody.")
        return person

    @staticmethod
    def _former(connection: Connection, name: str) -> Former:
        """A person who was removed.

        :raises PeopleError: if nothing is known of one, or there were several.
        """
        known = erasure_rows.former(connection, name)
        if not known:
            raise PeopleError(
                f"There is nobody named {name}, and no record of that name. `labeling workers list` lists "
                "everybody. If the person was removed long ago, give the worker id, as in the files of worker-response."
            )
        if len(known) > 1:
            ids = ", ".join(former.worker_id for former in known)
            raise PeopleError(f"Several people were called {name}: erase each by the worker id: {ids}.")
        return known[0]


def put_pseudonym(connection: Connection, begun: Erasure) -> bool:
    """Put the pseudonym in place of a person who is being erased in every table.

    Processes lose their leases on running jobs of which the person has tasks: what they have read before may name the
    person, and must not be the last that is written.

    :return: whether there were answers of the person, or tasks that the person has had.
    """
    lease_rows.revoke(connection, lease_rows.has_tasks_of(begun.worker_id))
    tasks.give_back(connection, begun.worker_id)
    return erasure_rows.replace(connection, begun)


def checked_name(name: str) -> str:
    """A person's name as it is stored: normalized, without spaces around it.

    :raises PeopleError: if it is empty, too long, or has characters that can't be seen.
    """
    given = people_rows.plain_name(name)
    if not people_rows.is_name(given):
        raise PeopleError(f"A name must have 1 to {people_rows.MAX_NAME_CHARACTERS} characters, all of them visible.")
    return given


def identities(connection: Connection, worker_ids: Collection[str]) -> dict[str, str]:
    """The identity at the identity provider behind each worker id that is a person's."""
    return people_rows.subs(connection, worker_ids)


def identity_provider(connection: Connection, workteam_arn: str) -> dict[str, str]:
    """Where the people of a workteam sign in, as worker responses state it.

    Source: developer guide, "Labeling job output data", "Worker metadata".
    """
    team = workteam_rows.find_workteam_by_arn(connection, workteam_arn)
    members = team.members if team else []
    for member in members:
        if "CognitoMemberDefinition" in member:
            issuer = cognito_issuer(member["CognitoMemberDefinition"]["UserPool"])
            return {"identityProviderType": "Cognito", "issuer": issuer}
    name = team.settings.get("WorkforceName") if team else None
    row = workforce_rows.find(connection, name) if name else None
    if row and "OidcConfig" in row.identity:
        return {"identityProviderType": "Oidc", "issuer": row.identity["OidcConfig"]["Issuer"]}
    region = Arn.parse(workteam_arn).region
    return {"identityProviderType": "Cognito", "issuer": cognito_issuer(own_user_pool(region))}


def _members_teams(connection: Connection, row: PersonRow) -> set[str]:
    """ARNs of the workteams that somebody was put into, or belongs to by the groups of the identity provider."""
    teams = people_rows.teams_of(connection, row.id)
    workforce = _provider_of(connection, row)
    if workforce is None:
        return teams
    return teams | {
        team.arn
        for team in workteam_rows.every_workteam(connection)
        if team.settings.get("WorkforceName") == workforce.name
        for member in team.members
        if not row.groups.isdisjoint(member.get("OidcMemberDefinition", {}).get("Groups", ()))
    }


def _provider_of(connection: Connection, row: PersonRow) -> workforce_rows.WorkforceRow | None:
    """The workforce with the identity provider that a person comes from; None if it no longer has that provider."""
    workforce = workforce_rows.of_openid(connection) if row.issuer is not None else None
    is_same = workforce is not None and workforce.identity["OidcConfig"]["Issuer"] == row.issuer
    return workforce if is_same else None


def portal_token(requester_token: str) -> str:
    """The portal's token of a session, derived from its token for the requester's pages.

    A session has one row, so it ends as a whole. The other token can't be derived from the portal's.
    """
    return hashlib.sha256(b"portal of " + requester_token.encode()).hexdigest()


def _team(connection: Connection, name: str) -> str:
    row = workteam_rows.find_workteam(connection, name)
    if row is None:
        raise PeopleError(f"There is no workteam {name}. `labeling workers new-team {name}` creates it.")
    return row.arn


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
