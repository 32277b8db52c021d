"""A job that runs, and how what happens to it is recorded. Each function is one part of a caller's transaction."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.documents import as_json, plain
from labeling_provider.groundtruth.facts import Quota, workforce_kind
from labeling_provider.service.database.database import now
from labeling_provider.service.database.schema import events, jobs, objects, trainings
from labeling_provider.service.kinds.base import Kind
from labeling_provider.service.learning.learner import Learner
from labeling_provider.service.work.workforce import SimulatedWorker

_MAX_CHARACTERS: Final = 2000
_MAX_REASONS: Final = 20


class Run:
    """A job that runs in this process: its request, and what its kind has learned so far."""

    def __init__(self, row: sa.Row[Any], kind: Kind, team: Sequence[SimulatedWorker], *, streams: bool) -> None:
        self.id: int = row.id
        self.kind = kind
        self.job = kind.job
        self.team = team
        self.streams = streams
        self.human: dict[str, Any] = self.job.request["HumanTaskConfig"]
        self.refreshed = 0.0
        self.changed = False
        self.output_is_gone = False
        self.troubles: dict[int, str] = {}
        """Why workers could not answer, by object id."""
        self.learner: Learner | None = None
        self.former_model: str | None = None
        """Model of the job that this one goes on from; empty if there is none, None if nobody has looked yet."""

    @property
    def lifetime(self) -> float:
        """Seconds that an object may wait for workers."""
        public = workforce_kind(self.human["WorkteamArn"]) == "public"
        default = Quota.PUBLIC_AVAILABILITY_DEFAULT if public else Quota.AVAILABILITY_SECONDS
        return float(self.human.get("TaskAvailabilityLifetimeInSeconds", default))

    @property
    def time_limit(self) -> float:
        """Seconds that a worker has for one task."""
        return float(self.human["TaskTimeLimitInSeconds"])

    @property
    def set_size(self) -> int:
        """Objects in the workers' hands at once."""
        return int(self.human.get("MaxConcurrentTaskCount", Quota.CONCURRENT_OBJECTS_DEFAULT))


@dataclass
class Task:
    """A task of an object that is with the workers, as it will be after this step."""

    id: int | None
    object_id: int
    state: str
    tries: int
    worker_id: str | None
    expires: float
    accepted: float | None
    due: float | None
    answer: str | None = None
    changed: bool = False


def update_job(connection: Connection, job_id: int, **values: Any) -> None:
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(modified=now(), **values))


def note(connection: Connection, job_id: int, message: str) -> None:
    connection.execute(sa.insert(events).values(job_id=job_id, at=time.time(), message=plain(message, _MAX_CHARACTERS)))


def waiting_objects(job_id: int) -> sa.Select[tuple[int, str]]:
    """The objects of a job that nobody has seen yet: id and manifest line."""
    return sa.select(objects.c.object_id, objects.c.line).where(
        objects.c.job_id == job_id, objects.c.state == "waiting"
    )


def labeled_by_machine(connection: Connection, job_ids: Iterable[int]) -> dict[int, int]:
    """How many labels automated labeling has made, by job; jobs without are left out."""
    query = (
        sa.select(trainings.c.job_id, sa.func.sum(trainings.c.labeled))
        .where(trainings.c.job_id.in_(list(job_ids)))
        .group_by(trainings.c.job_id)
    )
    return {job_id: int(labeled) for job_id, labeled in connection.execute(query)}


def decide(connection: Connection, run: Run, state: str, contents: dict[int, dict[str, Any]]) -> None:
    """Record the outcome of objects and count them, in one transaction."""
    run.changed = True
    connection.execute(
        sa.update(objects)
        .where(objects.c.job_id == run.id, objects.c.object_id == sa.bindparam("object"))
        .values(state=state, result=sa.bindparam("content")),
        [{"object": one, "content": as_json(content)} for one, content in contents.items()],
    )
    column = jobs.c.labeled if state == "labeled" else jobs.c.failed
    update_job(connection, run.id, **{column.name: column + len(contents)})


def fail_objects(connection: Connection, run: Run, reasons: dict[int, str], at: float) -> None:
    """Give objects up; the reason goes into their output line."""
    if not reasons:
        return
    job = run.job
    results = {
        object_id: layout.failure(
            plain(reason, _MAX_CHARACTERS), job.attribute, job.task_type.metadata_type, job.name, at
        )
        for object_id, reason in reasons.items()
    }
    decide(connection, run, "failed", results)
    note_failures(connection, run.id, reasons.values())


def note_failures(connection: Connection, job_id: int, reasons: Iterable[str]) -> None:
    """Tell why objects have failed, the most frequent reasons first."""
    counts = Counter(reasons)
    for reason, count in counts.most_common(_MAX_REASONS):
        note(connection, job_id, f"{count} object{'s' * (count > 1)} failed: {reason}")
    if len(counts) > _MAX_REASONS:
        note(connection, job_id, f"{len(counts) - _MAX_REASONS} more reasons are in the output manifest")


def mark_answered(connection: Connection, run: Run, answered: list[int], at: float) -> None:
    """Queue objects for consolidation; each group of a consolidation file gets a second of its own."""
    if not answered:
        return
    last = connection.execute(sa.select(jobs.c.stamp).where(jobs.c.id == run.id)).scalar_one()
    stamp = max(int(at), last + 1)
    size = layout.OBJECTS_PER_FILE
    rows = [
        {"object": object_id, "answered": at, "stamp": stamp + position // size}
        for position, object_id in enumerate(answered)
    ]
    connection.execute(
        sa.update(objects)
        .where(objects.c.job_id == run.id, objects.c.object_id == sa.bindparam("object"))
        .values(state="answered", answered=sa.bindparam("answered"), stamp=sa.bindparam("stamp")),
        rows,
    )
    update_job(connection, run.id, stamp=rows[-1]["stamp"])
