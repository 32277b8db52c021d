"""The people who label in a browser: their names, their workteams and their roles."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from labeling_provider.groundtruth.facts import Arn, cognito_issuer
from labeling_provider.groundtruth.workforce_identity import TeamMember, WorkforceIdentity
from labeling_provider.service.database import (
    erasure_rows,
    lease_rows,
    people_rows,
    workforce_rows,
    workteam_rows,
)
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.erasure_rows import Erasure, Former
from labeling_provider.service.database.job_rows import NameTaken
from labeling_provider.service.database.people_rows import PersonRow
from labeling_provider.service.database.states import Role
from labeling_provider.service.database.workforce_rows import own_user_pool
from labeling_provider.service.work import tasks
from labeling_provider.service.work.requesters import GroupRoles


class PeopleError(Exception):
    """Something about people that can't be done; the text says what, and what to do."""


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
        region: str,
        *,
        passwords: bool,
        roles: GroupRoles = GroupRoles(),  # noqa: B008 - it can't be changed
    ) -> None:
        self._database, self._region, self.passwords, self.roles = database, region, passwords, roles

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
            person = known_person(connection, name)
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
            if erasure := erasure_rows.find(connection, given):
                return erasure
            person = people_rows.find_person(connection, given) or people_rows.find_worker(connection, name)
            if person is not None:
                known = {"name": person.name, "worker_id": person.worker_id, "sub": person.sub}
            else:
                former = self._former(connection, given)
                worker_id = former.worker_id or people_rows.new_worker_id(self._region)
                known = {"name": former.name, "worker_id": worker_id, "sub": ""}
            pseudonym = people_rows.new_worker_id(self._region)
            erasure = erasure_rows.begin(connection, **known, pseudonym=pseudonym)
            put_pseudonym(connection, erasure)
            return erasure

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

    def teams(self, row: PersonRow) -> set[str]:
        """The ARNs of the workteams that a person works for."""
        with self._database.read() as connection:
            return self._teams(connection, row)

    def role_of(self, worker_id: str) -> Role:
        """A person's role, by what the identity provider said at the last sign-in."""
        with self._database.read() as connection:
            row = people_rows.find_worker(connection, worker_id)
            return Role.NOBODY if row is None else self._role(connection, row)

    def person(self, connection: Connection, row: PersonRow) -> Person | None:
        """The person of a row; None for one of an identity provider who may no longer use anything."""
        teams, role = frozenset(self._teams(connection, row)), self._role(connection, row)
        person = Person(row.id, row.name, row.worker_id, teams, row.settings, row.issuer, role)
        return person if person.labels or person.has_jobs else None

    # Details

    def _role(self, connection: Connection, row: PersonRow) -> Role:
        return self.roles.role(row.groups) if _provider_of(connection, row) is not None else Role.WORKER

    def _teams(self, connection: Connection, row: PersonRow) -> set[str]:
        teams = _members_teams(connection, row)
        if not self.passwords and row.issuer is None:
            # Where a name is enough, a workteam without members is open to everybody.
            teams |= workteam_rows.private_arns(connection) - people_rows.teams_with_members(connection)
        return teams

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


def put_pseudonym(connection: Connection, erasure: Erasure) -> bool:
    """Put the pseudonym in place of a person who is being erased in every table.

    Processes lose their leases on running jobs of which the person has tasks: what they have read before may name the
    person, and must not be the last that is written.

    :return: whether there were answers of the person, or tasks that the person has had.
    """
    lease_rows.revoke(connection, lease_rows.has_tasks_of(erasure.worker_id))
    tasks.give_back(connection, erasure.worker_id)
    return erasure_rows.replace(connection, erasure)


def known_person(connection: Connection, name: str) -> PersonRow:
    """The person with a name or a worker id.

    :raises PeopleError: if there is none.
    """
    person = people_rows.find_person(connection, checked_name(name)) or people_rows.find_worker(connection, name)
    if person is None:
        raise PeopleError(f"There is nobody named {name}. `labeling workers list` lists everybody.")
    return person


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
        if user_pool := TeamMember(member).user_pool:
            return {"identityProviderType": "Cognito", "issuer": cognito_issuer(user_pool.id)}
    name = team.settings.get("WorkforceName") if team else None
    row = workforce_rows.find(connection, name) if name else None
    if row and (issuer := WorkforceIdentity(row.identity).issuer) is not None:
        return {"identityProviderType": "Oidc", "issuer": issuer}
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
        for team in workteam_rows.all_workteams(connection)
        if team.settings.get("WorkforceName") == workforce.name
        for member in team.members
        if not row.groups.isdisjoint(TeamMember(member).provider_groups)
    }


def _provider_of(connection: Connection, row: PersonRow) -> workforce_rows.WorkforceRow | None:
    """The workforce with the identity provider that a person comes from; None if it no longer has that provider."""
    workforce = workforce_rows.of_openid(connection) if row.issuer is not None else None
    is_same = workforce is not None and WorkforceIdentity(workforce.identity).issuer == row.issuer
    return workforce if is_same else None


def _team(connection: Connection, name: str) -> str:
    row = workteam_rows.find(connection, name)
    if row is None:
        raise PeopleError(f"There is no workteam {name}. `labeling workers new-team {name}` creates it.")
    return row.arn
