"""The interface for the roles that labeling jobs run under."""

from __future__ import annotations

from typing import Protocol


class Roles(Protocol):
    """The IAM roles of one account."""

    @property
    def execution_role_arn(self) -> str:
        """The role that the service creates for labeling jobs."""

    def exists(self, name: str) -> bool:
        """Whether a role with this name exists."""
