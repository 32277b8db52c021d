"""Typed views of who the people of a private workforce are, and of the members of its workteams.

Source: API reference, CognitoConfig, OidcConfig, MemberDefinition, CognitoMemberDefinition, OidcMemberDefinition. The
people are either in a user pool of Cognito or at an OpenID Connect provider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class UserPool(NamedTuple):
    """A user pool of Cognito.

    :param client: id of the client through which people sign in.
    """

    id: str
    client: str

    def as_identity(self) -> dict[str, Any]:
        """The identity of a workforce whose people are in the pool."""
        return {"CognitoConfig": {"UserPool": self.id, "ClientId": self.client}}


class UserGroup(NamedTuple):
    """A group in a user pool of Cognito."""

    user_pool: UserPool
    name: str

    def as_member(self) -> dict[str, Any]:
        """The MemberDefinition for the people of the group."""
        pool, client = self.user_pool
        return {"CognitoMemberDefinition": {"UserPool": pool, "UserGroup": self.name, "ClientId": client}}

    @property
    def place(self) -> dict[str, str]:
        """The arguments that name the group in a request to Cognito."""
        return {"UserPoolId": self.user_pool.id, "GroupName": self.name}


@dataclass(frozen=True)
class TeamMember:
    """A member of a workteam: a group of people.

    :param definition: a MemberDefinition, with all that Amazon requires of it.
    """

    definition: Mapping[str, Any]

    @property
    def group(self) -> UserGroup | None:
        """The group in a user pool; None if the people are at a provider."""
        group = self.definition.get("CognitoMemberDefinition")
        return None if group is None else UserGroup(UserPool(group["UserPool"], group["ClientId"]), group["UserGroup"])

    @property
    def user_pool(self) -> UserPool | None:
        """The user pool of the group; None if the people are at a provider."""
        return self.group.user_pool if self.group else None

    @property
    def is_at_provider(self) -> bool:
        """Whether the people are at an OpenID Connect provider."""
        return "OidcMemberDefinition" in self.definition

    @property
    def provider_groups(self) -> Sequence[str]:
        """The people's groups at the provider; empty if they are in a user pool."""
        groups: Sequence[str] = self.definition.get("OidcMemberDefinition", {}).get("Groups", ())
        return groups


@dataclass(frozen=True)
class WorkforceIdentity:
    """Who the people of a workforce are.

    :param members: of a request to create or update a workforce, or of its description.
    """

    members: Mapping[str, Any]

    @property
    def user_pool(self) -> UserPool | None:
        """The user pool that the people are in; None if there is none."""
        config = self.members.get("CognitoConfig")
        return None if config is None else UserPool(config["UserPool"], config["ClientId"])

    @property
    def provider(self) -> Mapping[str, Any] | None:
        """The OpenID Connect provider that the people are at, as Amazon writes it; None if there is none."""
        provider: Mapping[str, Any] | None = self.members.get("OidcConfig")
        return provider

    @property
    def issuer(self) -> str | None:
        """The issuer of the provider; None if there is no provider."""
        return None if self.provider is None else str(self.provider["Issuer"])

    @property
    def client_secret(self) -> str | None:
        """The secret of the client at the provider, which only a request has."""
        return None if self.provider is None else self.provider.get("ClientSecret")

    def as_shown(self) -> dict[str, Any]:
        """The members that a description has: the client's secret is never shown."""
        shown = self.user_pool.as_identity() if self.user_pool else {}
        if self.provider is not None:
            shown["OidcConfig"] = {name: value for name, value in self.provider.items() if name != "ClientSecret"}
        return shown
