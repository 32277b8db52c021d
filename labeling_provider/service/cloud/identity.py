"""Identity: the roles that labeling jobs run under."""

from __future__ import annotations

from typing import Protocol


class Roles(Protocol):
    """The IAM roles of one account."""

    @property
    def execution_role_arn(self) -> str:
        """The role that the service has made for labeling jobs."""

    def exists(self, name: str) -> bool:
        """Whether there is a role of this name."""
