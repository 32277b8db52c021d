"""Differences between the supported Airflow versions. No other module depends on the version."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

from airflow.sdk.exceptions import AirflowTaskTimeout
from airflow.sdk.execution_time.xcom import XCom
from airflow.triggers.base import BaseTrigger

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context
    from airflow.sdk.types import TaskInstanceKey

T = TypeVar("T")

log = logging.getLogger(__name__)

TRIGGERS_HAVE_ON_KILL = hasattr(BaseTrigger, "on_kill")
"""From 3.3 on, Airflow calls the ``on_kill`` of a trigger that it does not want any more."""

_STATE_PAUSES: Final = (0.2, 0.5, 1.0)
_TRY_KEY: Final = "labeling_try"
_ENDED_BY_USER: Final = frozenset({"failed", "success", "skipped", "restarting", "removed"})
_running: set[asyncio.Task[Any]] = set()
_publishers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Publisher] = WeakKeyDictionary()


def _undisturbed(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run something that must not be interrupted in a task of its own.

    Airflow 3.2 cancels a trigger every second until it has ended, and an answer of the supervisor that nobody reads
    ends the whole triggerer. So a trigger asks in such a task, and waits for it behind a shield or not at all.
    """
    task = asyncio.get_running_loop().create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


def when_cancelled(trigger: Any) -> None:
    """Before 3.3: call the ``on_kill`` of a trigger that is cancelled, as later versions do themselves.

    :param trigger: a trigger with an ``on_kill`` coroutine.
    """
    if not TRIGGERS_HAVE_ON_KILL and trigger.task_instance is not None:
        _undisturbed(_kill(trigger))


async def _kill(trigger: Any) -> None:
    try:
        await trigger.on_kill()
    except Exception:
        trigger.log.exception("The labeling job of a killed task may still be running")


async def is_still_deferred(task_instance: Any) -> bool:
    """Whether the task of a trigger that is ended still waits: the trigger was only handed over.

    A triggerer that stops ends its triggers. One that was silent for a while ends those that another one has taken
    over, and from 3.3 on Airflow calls their ``on_kill``.

    :param task_instance: the trigger's.
    """
    from asgiref.sync import sync_to_async

    if await sync_to_async(_task_state)(task_instance) != "deferred":
        return False
    # A task that was cleared may have started again, and be deferred again.
    return await sync_to_async(read_xcom)(task_instance, _TRY_KEY) in {None, task_instance.try_number}


def count(name: str, value: int, tags: dict[str, str]) -> None:
    """Add to a counter in Airflow's metrics."""
    if value:
        _stats().incr(name, value, tags=tags)


def gauge(name: str, value: float, tags: dict[str, str]) -> None:
    """Set a gauge in Airflow's metrics."""
    _stats().gauge(name, value, tags=tags)


def timing(name: str, duration: timedelta, tags: dict[str, str]) -> None:
    """Add a duration to Airflow's metrics."""
    _stats().timing(name, duration, tags=tags)


def _stats() -> Any:
    """Airflow's metrics: a module from 3.3 on, an object in that module before."""
    from airflow.sdk.observability import stats

    return stats if hasattr(stats, "incr") else stats.Stats


def mark_try(task_instance: Any) -> None:
    """Tell the trigger of an earlier try that a new try has started."""
    task_instance.xcom_push(key=_TRY_KEY, value=task_instance.try_number)


def _task_state(task_instance: Any) -> str | None:
    """A task instance's state in Airflow's database, ``removed`` if it is gone; asks again if there is no answer."""
    for pause in _STATE_PAUSES:
        try:
            return _read_task_state(task_instance)
        except Exception as error:  # noqa: BLE001 - a process that is being killed may get no answer
            log.warning("Can't read the state of %s, asking again: %s", task_instance.task_id, error)
        time.sleep(pause)
    return _read_task_state(task_instance)


def _read_task_state(task_instance: Any) -> str | None:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(
        dag_id=task_instance.dag_id,
        task_ids=[task_instance.task_id],
        run_ids=[task_instance.run_id],
        map_index=task_instance.map_index,
    )
    of_run = states.get(task_instance.run_id, {})
    name = task_instance.task_id
    state = of_run.get(f"{name}_{task_instance.map_index}", of_run.get(name, "removed"))
    return None if state is None else str(state)


def declared_asset(uri: str) -> Asset | None:
    """The asset that a Dag has declared for a URI, under any name; None if there is none or Airflow does not answer.

    For Airflow, two names for one URI are two assets, and only one of them can be active.
    """
    from airflow.sdk import Asset

    try:
        from airflow.sdk.execution_time.comms import AssetResult, GetAssetByUri
        from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

        answer = SUPERVISOR_COMMS.send(GetAssetByUri(uri=uri))
    except Exception as error:  # noqa: BLE001 - the labels matter more than the asset's name
        log.warning("Can't find the declared asset of %s: %s", uri, error)
        return None
    return Asset(name=answer.name, uri=answer.uri) if isinstance(answer, AssetResult) else None


def map_indexes(task_instance: Any, task_id: str) -> list[int]:
    """Map indexes of a task's instances in the same Dag run; -1 for a task that is not mapped.

    :param task_instance: the running task instance.
    :param task_id: the other task.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(
        dag_id=task_instance.dag_id, task_ids=[task_id], run_ids=[task_instance.run_id]
    )
    names = states.get(task_instance.run_id, {})
    return sorted(-1 if name == task_id else int(name.removeprefix(f"{task_id}_")) for name in names)


def was_ended_by_user(task_instance: Any) -> bool:
    """Whether a task is being killed by a user, rather than because its worker shuts down or was given up on.

    If the worker shuts down, Airflow's database still has the task as running. If the worker was silent for too long,
    or its scheduler died, the task waits for its next try, has no state until it is scheduled, or runs elsewhere.

    :param task_instance: the running task instance.
    """
    return _task_state(task_instance) in _ENDED_BY_USER


def is_timeout(error: BaseException | None) -> bool:
    """Whether an exception says that the task ran into its ``execution_timeout``."""
    return isinstance(error, AirflowTaskTimeout)


def read_xcom(ti_key: TaskInstanceKey, key: str) -> Any:
    """The value of a task instance's XCom; None if there is none."""
    return XCom.get_value(ti_key=ti_key, key=key)


async def pull_xcom(task_instance: Any, key: str) -> Any:
    """The same as :func:`read_xcom`, from a trigger; also None if Airflow does not answer."""
    from asgiref.sync import sync_to_async

    try:
        return await asyncio.shield(_undisturbed(sync_to_async(read_xcom)(task_instance, key)))
    except Exception as error:  # noqa: BLE001 - the trigger works without it
        log.warning("The XCom %s of %s can't be read: %s", key, task_instance.task_id, error)
        return None


def push_xcom_soon(task_instance: Any, key: str, value: dict[str, Any]) -> None:
    """Push an XCom of a trigger's deferred task in the background. Only the last value of a key is sure to arrive."""
    loop = asyncio.get_running_loop()
    publisher = _publishers.get(loop) or _publishers.setdefault(loop, _Publisher())
    publisher.push(task_instance, key, value)


class _Publisher:
    """Pushes XComs one after the other, and pauses in between so that it is busy at most a quarter of the time."""

    _PAUSES: Final = 3

    def __init__(self) -> None:
        self._waiting: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._worker: asyncio.Task[None] | None = None

    def push(self, task_instance: Any, key: str, value: dict[str, Any]) -> None:
        ti = task_instance
        self._waiting[ti.dag_id, ti.task_id, ti.run_id, ti.map_index, key] = value
        if self._worker is None or self._worker.done():
            self._worker = _undisturbed(self._work())

    async def _work(self) -> None:
        from asgiref.sync import sync_to_async

        while self._waiting:
            (dag_id, task_id, run_id, map_index, key), value = self._waiting.popitem()
            began = time.monotonic()
            try:
                await sync_to_async(XCom.set)(
                    key=key, value=value, dag_id=dag_id, task_id=task_id, run_id=run_id, map_index=map_index
                )
            except Exception as error:  # noqa: BLE001 - these are only counters for people
                log.warning("The XCom %s of %s can't be pushed: %s", key, task_id, error)
            await asyncio.sleep(self._PAUSES * (time.monotonic() - began))


def latest_of_this_task(context: Context, key: str) -> Any:
    """This task's latest XCom with a key, from this Dag run or an earlier one; None if there is none."""
    ti = context["ti"]
    index = -1 if ti.map_index is None else ti.map_index
    return ti.xcom_pull(task_ids=ti.task_id, key=key, include_prior_dates=True, map_indexes=index)


def remembered(context: Context, key: str) -> Any:
    """The value that an earlier try of this task has stored; None if there is none, and before Airflow 3.3."""
    store: Any = context.get("task_state_store")
    return None if store is None else store.get(key)


def remember(context: Context, key: str, value: Any) -> None:
    """Store a JSON value for later tries of this task, from Airflow 3.3 on."""
    store: Any = context.get("task_state_store")
    if store is not None:
        # Long enough for the longest chain of labeling jobs.
        store.set(key, value, retention=timedelta(days=365))


async def asset_state(trigger: Any, key: str) -> Any:
    """The value stored with the asset that an event trigger watches; None if there is none.

    :raises LookupError: if the trigger does not watch exactly one asset; always before Airflow 3.3.
    """
    store = getattr(trigger, "asset_state_store", None)
    if store is None:
        raise LookupError("the trigger watches no asset with a state store")
    try:
        return await asyncio.shield(_undisturbed(_asynchronous(store, "get")(key)))
    except ValueError as error:
        raise LookupError(str(error)) from error


async def keep_asset_state(trigger: Any, key: str, value: dict[str, Any]) -> None:
    """Store a JSON value with the asset that an event trigger watches."""
    await asyncio.shield(_undisturbed(_asynchronous(trigger.asset_state_store, "set")(key, value)))


def _asynchronous(store: Any, method: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    """A method of an asset's state store that does not block the event loop; Airflow has one from 3.3.2 on."""
    from asgiref.sync import sync_to_async

    own: Callable[..., Coroutine[Any, Any, Any]] | None = getattr(store, f"a{method}", None)
    return own or sync_to_async(getattr(store, method))


def acknowledging_producer(
    stream: Callable[[], AsyncIterator[tuple[Any, Any]]], acknowledge: Callable[[Any], Coroutine[Any, Any, None]]
) -> Any:
    """From 3.3 on: the producer of an event trigger's shared stream, which acknowledges stored events.

    :param stream: yields each event with a payload for ``acknowledge``.
    :param acknowledge: called with the payload when the event has been stored for every trigger.
    """
    from airflow.triggers.shared_stream import SharedStreamProducer

    class Producer(SharedStreamProducer):
        def open_stream(self) -> AsyncIterator[tuple[Any, Any]]:
            return stream()

        async def advance(self, batch: Sequence[Any]) -> None:
            for item in batch:
                if item.outcome.is_clean:
                    await acknowledge(item.broker_payload)

        def get_advance_lane(self, broker_payload: Any) -> Hashable:
            return id(broker_payload)

    return Producer()
