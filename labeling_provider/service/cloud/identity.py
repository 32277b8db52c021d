"""The interfaces for the roles that labeling jobs run under, and for the user pools that workteams name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
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


class Staff(NamedTuple):
    """The workers in workteams besides the people in the database.

    :param simulated: simulated workers, by the ARN of their workteam.
    :param is_open: whether a workteam without members is everybody's, as where a name is enough to sign in.
    """

    simulated: Mapping[str, Sequence[Identity]] = MappingProxyType({})
    is_open: bool = True


class Directory(Protocol):
    """The user pools."""

    def following(self, arn: str) -> AbstractContextManager[None]:
        """Make the members of its groups the people of a workteam, after the block has created or changed it."""
