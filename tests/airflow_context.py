"""A task's surroundings, for calling an operator outside a scheduler. The end-to-end tests use a real one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class FakeTaskInstance:
    """The parts of a task instance that operators use."""

    dag_id: str = "dag"
    task_id: str = "label"
    run_id: str = "manual__2026-01-01T00:00:00+00:00"
    map_index: int = -1
    try_number: int = 1
    pushed: dict[str, Any] = field(default_factory=dict)
    earlier: dict[str, Any] = field(default_factory=dict)
    """XComs of this task in an earlier run."""

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    others: dict[tuple[str, int, str], Any] = field(default_factory=dict)
    """XComs of other tasks of this run, by task, map index and key."""

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int, include_prior_dates: bool = False) -> Any:
        if task_ids != self.task_id:
            return self.others.get((task_ids, map_indexes, key))
        assert map_indexes == self.map_index
        return self.pushed.get(key, self.earlier.get(key) if include_prior_dates else None)


def tell_task_state(monkeypatch: pytest.MonkeyPatch, task_instance: Any, state: Any) -> None:
    """Let Airflow's supervisor answer for the state of a task; an exception is raised in its place."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import TaskStatesResult

    class Supervisor:
        def send(self, message: object) -> TaskStatesResult:
            if isinstance(state, Exception):
                raise state
            return TaskStatesResult(task_states={task_instance.run_id: {task_instance.task_id: state}})

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(), raising=False)


def tell_task_states(monkeypatch: pytest.MonkeyPatch, run_id: str, states: dict[str, Any]) -> None:
    """Let Airflow's supervisor know the task instances of a run, by ``TASK`` or ``TASK_MAPINDEX``."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import TaskStatesResult

    class Supervisor:
        def send(self, message: object) -> TaskStatesResult:
            return TaskStatesResult(task_states={run_id: states} if states else {})

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(), raising=False)


class _Event:
    def __init__(self) -> None:
        self.extra: dict[str, Any] = {}
        self.added: list[Any] = []

    def add(self, asset: Any, extra: dict[str, Any]) -> None:
        self.added.append((asset, extra))


class TaskStateStore(dict[str, Any]):
    """Airflow 3.3's store of what a task wants to remember."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self[key] = value


def context(store: TaskStateStore | None = None, **identity: Any) -> dict[str, Any]:
    """What Airflow hands to ``execute``.

    :param store: the task state store; None for none, as before Airflow 3.3.
    """
    more = {} if store is None else {"task_state_store": store}
    return {"ti": FakeTaskInstance(**identity), "outlet_events": defaultdict(_Event), **more}


class Recorder:
    """Airflow's metrics, kept."""

    def __init__(self) -> None:
        self.measured: list[tuple[str, Any, dict[str, str]]] = []

    def incr(self, name: str, count: int = 1, *, tags: dict[str, str]) -> None:
        self.measured.append((name, count, tags))

    def gauge(self, name: str, value: float, *, tags: dict[str, str]) -> None:
        self.measured.append((name, value, tags))

    def timing(self, name: str, duration: Any, *, tags: dict[str, str]) -> None:
        self.measured.append((name, duration, tags))


def record_metrics(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Keep what Airflow's metrics are told: of a module from Airflow 3.3 on, of an object of it before."""
    from airflow.sdk.observability import stats

    recorder = Recorder()
    if hasattr(stats, "incr"):
        for name in ("incr", "gauge", "timing"):
            monkeypatch.setattr(stats, name, getattr(recorder, name))
    else:
        monkeypatch.setattr(stats, "Stats", recorder)
    return recorder
