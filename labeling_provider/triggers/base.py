"""The base of all triggers: connection arguments, serialization, and when an event may be fired."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, fields
from typing import Any, Final

from airflow.sdk import conf
from airflow.triggers.base import BaseTrigger, TriggerEvent

from labeling_provider.hooks.connection import ConnectionArguments

SETTLING_SECONDS: Final = conf.getint("workers", "min_heartbeat_interval", fallback=5) + 2
"""How long after its start a trigger may first wake its task.

A worker may notice only after ``min_heartbeat_interval`` that the process of a deferred task has ended. If the task
goes on before that, Airflow takes the end of the process for that of the task, which then fails or is tried again.
Source: Airflow's issues 67287 and 72716.
"""


@dataclass(kw_only=True, eq=False, repr=False)
class LabelingTrigger(ConnectionArguments, BaseTrigger):
    """Base of all triggers: a dataclass whose fields are the trigger's arguments, all of them JSON values.

    The first are those of :class:`labeling_provider.hooks.connection.ConnectionArguments`.
    """

    def __post_init__(self) -> None:
        # Past ConnectionArguments, which would set the defaults.
        super(ConnectionArguments, self).__init__()  # type: ignore[no-untyped-call]
        self._began = time.monotonic()

    @classmethod
    def arguments(cls) -> list[str]:
        """Names of the arguments."""
        return [field.name for field in fields(cls)]

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments, for the triggerer."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in self.arguments()}

    async def event(self, payload: dict[str, Any]) -> TriggerEvent:
        """An event to fire, as soon as Airflow can let the task go on.

        :param payload: what the task is told, as JSON values.
        """
        # Only a triggerer sets these, and an asset's trigger wakes no task.
        if self.trigger_id is not None and self.task_instance is not None:
            await asyncio.sleep(self._began + SETTLING_SECONDS - time.monotonic())
        return TriggerEvent(payload)  # type: ignore[no-untyped-call]
