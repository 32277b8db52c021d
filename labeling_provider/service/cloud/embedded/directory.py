"""Cognito in this process, based on moto: user pools with their clients, groups and users.

Who the people are and which workteams they are in is in the database. The pools, clients and groups that workforces and
workteams name are made from it before each request, with their people in them; what the request changes in these
groups is stored after it. Whoever is disabled in a pool is in none of its workteams. All else is in memory only: other
pools and groups, passwords and attributes.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from labeling_provider.groundtruth.facts import WorkforceKind, workforce_kind
from labeling_provider.groundtruth.workforce_identity import TeamMember, UserGroup, UserPool, WorkforceIdentity
from labeling_provider.service.cloud.embedded import pool_tags
from labeling_provider.service.cloud.identity import Identity, Staff
from labeling_provider.service.cloud.offered import Call, ServiceResponse
from labeling_provider.service.database import people_rows, workforce_rows, workteam_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.workteam_rows import WorkteamRow
from labeling_provider.service.failures import ApiError

ANYBODY: Final = Identity("anybody", str(uuid.uuid5(uuid.NAMESPACE_DNS, "anybody.labeling.local")))
"""A stand-in for the members of a workteam that is open to everybody, so that its group is not empty."""

_ENDING: Final = frozenset({"AdminDisableUser", "AdminDeleteUser", "AdminUserGlobalSignOut"})
"""Operations that end a user's sessions."""

_Members = dict[str, dict[str, str]]
"""Names by sub, by the ARN of a workteam."""


class EmbeddedDirectory:
    """The user pools of one account in one region.

    :param database: says who the people are.
    :param staff: who else works in workteams.
    """

    def __init__(self, database: Database, account: str, region: str, staff: Staff) -> None:
        from moto.cognitoidp import models

        self._database, self._models, self._account, self._region = database, models, account, region
        self._simulated, self._is_open = staff
        self._backend: Any = models.cognitoidp_backends[account][region]
        self._changing = threading.Lock()

    @contextmanager
    def in_step(self, call: Call) -> Iterator[None]:
        """Let the block answer a request from the state in the database, and store what it changes.

        :raises ApiError: if the request is for a user whose name can't be a person's.
        :raises DatabaseError: if the changes can't be stored; the next request undoes them in moto.
        """
        _check_name(call)
        with self._changing:
            with self._database.read() as connection:
                teams = self._recall(connection)
                if call.operation == "AdminAddUserToGroup":
                    # A person who is in a group only because the workteam is everybody's can still become a member.
                    teams = self._recall(connection, is_open=False)
            before, ended = self._members(teams), self._ended(call)
            yield
            after = self._members(teams)
            if before != after or ended:
                with self._database.write() as connection:
                    for arn, members in after.items():
                        self._enter(connection, arn, members, before[arn].keys() - members.keys(), before[arn])
                    for person in people_rows.list_people(connection, only_by_name=True) if ended else ():
                        if person.sub == ended:
                            people_rows.close_sessions(connection, person.id)

    @contextmanager
    def following(self, arn: str) -> Iterator[None]:
        """Make the members of its groups the people of a workteam, after the block has created or changed it."""
        with self._changing:
            with self._database.read() as connection:
                self._recall(connection)
                row = workteam_rows.find_workteam_by_arn(connection, arn)
            before = self._in_groups(row.members) if row else {}
            yield
            with self._database.write() as connection:
                row = workteam_rows.find_workteam_by_arn(connection, arn)
                after = self._in_groups(row.members) if row else {}
                self._enter(connection, arn, after, before.keys() - after.keys(), before)

    def tagging(self, call: Call) -> ServiceResponse:
        """Answer one of :data:`.pool_tags.OPERATIONS`, within :meth:`in_step`.

        :raises ApiError: if the request is invalid.
        """
        return pool_tags.answered(self._backend.user_pools, call, _request(call))

    def _enter(
        self, connection: Connection, arn: str, members: Mapping[str, str], left: set[str], before: Mapping[str, str]
    ) -> None:
        own = {ANYBODY.sub, *(worker.sub for worker in self._simulated.get(arn, ()))}
        known = {person.sub: person for person in people_rows.list_people(connection, only_by_name=True)}
        for sub in left & known.keys():
            people_rows.leave(connection, known[sub].id, arn)
        for sub, name in members.items():
            if sub in own or sub in before:
                continue
            person = known.get(sub) or people_rows.find_person(connection, name)
            if person is None:
                worker_id = people_rows.new_worker_id(self._region)
                person = people_rows.insert_person(connection, name=name, worker_id=worker_id, sub=sub)
            people_rows.join(connection, person.id, arn)

    # What the database says, in moto

    def _recall(self, connection: Connection, *, is_open: bool = True) -> list[WorkteamRow]:
        """Load the state in the database into moto.

        :param is_open: whether a workteam may be everybody's.
        :return: the workteams whose people are in user pools.
        """
        for workforce in workforce_rows.all_workforces(connection):
            if user_pool := WorkforceIdentity(workforce.identity).user_pool:
                self._client(user_pool)
        everybody = [
            Identity(person.name, person.sub) for person in people_rows.list_people(connection, only_by_name=True)
        ]
        teams: list[WorkteamRow] = []
        wanted: dict[Any, set[Any]] = {}
        for team in workteam_rows.all_workteams(connection):
            groups = _groups(team.members)
            if not groups or workforce_kind(team.arn) != WorkforceKind.PRIVATE:
                continue
            teams.append(team)
            members = [
                Identity(person.name, person.sub)
                for person in people_rows.list_people(connection, team.arn, only_by_name=True)
            ]
            members += self._simulated.get(team.arn, ())
            pool, alive = self._client(groups[0].user_pool), [self._group(group) for group in groups]
            for user in self._users(pool, members):
                # A disabled user has left; this is a person of that name who was added here since.
                user.enabled = True
            if not members and self._is_open and is_open:
                members = [*everybody, ANYBODY]
            for group in alive:
                wanted.setdefault(group, set())
            for user in self._users(pool, members):
                for group in [group for group in alive if user in group.users] or alive[:1]:
                    wanted[group].add(user)
        for group, users in wanted.items():
            self._fill(group, users)
        return teams

    def _fill(self, group: Any, users: set[Any]) -> None:
        """Set the users of a group to these, plus those who are disabled."""
        users |= {user for user in group.users if not user.enabled}
        for user in group.users - users:
            user.groups.discard(group)
            if user.id == ANYBODY.sub and not user.groups:
                del self._backend.user_pools[group.user_pool_id].users[user.username]
        for user in users - group.users:
            user.groups.add(group)
        group.users = users

    def _pool(self, pool_id: str) -> Any:
        pool = self._backend.user_pools.get(pool_id)
        if pool is None:
            pool = self._models.CognitoIdpUserPool(self._account, self._region, pool_id, {})
            pool.arn = pool.arn.replace(pool.id, pool_id)
            pool.id = pool_id
            self._backend.user_pools[pool_id] = pool
        return pool

    def _client(self, user_pool: UserPool) -> Any:
        """A pool with its client."""
        pool, client_id = self._pool(user_pool.id), user_pool.client
        if client_id not in pool.clients:
            client = self._models.CognitoIdpUserPoolClient(pool.id, False, {"ClientName": client_id})
            client.id = client_id
            pool.clients[client_id] = client
        return pool

    def _group(self, group: UserGroup) -> Any:
        pool, name = self._client(group.user_pool), group.name
        if name not in pool.groups:
            pool.groups[name] = self._models.CognitoIdpGroup(pool.id, name, None, None, None)
        return pool.groups[name]

    def _users(self, pool: Any, members: Sequence[Identity]) -> Iterator[Any]:
        """The users of a pool that stand for these people."""
        by_sub = {user.id: user for user in pool.users.values()}
        by_name = {_name(pool, user).casefold(): user for user in pool.users.values()}
        named = pool.extended_config.get("UsernameAttributes")
        for member in members:
            user = by_sub.get(member.sub) or by_name.get(member.name.casefold())
            if user is None:
                attributes = [{"Name": named[0] if named else "name", "Value": member.name}]
                username = member.sub if named else member.name
                user = self._models.CognitoIdpUser(pool.id, username, None, "CONFIRMED", attributes)
                pool.users[user.username] = user
            if user.id != member.sub:
                user.id = member.sub
                user.update_attributes([{"Name": "sub", "Value": member.sub}])
            yield user

    # What moto says

    def _members(self, teams: Sequence[WorkteamRow]) -> _Members:
        return {team.arn: self._in_groups(team.members) for team in teams}

    def _in_groups(self, definitions: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Names by sub of the people in groups."""
        names: dict[str, str] = {}
        for group in _groups(definitions):
            pool = self._backend.user_pools.get(group.user_pool.id)
            present = pool.groups.get(group.name) if pool else None
            names |= {user.id: _name(pool, user) for user in (present.users if present else ()) if user.enabled}
        return names

    def _ended(self, call: Call) -> str | None:
        """The sub of the user whose sessions a request ends; None if it ends none."""
        request = _request(call) if call.operation in _ENDING else {}
        pool = self._backend.user_pools.get(str(request.get("UserPoolId")))
        user = pool and pool._get_user(str(request.get("Username")))
        return user.id if user else None


def _groups(definitions: Sequence[Mapping[str, Any]]) -> list[UserGroup]:
    return [group for definition in definitions if (group := TeamMember(definition).group)]


def _name(pool: Any, user: Any) -> str:
    """The name that a user signs in with, as a person's name is kept."""
    named = pool.extended_config.get("UsernameAttributes") or ()
    given = (user.attribute_lookup.get(attribute) for attribute in named)
    return people_rows.plain_name(str(next(filter(None, given), user.username)))


def _check_name(call: Call) -> None:
    """:raises ApiError: if a request makes a user whose name can't be a person's."""
    if call.operation not in {"AdminCreateUser", "SignUp"}:
        return
    name = _request(call).get("Username")
    if not isinstance(name, str) or not people_rows.is_name(people_rows.plain_name(name)):
        message = f"Username must have 1 to {people_rows.MAX_NAME_CHARACTERS} characters, all of them visible."
        raise ApiError("InvalidParameterException", message)


def _request(call: Call) -> dict[str, Any]:
    """A request's members.

    :raises ApiError: if it is not JSON.
    """
    try:
        request = json.load(call.body)
    except (ValueError, RecursionError):
        raise ApiError("SerializationException", "The body is not JSON.") from None
    finally:
        call.body.seek(0)
    return request if isinstance(request, dict) else {}
