"""Requesters: who may have labeling jobs, with which rights, and the API keys with which they sign.

A key is an access key id and a secret access key, like Amazon's. Checking a signature needs the secret, so it is stored
encrypted, not hashed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from shlex import quote
from types import MappingProxyType
from typing import Any, Final

from labeling_provider.groundtruth.facts import bucket_arn
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.sealing import SETTING, Seal
from labeling_provider.service.database import key_rows, people_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.key_rows import KeyRow
from labeling_provider.service.database.people_rows import is_name, plain_name
from labeling_provider.service.database.states import Role

KEY_PREFIX: Final = "LABK"
ROTATION_SECONDS: Final = 86_400.0
"""How long a replaced key stays valid."""
MAX_KEYS: Final = 1_000
"""Most keys that the administrator may create."""
MAX_OWN_KEYS: Final = 10
"""Most keys that a person of the identity provider may have."""
MAX_NARROWED: Final = 50
_MAX_CHARACTERS: Final = 256
_PURPOSE: Final = "api key"
_IS_OWN: Final = "is_own"
"""Mark in the scope of a key that a person of the identity provider has created for their own use."""
_USED_SECONDS: Final = 60.0
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Right(StrEnum):
    """What a key may do."""

    CREATE = "create"
    READ = "read"
    STOP = "stop"


@dataclass(frozen=True)
class GroupRoles:
    """The roles that groups of the identity provider give their people: workers, unless one of these says more.

    :param buckets: others' buckets that all these people may use as well.
    :param key_seconds: how long the keys are valid that people create for themselves.
    """

    requesters: frozenset[str] = frozenset()
    administrators: frozenset[str] = frozenset()
    buckets: frozenset[str] = frozenset()
    key_seconds: float = 90 * 86_400.0

    def role(self, groups: Collection[str]) -> Role:
        """The role of a person in some groups, the highest if there are several."""
        if not self.administrators.isdisjoint(groups):
            return Role.ADMINISTRATOR
        return Role.WORKER if self.requesters.isdisjoint(groups) else Role.REQUESTER

    @property
    def are_there(self) -> bool:
        """Whether any group gives more than the role of a worker."""
        return bool(self.requesters or self.administrators)


RoleOf = Callable[[str], Role]


class KeysError(Exception):
    """Something about keys that can't be done; the text says what, and what to do."""


@dataclass(frozen=True)
class Requester:
    """The caller of the API.

    :param teams: names of the only workteams whose jobs the key covers; empty for all.
    :param tags: tags that each job must have.
    :param buckets: others' buckets that may be used as well.
    """

    name: str
    role: Role = Role.REQUESTER
    rights: frozenset[Right] = frozenset(Right)
    teams: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    buckets: frozenset[str] = frozenset()

    @property
    def is_administrator(self) -> bool:
        """Whether everything is allowed."""
        return self.role == Role.ADMINISTRATOR

    def covers(self, workteam_arn: str, tags: Mapping[str, str]) -> bool:
        """Whether the key covers a job with this workteam and these tags."""
        in_team = not self.teams or workteam_arn.rpartition("/")[2] in self.teams
        return in_team and all(tags.get(name) == value for name, value in self.tags.items())

    def lacks(self, arns: Collection[str]) -> str:
        """Say that something belongs to others, and how the administrator can share a bucket.

        :param arns: at least one.
        """
        others = min(arns)
        sentence = f"{others} is not {self.name}'s."
        bucket = others.removeprefix(bucket_arn(""))
        if bucket == others:
            return sentence
        # Whoever copies the command must not run what somebody has called a bucket.
        name, bucket = quote(self.name), quote(bucket)
        return (
            f"{sentence} The administrator can make a key that may use the bucket, `labeling keys add {name} --bucket "
            f"{bucket}`, or share it with all people of the identity provider who are requesters: --requester-bucket "
            f"{bucket}."
        )

    def owns(self, connection: Connection, arn: str) -> bool:
        """Whether something is the requester's own."""
        return self.is_administrator or key_rows.owner(connection, arn) == self.name


ADMINISTRATOR: Final = Requester("administrator", Role.ADMINISTRATOR)


class ApiKeys:
    """The keys of requesters.

    A key that a person of an identity provider has created is valid only as long as the person has the role for it.

    :param seal: encrypts their secrets.
    :param roles: what people of the identity provider may do.
    :param role_of: returns the present role of the person with a worker id.
    """

    def __init__(
        self,
        database: Database,
        seal: Seal,
        clock: Clock,
        roles: GroupRoles | None = None,
        role_of: RoleOf = lambda _: Role.NOBODY,
    ) -> None:
        self._database, self._seal, self._clock = database, seal, clock
        self._roles, self._role_of = roles or GroupRoles(), role_of
        self._used: dict[str, float] = {}

    def find(self, access_key_id: str) -> tuple[Requester, str] | None:
        """The owner of a key, and its secret; None if there is no such key, or it is no longer valid.

        :raises Unreadable: if it can't be decrypted.
        """
        if not access_key_id.startswith(KEY_PREFIX):
            return None
        with self._database.read() as connection:
            row = key_rows.find_key(connection, access_key_id)
        at = self._clock.now()
        if row is None or (row.expires is not None and row.expires <= at):
            return None
        needed = _role(row)
        if row.scope.get(_IS_OWN) and self._role_of(row.requester) not in {needed, Role.ADMINISTRATOR}:
            return None
        return self._requester(row, needed), self._seal.unseal(row.secret, _PURPOSE)

    def check_seal(self) -> None:
        """Check that the secret of the newest key can be decrypted, if there are keys.

        :raises Unreadable: if it can't.
        """
        with self._database.read() as connection:
            sealed = key_rows.latest_secret(connection)
        if sealed is not None:
            self._seal.unseal(sealed, _PURPOSE)

    def was_used(self, access_key_id: str) -> None:
        """Note that a request was signed with a key; stored once a minute."""
        at = self._clock.now()
        if self._used.get(access_key_id, 0.0) < at - _USED_SECONDS:
            self._used[access_key_id] = at
            with self._database.write() as connection:
                key_rows.was_used(connection, access_key_id, at)

    def add(self, requester: str, scope: Mapping[str, Any]) -> dict[str, str]:
        """Create a key.

        :param scope: ``rights``, ``teams``, ``tags`` and ``buckets``, all optional.
        :return: ``access_key_id`` and ``secret_access_key``, which is shown only once.
        :raises KeysError: if an argument is wrong.
        """
        name = plain_name(requester)
        if not is_name(name) or name == ADMINISTRATOR.name:
            raise KeysError("The name of a requester must have 1 to 64 characters, all of them visible.")
        return self._make(name, _checked(scope))

    def add_own(self, worker_id: str, role: Role, scope: Mapping[str, Any]) -> dict[str, str]:
        """Create a key for a person of the identity provider, at the person's request.

        :param role: the person's role.
        :param scope: ``rights``, ``teams`` and ``tags``; and ``is_administrator`` for a key that may do everything.
        :return: ``access_key_id`` and ``secret_access_key``, which is shown only once.
        :raises KeysError: if an argument is wrong, or the person has too many keys.
        """
        is_administrator = bool(scope.get("is_administrator"))
        if is_administrator and role is not Role.ADMINISTRATOR:
            raise KeysError("Only an administrator has keys that may do everything.")
        # Only the administrator grants others' buckets.
        own = {**_checked({**scope, "buckets": []}), _IS_OWN: True, "is_administrator": is_administrator}
        return self._make(worker_id, own)

    def rotate(self, access_key_id: str, whose: str | None = None) -> dict[str, str]:
        """Create a key with the same rights; the old one stays valid for one more day.

        :param whose: the only requester whose key it may be; None for anybody's.
        :raises KeysError: if there is no such key.
        """
        with self._database.read() as connection:
            row = key_rows.find_key(connection, access_key_id)
        if row is None or whose not in {None, row.requester}:
            raise _no_key(access_key_id)
        if whose is not None and (row.expires is not None and row.expires <= self._clock.now()):
            raise KeysError("This key is no longer valid: create another one.")
        return self._make(row.requester, row.scope, replaced=access_key_id)

    def remove(self, access_key_id: str, whose: str | None = None) -> None:
        """Make a key invalid, at once.

        :param whose: the only requester whose key it may be; None for anybody's.
        :raises KeysError: if there is no such key.
        """
        with self._database.write() as connection:
            if not key_rows.delete_key(connection, access_key_id, whose):
                raise _no_key(access_key_id)

    def list(self, whose: str | None = None) -> list[dict[str, Any]]:
        """All keys, or those of a requester, without their secrets."""
        with self._database.read() as connection:
            rows = key_rows.list_keys(connection, whose)
        return [
            {
                "access_key_id": row.access_key_id,
                "requester": row.requester,
                **row.scope,
                "created": row.created,
                "expires": row.expires,
                "last_used": row.last_used,
            }
            for row in rows
        ]

    def _make(self, requester: str, scope: dict[str, Any], replaced: str | None = None) -> dict[str, str]:
        if not self._seal.is_closed:
            raise KeysError(
                "Keys are for a service that demands credentials, and their secrets are stored encrypted: start it "
                f"with LABELING_LOCAL_ACCESS_KEY_ID, LABELING_LOCAL_SECRET_ACCESS_KEY and {SETTING}."
            )
        key_id = KEY_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(16))
        secret = secrets.token_urlsafe(30)
        now = self._clock.now()
        with self._database.write() as connection:
            expires = None
            key_rows.forget_expired(connection, now)
            if scope.get(_IS_OWN):
                # A person who is being removed is removed before this, or together with this key.
                if not people_rows.hold(connection, requester):
                    raise KeysError("You are no longer known here. Sign in again.")
                expires = now + self._roles.key_seconds
                if len(key_rows.list_keys(connection, requester)) >= MAX_OWN_KEYS:
                    raise KeysError(f"You have {MAX_OWN_KEYS} keys already: remove some.")
            elif sum(not row.scope.get(_IS_OWN) for row in key_rows.list_keys(connection)) >= MAX_KEYS:
                raise KeysError(f"There are {MAX_KEYS:,} keys already: remove some.")
            sealed = self._seal.seal(secret, _PURPOSE)
            key_rows.insert_key(
                connection, access_key_id=key_id, requester=requester, secret=sealed, scope=scope, expires=expires
            )
            if replaced is not None:
                key_rows.let_expire(connection, replaced, now + ROTATION_SECONDS)
        return {"access_key_id": key_id, "secret_access_key": secret}

    def _requester(self, row: KeyRow, role: Role) -> Requester:
        scope = row.scope
        return Requester(
            row.requester,
            role,
            rights=frozenset(Right(right) for right in scope["rights"]),
            teams=frozenset(scope["teams"]),
            tags=MappingProxyType(scope["tags"]),
            buckets=self._roles.buckets if scope.get(_IS_OWN) else frozenset(scope["buckets"]),
        )


def _role(row: KeyRow) -> Role:
    """The role of the person in a row."""
    return Role.ADMINISTRATOR if row.scope.get("is_administrator") else Role.REQUESTER


def _checked(scope: Mapping[str, Any]) -> dict[str, Any]:
    """A scope as it is stored.

    :raises KeysError: if it makes no sense.
    """
    rights, tags = scope.get("rights") or [str(right) for right in Right], scope.get("tags") or {}
    if not isinstance(rights, list) or not rights or any(right not in set(Right) for right in rights):
        raise KeysError(f"The rights of a key are some of {', '.join(Right)}.")
    if not isinstance(tags, dict) or len(tags) > MAX_NARROWED or not _texts([*tags, *tags.values()]):
        raise KeysError(f"tags must be up to {MAX_NARROWED} strings by name.")
    lists = {name: scope.get(name) or [] for name in ("teams", "buckets")}
    for name, given in lists.items():
        if not isinstance(given, list) or len(given) > MAX_NARROWED or not _texts(given):
            raise KeysError(f"{name} must be a list of up to {MAX_NARROWED} names.")
    return {"rights": sorted(set(rights)), "tags": tags, **{name: sorted(set(given)) for name, given in lists.items()}}


def _texts(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) and len(value) <= _MAX_CHARACTERS and "\0" not in value for value in values)


def _no_key(access_key_id: str) -> KeysError:
    return KeysError(f"There is no key {access_key_id}. `labeling keys list` lists them.")
