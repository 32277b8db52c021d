"""What every task shares: its connection, and how it defers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import BaseTrigger, TriggerEvent

from labeling_provider.errors import InvalidArgumentsError, LabelingError
from labeling_provider.operators import arguments
from labeling_provider.operators.base import LabelingTask
from labeling_provider.triggers.labeling_job import LabelingJobTrigger
from tests.airflow_context import context
from tests.conftest import Lab
from tests.operators.tasks import operator, run_id


def test_the_deferred_half_talks_to_the_same_place_in_the_same_way(connected: Lab) -> None:
    config = {"user_agent_extra": "labeling-test", "read_timeout": 17}
    task = operator(
        connected,
        workforce=connected.people,
        deferrable=True,
        region_name="us-east-1",
        verify=False,
        botocore_config=config,
    )
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context(**run_id()))
    rebuilt = LabelingJobTrigger(**json.loads(json.dumps(deferred.value.trigger.serialize()[1])))
    hook = rebuilt.make_hook()
    assert (hook.aws_conn_id, hook.region_name, hook.verify) == ("aws_default", "us-east-1", False)
    assert hook.sagemaker.meta.config.read_timeout == 17
    assert hook.sagemaker.meta.config.user_agent_extra.endswith("labeling-test")
    assert hook.sagemaker.meta.endpoint_url == connected.service.endpoint_url


class Task(LabelingTask):
    """A task with an argument."""

    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {"name": arguments.required(arguments.name)}
    template_fields: Sequence[str] = ("name",)

    def __init__(self, *, name: Any, count: int = 3, **kwargs: Any) -> None:
        given = locals()
        super().__init__(**kwargs)
        self.keep(given)


def test_arguments_are_kept_under_their_names_and_nothing_else_is() -> None:
    task = Task(task_id="task", name="birds", aws_conn_id="mine")
    assert (task.name, task.count, task.aws_conn_id, task.task_id) == ("birds", 3, "mine", "task")
    assert not hasattr(task, "kwargs")


def test_a_connection_is_handed_on_whole() -> None:
    known = {"aws_conn_id": None, "region_name": "eu-west-1", "verify": "/bundle", "botocore_config": {"a": 1}}
    assert Task(task_id="task", name="birds", **known).connection_arguments == known
    assert Task(task_id="task", name="birds").connection_arguments == {
        "aws_conn_id": "aws_default",
        "region_name": None,
        "verify": None,
        "botocore_config": None,
    }


def test_an_argument_that_can_not_be_read_is_an_error_of_the_task_s_kind() -> None:
    task = Task(task_id="task", name={"not": "a name"})
    with pytest.raises(InvalidArgumentsError, match="The task was not started, 1 problem:\n  - name: "):
        task.read_arguments()
    task.name = "birds"
    task.read_arguments()
    assert task.name == "birds"


def test_a_trigger_may_run_in_the_task_s_own_process() -> None:
    class Fires(BaseTrigger):
        def __init__(self, *events: Any) -> None:
            self.events = events

        def serialize(self) -> tuple[str, dict[str, Any]]:
            return "", {}

        async def run(self) -> AsyncIterator[TriggerEvent]:
            for event in self.events:
                yield TriggerEvent(event)

    assert Task.run_here(Fires({"status": "Completed"}, {"status": "later"})) == {"status": "Completed"}
    with pytest.raises(LabelingError, match="ended without an event"):
        Task.run_here(Fires())
