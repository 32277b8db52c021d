"""What differs between the Airflow versions that this package runs on. No other module looks at versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.xcom import XCom
from airflow.triggers.base import BaseTrigger

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

TRIGGERS_HAVE_ON_KILL = hasattr(BaseTrigger, "on_kill")
"""From 3.3 on Airflow calls a trigger's ``on_kill`` when a user ends its task, and only then."""


async def was_killed_by_user(trigger: BaseTrigger) -> bool:
    """Before 3.3: whether a trigger that is being cancelled belongs to a task that no longer waits for it.

    A triggerer that stops or hands its triggers on cancels them as well, but leaves the task deferred.
    """
    task_instance: Any = trigger.task_instance
    if TRIGGERS_HAVE_ON_KILL or task_instance is None:
        return False
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from asgiref.sync import sync_to_async

    states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
        dag_id=task_instance.dag_id,
        task_ids=[task_instance.task_id],
        run_ids=[task_instance.run_id],
        map_index=task_instance.map_index,
    )
    of_run = states.get(task_instance.run_id, {})
    name = task_instance.task_id
    found = of_run.get(f"{name}_{task_instance.map_index}", of_run.get(name))
    return bool(found != "deferred")


def read_xcom(ti_key: TaskInstanceKey, key: str) -> Any:
    """A value that a task instance has pushed; None if there is none."""
    return XCom.get_value(ti_key=ti_key, key=key)
