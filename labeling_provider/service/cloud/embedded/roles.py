"""Roles in this process, based on moto's IAM."""

from __future__ import annotations

import json
from typing import Any, Final

_NAME: Final = "labeling-local"
_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class EmbeddedRoles:
    """The roles of one account. The role for labeling jobs is created at each start.

    :ivar execution_role_arn: the ARN of that role.
    """

    def __init__(self, account: str) -> None:
        from moto.iam.models import iam_backends

        self._backend: Any = iam_backends[account]["aws"]
        description = "Role of local labeling jobs"
        role = self._backend.create_role(_NAME, json.dumps(_TRUST), "/", None, description, [], None)
        self.execution_role_arn: str = role.arn

    def exists(self, name: str) -> bool:
        """Whether a role with this name exists."""
        return any(role.name == name for role in self._backend.get_roles())
