"""Operators as tests make and run them, outside a scheduler."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from labeling_provider.errors import InvalidRequestError
from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from tests.airflow_context import context
from tests.conftest import Lab, texts
from tests.own_names import own_id
from tests.triggers import waits


def job_arguments(lab: Lab) -> dict[str, Any]:
    """A text classification job by good workers, looked at often."""
    return {
        **lab.text_job(),
        "poll_interval": 0.1,
        "deferrable": False,
        # The tests of preflight ask for it.
        "preflight": "off",
    }


def operator(lab: Lab, lines: Any = None, **arguments: Any) -> CreateLabelingJobOperator:
    manifest = lines if isinstance(lines, str) else lab.manifest(texts(6) if lines is None else lines)
    defaults = {"task_id": "label", "manifest_uri": manifest, **job_arguments(lab)}
    return CreateLabelingJobOperator(**{**defaults, **arguments})


def run_id() -> dict[str, str]:
    return {"run_id": f"manual__{own_id()}"}


def first_try(lab: Lab, task: CreateLabelingJobOperator, statuses: set[str], **identity: Any) -> str:
    """What the first try of a task has left: a job that has one of the statuses by now. Its name.

    :param identity: of the task's context.
    """
    task.wait_for_completion = False
    result = task.execute(context(**identity))
    assert result is not None
    lab.wait(result["job_name"], statuses)
    task.wait_for_completion = True
    return str(result["job_name"])


def fire(deferred: TaskDeferred) -> dict[str, Any]:
    """The event of a deferred task's trigger, rebuilt as a triggerer would."""
    from airflow.sdk.module_loading import import_string

    path, arguments = deferred.trigger.serialize()
    trigger = import_string(path)(**json.loads(json.dumps(arguments)))
    return waits.fire(trigger)


def run_to_the_end(task: CreateLabelingJobOperator, around: dict[str, Any]) -> dict[str, Any] | None:
    """What the task returns, however often it is deferred on the way."""
    event: dict[str, Any] | None = None
    kept: dict[str, Any] = {}
    while True:
        try:
            return task.execute(around) if event is None else task.execute_complete(around, event, **kept)
        except TaskDeferred as deferred:
            event = fire(deferred)
            kept = json.loads(json.dumps(deferred.kwargs or {}))


def broken_custom(lab: Lab) -> dict[str, Any]:
    """Arguments of a custom task whose consolidation function raises."""
    return {
        "lines": [{"source": "melon", "truth": {"grade": "A"}}],
        "task_type": "custom",
        "labels": None,
        "instructions": None,
        "ui_template_uri": lab.put("template.liquid", "<crowd-form></crowd-form>"),
        "consolidation_function": "arn:aws:lambda:us-east-1:123456789012:function:broken",
    }


def problems(caught: pytest.ExceptionInfo[InvalidRequestError]) -> str:
    return "\n".join(str(problem) for problem in caught.value.problems)


def for_people(lab: Lab, **arguments: Any) -> CreateLabelingJobOperator:
    """A job that waits for people, created and not waited for."""
    return operator(lab, **{"workforce": lab.people, "wait_for_completion": False, **arguments})
