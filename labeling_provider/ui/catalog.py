"""The labeling jobs that this Airflow's tasks have made, out of the XComs that the tasks push."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from labeling_provider.connected import JOB_KEY, PROGRESS_KEY
from labeling_provider.jobs import ENDED, JobState
from labeling_provider.request.facts import PRICE_PER_OBJECT_USD

_FRESH_SECONDS: Final = 1.0
_WHOLE_SECONDS: Final = 60.0
_OVERLAP: Final = timedelta(seconds=10)


class TaskKey(NamedTuple):
    """A task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


class Connection(NamedTuple):
    """How the task reaches the service."""

    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | None


@dataclass
class Job:
    """A labeling job of a task.

    :param task: the task instance.
    :param facts: what the task has told of it when it was created; see ``CreateLabelingJobOperator``.
    :param counters: the last counters that the task, its trigger or a sweep has seen.
    :param live: what the service has said last; None if it was not asked.
    :param trouble: why it can't be asked.
    """

    task: TaskKey
    facts: Mapping[str, Any]
    counters: Mapping[str, Any] = field(default_factory=dict)
    live: JobState | None = None
    trouble: str = ""

    @property
    def name(self) -> str:
        """Name of the job."""
        return str(self.facts.get("job_name", ""))

    @property
    def connection(self) -> Connection:
        """How to ask about it."""
        verify = self.facts.get("verify")
        return Connection(
            _text(self.facts.get("aws_conn_id")),
            _text(self.facts.get("region_name")),
            verify if isinstance(verify, bool | str) else None,
        )

    @property
    def created(self) -> float:
        """When it was created, epoch seconds."""
        return _number(self.facts.get("created"))

    @property
    def status(self) -> str:
        """The last status that is known."""
        return self.live.status if self.live else str(self.counters.get("status") or self.facts.get("status") or "")

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in ENDED

    def count(self, name: str) -> int:
        """A counter: total, human_labeled, machine_labeled, failed or unlabeled."""
        found: Any = getattr(self.live, name) if self.live else self.counters.get(name, 0)
        return int(_number(found))

    @property
    def rate(self) -> float:
        """Labels in an hour, since the job was created; 0 unless it runs."""
        age = time.time() - self.created
        done = self.count("human_labeled") + self.count("machine_labeled")
        return 0 if self.has_ended or age <= 0 or not self.created else done / age * 3600

    @property
    def seconds_left(self) -> float | None:
        """At this rate; None if there is nothing to reckon from."""
        return self.count("unlabeled") / self.rate * 3600 if self.rate and not self.facts.get("streaming") else None

    @property
    def cost(self) -> float:
        """The estimated cost of what is labeled by now, USD: what a model labels costs no worker."""
        total, by_people = self.count("total"), self.count("human_labeled")
        service = min(self.estimated_cost, float(PRICE_PER_OBJECT_USD) * total)
        labeled = service * (by_people + self.count("machine_labeled"))
        return (labeled + (self.estimated_cost - service) * by_people) / total if total else 0

    @property
    def estimated_cost(self) -> float:
        """Of the whole job, USD."""
        return _number(self.facts.get("estimated_cost_usd"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


class Catalog:
    """The jobs in Airflow's database, kept in memory and brought up to date with what has changed."""

    def __init__(self) -> None:
        self._jobs: dict[TaskKey, Job] = {}
        self._lock = threading.Lock()
        self._read = self._read_whole = 0.0
        self._newest: datetime | None = None

    def jobs(self, dag_ids: Iterable[str]) -> list[Job]:
        """All jobs of some DAGs, newest first."""
        wanted = set(dag_ids)
        with self._lock:
            self._refresh()
            found = [job for job in self._jobs.values() if job.task.dag_id in wanted]
        return sorted(found, key=lambda job: (-job.created, job.name))

    def job(self, task: TaskKey) -> Job | None:
        """The job of a task instance; None if it has made none."""
        with self._lock:
            self._refresh()
            return self._jobs.get(task)

    def _refresh(self) -> None:
        now = time.monotonic()
        if self._read and now - self._read < _FRESH_SECONDS:
            return
        # What was cleared is only seen by reading everything.
        whole = not self._read_whole or now - self._read_whole > _WHOLE_SECONDS
        found: dict[TaskKey, dict[str, Mapping[str, Any]]] = {}
        for row in _rows(None if whole or self._newest is None else self._newest - _OVERLAP):
            if isinstance(row.value, Mapping):
                found.setdefault(row.task, {})[row.key] = row.value
            if self._newest is None or row.timestamp > self._newest:
                self._newest = row.timestamp
        if whole:
            self._jobs = {task: job for task, job in self._jobs.items() if JOB_KEY in found.get(task, {})}
            self._read_whole = now
        for task, values in found.items():
            job = self._jobs.get(task)
            facts = values.get(JOB_KEY)
            if facts is not None and (job is None or job.name != facts.get("job_name")):
                job = self._jobs[task] = Job(task, facts)
            if job is not None and values.get(PROGRESS_KEY, {}).get("job_name") == job.name:
                job.counters = values[PROGRESS_KEY]
        self._read = now


class _Row(NamedTuple):
    task: TaskKey
    key: str
    value: Any
    timestamp: datetime


def _rows(since: datetime | None) -> Iterable[_Row]:
    """The XComs about jobs that were written since then."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    columns = (
        XComModel.dag_id,
        XComModel.run_id,
        XComModel.task_id,
        XComModel.map_index,
        XComModel.key,
        XComModel.value,
        XComModel.timestamp,
    )
    query = select(*columns).where(XComModel.key.in_([JOB_KEY, PROGRESS_KEY]))
    if since is not None:
        query = query.where(XComModel.timestamp >= since)
    with create_session() as session:
        for row in session.execute(query):
            task = TaskKey(row.dag_id, row.run_id, row.task_id, row.map_index)
            yield _Row(task, row.key, XComModel.deserialize_value(row), row.timestamp)
