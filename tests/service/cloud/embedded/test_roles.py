"""The roles of one account."""

from __future__ import annotations

from labeling_provider.service.cloud.embedded.roles import EmbeddedRoles
from tests.service.inside import ACCOUNT, Inside


def test_there_is_a_role_for_labeling_jobs_and_those_that_are_made(inside: Inside) -> None:
    roles = inside.embedded.roles
    assert roles.execution_role_arn == f"arn:aws:iam::{ACCOUNT}:role/labeling-local"
    assert roles.exists("labeling-local")
    assert not roles.exists("mine")
    inside.client("iam").create_role(RoleName="mine", AssumeRolePolicyDocument="{}")
    assert roles.exists("mine")
    assert isinstance(roles, EmbeddedRoles)
