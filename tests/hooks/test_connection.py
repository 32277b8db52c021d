"""The connection arguments are one list, and all of it reaches the hook."""

from __future__ import annotations

from dataclasses import dataclass, fields
from inspect import signature
from typing import Any

import pytest

from labeling_provider.hooks.connection import CONNECTION_ARGUMENTS, TEMPLATED_ARGUMENTS, ConnectionArguments
from labeling_provider.operators.base import LabelingTask

GIVEN = {"aws_conn_id": "mine", "region_name": "eu-west-1", "verify": "/ca.pem", "botocore_config": {"read_timeout": 7}}


@dataclass(kw_only=True)
class Holder(ConnectionArguments):
    other: int = 0


def test_every_argument_reaches_the_hook() -> None:
    assert set(GIVEN) == set(CONNECTION_ARGUMENTS)
    hook = ConnectionArguments(**GIVEN).make_hook(outage=30)  # type: ignore[arg-type]
    assert (hook.aws_conn_id, hook.verify, hook.outage) == ("mine", "/ca.pem", 30)
    assert (hook._region_name, hook._config.read_timeout) == ("eu-west-1", 7)


@pytest.mark.parametrize("name", CONNECTION_ARGUMENTS)
def test_who_differs_in_one_argument_has_a_key_of_its_own(name: str) -> None:
    others: dict[str, Any] = {**GIVEN, name: None}
    keys = {ConnectionArguments(**arguments).connection_key for arguments in (GIVEN, others)}  # type: ignore[arg-type]
    assert len(keys) == 2


def test_what_else_a_holder_has_is_not_in_the_key() -> None:
    first, second = Holder(other=1, botocore_config={"a": 1, "b": 2}), Holder(botocore_config={"b": 2, "a": 1})
    assert first.connection_key == second.connection_key


def test_a_task_has_the_same_arguments_in_its_signature() -> None:
    """Airflow reads the names that ``default_args`` may set from there."""
    named = {
        name: parameter.default
        for name, parameter in signature(LabelingTask.__init__).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    assert named == {field.name: field.default for field in fields(ConnectionArguments)}
    assert set(TEMPLATED_ARGUMENTS) < set(named)
