"""How triggers travel from a task to a triggerer."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from labeling_provider.hooks.connection import CONNECTION_ARGUMENTS
from labeling_provider.triggers import base
from labeling_provider.triggers.base import LabelingTrigger
from tests.airflow_context import FakeTaskInstance


@dataclass(kw_only=True, eq=False, repr=False)
class Trigger(LabelingTrigger):
    name: str = field(kw_only=False)
    seconds: float = 1.5
    rules: list[str] = field(default_factory=list)

    async def run(self) -> Any:
        yield await self.event({"name": self.name})


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


async def _payload(trigger: Trigger) -> Any:
    return [event.payload async for event in trigger.run()]


def test_a_task_is_woken_when_airflow_has_noticed_that_it_was_deferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "SETTLING_SECONDS", 0.3)
    began = time.monotonic()
    trigger = Trigger("birds")
    trigger.trigger_id, trigger.task_instance = 7, FakeTaskInstance()
    assert asyncio.run(_payload(trigger)) == [{"name": "birds"}]
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("trigger_id", [None, 7])
def test_who_has_no_task_in_a_triggerer_waits_for_nothing(
    trigger_id: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "SETTLING_SECONDS", 3_600.0)
    trigger = Trigger("birds")
    trigger.trigger_id = trigger_id
    if trigger_id is None:
        trigger.task_instance = FakeTaskInstance()
    assert asyncio.run(asyncio.wait_for(_payload(trigger), 60)) == [{"name": "birds"}]
