"""How triggers travel from a task to a triggerer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from labeling_provider.operators.base import CONNECTION_ARGUMENTS
from labeling_provider.triggers.base import LabelingTrigger


@dataclass(kw_only=True, eq=False, repr=False)
class Trigger(LabelingTrigger):
    name: str = field(kw_only=False)
    seconds: float = 1.5
    rules: list[str] = field(default_factory=list)

    async def run(self) -> Any:
        yield None


def test_a_trigger_travels_with_every_argument() -> None:
    sent = Trigger("birds", rules=["a"], region_name="eu-west-1", verify=False, botocore_config={"read_timeout": 7})
    path, arguments = sent.serialize()
    assert path == f"{__name__}.Trigger"
    assert arguments == {
        "aws_conn_id": "aws_default",
        "region_name": "eu-west-1",
        "verify": False,
        "botocore_config": {"read_timeout": 7},
        "name": "birds",
        "seconds": 1.5,
        "rules": ["a"],
    }
    arrived = Trigger(**json.loads(json.dumps(arguments)))
    assert arrived.serialize() == sent.serialize()


def test_its_arguments_begin_with_those_of_a_connection() -> None:
    assert tuple(Trigger.arguments()) == (*CONNECTION_ARGUMENTS, "name", "seconds", "rules")


def test_two_triggers_of_the_same_arguments_are_two() -> None:
    """Airflow keeps triggers in sets."""
    assert len({Trigger("birds"), Trigger("birds")}) == 2
