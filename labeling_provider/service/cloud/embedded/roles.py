"""Roles, based on moto's IAM, and stored in the database. Other things of IAM are in memory only."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from typing import Any, Final

from labeling_provider.groundtruth.facts import principal_of
from labeling_provider.service.cloud.embedded.in_step import InStep, RecordedStates
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.recorded_states import ROLES

_NAME: Final = "labeling-local"
_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": principal_of("sagemaker")}, "Action": "sts:AssumeRole"}],
}
_FIELDS: Final = (
    "id",
    "assume_role_policy_document",
    "path",
    "policies",
    "tags",
    "description",
    "permissions_boundary_arn",
    "max_session_duration",
)


class EmbeddedRoles:
    """The roles of one account. The role for labeling jobs is there from the start.

    :ivar execution_role_arn: the ARN of that role.
    """

    def __init__(self, database: Database, account: str, in_step: InStep) -> None:
        from moto.iam.models import Role, iam_backends

        self._in_step, self._account, self._role = in_step, account, Role
        self._backend: Any = iam_backends[account]["aws"]
        description = "Role of local labeling jobs"
        role = self._backend.create_role(_NAME, json.dumps(_TRUST), "/", None, description, [], None)
        self.execution_role_arn: str = role.arn
        self._record = RecordedStates(database, in_step, ROLES, self._described, self._recall, self._drop)

    def exists(self, name: str) -> bool:
        """Whether a role with this name exists."""
        self._in_step.refresh()
        return any(role.name == name for role in self._backend.get_roles())

    def recording(self) -> AbstractContextManager[None]:
        """Keep what the block changes in the roles, or undo it if the database fails.

        :raises DatabaseError: if the database can't store it.
        """
        return self._record.recording()

    def _described(self) -> dict[str, str]:
        return {role.name: self._state(role) for role in self._backend.get_roles() if role.name != _NAME}

    @staticmethod
    def _state(role: Any) -> str:
        attached = sorted(policy.arn for policy in role.managed_policies.values())
        return json.dumps({**{field: getattr(role, field) for field in _FIELDS}, "attached": attached})

    def _drop(self, name: str) -> None:
        self._backend.roles.pop(self._backend.get_role(name).id)

    def _recall(self, name: str, state: str) -> None:
        fields = json.loads(state)
        for old in [role for role in self._backend.get_roles() if role.name == name]:
            del self._backend.roles[old.id]
        role = self._role(self._account, "aws", fields["id"], name, "", fields["path"], None, "", [], None)
        for field in _FIELDS:
            setattr(role, field, fields[field])
        for policy in self._backend.managed_policies.values():
            # Policies of one's own are in memory only.
            if policy.arn in fields["attached"]:
                policy.attach_to(role)
        self._backend.roles[role.id] = role
