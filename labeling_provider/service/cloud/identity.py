"""The interfaces for the roles that labeling jobs run under, and for the user pools that workteams name."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol


class Roles(Protocol):
    """The IAM roles of one account."""

    @property
    def execution_role_arn(self) -> str:
        """The role that the service creates for labeling jobs."""

    def exists(self, name: str) -> bool:
        """Whether a role with this name exists."""


class Identity(NamedTuple):
    """Somebody in a user pool.

    :param name: what the person signs in with.
    :param sub: the identity in results, a UUID.
    """

    name: str
    sub: str


class Directory(Protocol):
    """The user pools."""

    def following(self, arn: str) -> AbstractContextManager[None]:
        """Let the people of a workteam be those of its groups, after the block has made or changed it."""
