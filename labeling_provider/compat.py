"""What differs between the Airflow versions that this package runs on. No other module looks at versions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.xcom import XCom
from airflow.triggers.base import BaseTrigger

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

TRIGGERS_HAVE_ON_KILL = hasattr(BaseTrigger, "on_kill")
"""From 3.3 on Airflow calls a trigger's ``on_kill`` when a user ends its task, and only then."""

_under_way: set[asyncio.Task[None]] = set()


def when_cancelled(trigger: Any) -> None:
    """Before 3.3: call a cancelled trigger's ``on_kill`` if it was a user who ended its task.

    A triggerer that stops or hands its triggers on cancels them as well, but leaves the task deferred. Asking for the
    task's state must not be interrupted: Airflow 3.2 cancels a trigger again every second until it is gone, and an
    answer of the supervisor that nobody reads ends the whole triggerer. So a task of its own asks.

    :param trigger: a trigger with an ``on_kill`` coroutine.
    """
    if TRIGGERS_HAVE_ON_KILL or trigger.task_instance is None:
        return
    asking = asyncio.get_running_loop().create_task(_kill_unless_deferred(trigger, trigger.task_instance))
    _under_way.add(asking)
    asking.add_done_callback(_under_way.discard)


async def _kill_unless_deferred(trigger: Any, task_instance: Any) -> None:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from asgiref.sync import sync_to_async

    try:
        states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
            dag_id=task_instance.dag_id,
            task_ids=[task_instance.task_id],
            run_ids=[task_instance.run_id],
            map_index=task_instance.map_index,
        )
        of_run = states.get(task_instance.run_id, {})
        name = task_instance.task_id
        if of_run.get(f"{name}_{task_instance.map_index}", of_run.get(name)) != "deferred":
            await trigger.on_kill()
    except Exception:
        trigger.log.exception("It could not be found out or done what the end of the task asks for")


def read_xcom(ti_key: TaskInstanceKey, key: str) -> Any:
    """A value that a task instance has pushed; None if there is none."""
    return XCom.get_value(ti_key=ti_key, key=key)
