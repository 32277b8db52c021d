"""Roles in this process: moto's."""

from __future__ import annotations

import json
from typing import Any, Final

_NAME: Final = "labeling-local"
_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class EmbeddedRoles:
    """The roles of one account, with the one for labeling jobs, which is made anew at each start.

    :param account: the account.
    :ivar execution_role_arn: that role.
    """

    def __init__(self, account: str) -> None:
        from moto.iam.models import iam_backends

        self._backend: Any = iam_backends[account]["aws"]
        description = "Role of local labeling jobs"
        made = self._backend.create_role(_NAME, json.dumps(_TRUST), "/", None, description, [], None)
        self.execution_role_arn: str = made.arn

    def exists(self, name: str) -> bool:
        """Whether there is a role of this name."""
        return any(role.name == name for role in self._backend.get_roles())
