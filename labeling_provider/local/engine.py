"""Runs the labeling jobs: hands objects to workers, takes their answers, consolidates, writes the output.

Everything that counts is in the database before anything else happens, and a step only looks there to know what to do
next. So a step can be killed at any instant and done again: an answer is one row that only one transaction can write,
and a file that is written again has the same name and says the same.
"""

from __future__ import annotations

import heapq
import json
import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.local import layout
from labeling_provider.local.errors import JobFailure
from labeling_provider.local.kinds import KINDS, Answer, Answered, JobFacts, Kind, as_json
from labeling_provider.local.storage import MissingObject, Storage
from labeling_provider.local.store import Store, events, jobs, objects, tasks
from labeling_provider.local.truth import Truth, TruthFileError
from labeling_provider.local.workforce import SimulatedWorker, Workforce
from labeling_provider.manifest import ManifestError, read_manifest
from labeling_provider.request import task_type_of_request
from labeling_provider.request.facts import Quota, join_s3_uri, workforce_kind
from labeling_provider.request.rules import category_problems
from labeling_provider.request.templates import label_names, parse_category_document

log = logging.getLogger(__name__)

ACTIVE: Final = ("Initializing", "InProgress", "Stopping")
_PROBE_OBJECTS: Final = 10
_REFRESH_SECONDS: Final = 10.0
_SHORTEST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 60.0
_MOST_RETRIES: Final = 8
_THREADS: Final = 2


class _Run:
    """A job that runs in this process: its request, and what its kind has learned so far."""

    def __init__(self, row: sa.Row[Any], kind: Kind, team: Sequence[SimulatedWorker]) -> None:
        self.id: int = row.id
        self.kind = kind
        self.job = kind.job
        self.team = team
        self.human: dict[str, Any] = self.job.request["HumanTaskConfig"]
        self.refreshed = 0.0

    @property
    def lifetime(self) -> float:
        """Seconds that an object may wait for workers."""
        public = workforce_kind(self.human["WorkteamArn"]) == "public"
        default = Quota.PUBLIC_AVAILABILITY_DEFAULT if public else Quota.AVAILABILITY_SECONDS
        return float(self.human.get("TaskAvailabilityLifetimeInSeconds", default))

    @property
    def set_size(self) -> int:
        return int(self.human.get("MaxConcurrentTaskCount", Quota.CONCURRENT_OBJECTS_DEFAULT))


@dataclass
class _Task:
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


class Engine:
    """Runs every active job until it ends.

    :param speed: how many times faster than real time tasks, limits and lifetimes pass.
    """

    def __init__(self, store: Store, storage: Storage, workforce: Workforce, truth: Truth, speed: float = 1.0) -> None:
        self._store, self._storage = store, storage
        self._workforce, self._truth, self._speed = workforce, truth, speed
        self._runs: dict[int, _Run] = {}
        self._retries: dict[int, int] = defaultdict(int)
        self._busy: dict[str, float] = {}
        self._assigning = threading.Lock()
        self._changed = threading.Condition()
        self._queue: list[tuple[float, int]] = []
        self._due: dict[int, float] = {}
        self._stepping: set[int] = set()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._loop, name=f"labeling-{number}", daemon=True) for number in range(_THREADS)
        ]

    def start(self) -> None:
        """Go on with every job that has not ended."""
        with self._store.read() as connection:
            active = connection.execute(sa.select(jobs.c.id).where(jobs.c.status.in_(ACTIVE))).scalars().all()
            accepted = sa.select(tasks.c.worker_id, tasks.c.due).where(tasks.c.state == "accepted")
            self._busy = {row.worker_id: row.due for row in connection.execute(accepted)}
        for thread in self._threads:
            thread.start()
        for job_id in active:
            self.wake(job_id)

    def stop(self) -> None:
        """End after the steps that are under way; the jobs go on at the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def wake(self, job_id: int, delay: float = 0.0) -> None:
        """Look at a job, now or after some seconds."""
        at = time.monotonic() + delay
        with self._changed:
            if at < self._due.get(job_id, math.inf):
                self._due[job_id] = at
                heapq.heappush(self._queue, (at, job_id))
                self._changed.notify()

    def _loop(self) -> None:
        while (job_id := self._next()) is not None:
            delay: float | None
            try:
                delay = self._step(job_id)
                self._retries.pop(job_id, None)
            except JobFailure as failure:
                delay = self._give_up(job_id, str(failure))
            except Exception:
                log.exception("job %s: a step failed and will be tried again", job_id)
                self._runs.pop(job_id, None)
                self._retries[job_id] += 1
                delay = min(2.0 ** self._retries[job_id], _LONGEST_PAUSE)
                if self._retries[job_id] > _MOST_RETRIES:
                    delay = self._give_up(job_id, "InternalServerError: see the log of the local service")
            with self._changed:
                self._stepping.discard(job_id)
                self._changed.notify_all()
            if delay is not None:
                self.wake(job_id, delay)

    def _next(self) -> int | None:
        """The next job to look at; waits for one; None when the engine stops."""
        with self._changed:
            while not self._stopping:
                for entry in sorted(self._queue)[: _THREADS + 1]:
                    at, job_id = entry
                    if self._due.get(job_id) != at:
                        self._queue.remove(entry)
                        heapq.heapify(self._queue)
                        break
                    if at <= time.monotonic() and job_id not in self._stepping:
                        self._queue.remove(entry)
                        heapq.heapify(self._queue)
                        del self._due[job_id]
                        self._stepping.add(job_id)
                        return job_id
                else:
                    pending = [at for at, job_id in self._queue if job_id not in self._stepping]
                    self._changed.wait(max(min(pending) - time.monotonic(), 0) if pending else None)
        return None

    def _give_up(self, job_id: int, reason: str) -> float | None:
        try:
            self._finish(job_id, "Failed", reason)
        except Exception:
            log.exception("job %s: could not be failed", job_id)
            return _LONGEST_PAUSE
        return None

    def _step(self, job_id: int) -> float | None:
        """Do what is to be done for a job now.

        :return: seconds until it should be looked at again; None if it has ended.
        """
        with self._store.read() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).one_or_none()
        if row is None or row.status not in ACTIVE:
            return None
        if row.status == "Initializing":
            self._initialize(row)
            return 0.0
        if row.status == "Stopping":
            self._finish(job_id, "Stopped")
            return None
        run = self._runs.get(job_id) or self._resume(row)
        return self._work(run, row)

    # Starting

    def _initialize(self, row: sa.Row[Any]) -> None:
        """Read the manifest and the category file, and put every object into the database."""
        request = json.loads(row.request)
        task_type = task_type_of_request(request)
        categories = self._categories(request)
        if categories:
            problems = category_problems(categories, task_type)
            if problems:
                raise JobFailure(f"ClientError: {problems[0]}")
        template = request["HumanTaskConfig"]["UiConfig"].get("UiTemplateS3Uri")
        if template:
            self._read(template, "the worker template")
        attribute = request["LabelAttributeName"]
        manifest = request["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"]
        lines = self._read(manifest, "the input manifest").splitlines(keepends=True)
        rows, given = [], 0
        try:
            for number, data in enumerate(read_manifest(lines, manifest, task_type.data_key)):
                given += attribute in data
                state = "given" if attribute in data else "waiting"
                line = lines[number].decode().strip()
                rows.append({"job_id": row.id, "object_id": number, "state": state, "line": line})
        except ManifestError as error:
            raise JobFailure(f"ClientError: {error}") from None
        if not rows:
            raise JobFailure(f"ClientError: {manifest}: the manifest is empty")
        if len(rows) > task_type.maximum_objects:
            raise JobFailure(f"ClientError: {len(rows):,} objects, at most {task_type.maximum_objects:,} are allowed")
        self._write_manifest(row.id, request, rows)
        with self._store.write() as connection:
            connection.execute(sa.delete(objects).where(objects.c.job_id == row.id))
            connection.execute(sa.insert(objects), rows)
            self._update(connection, row.id, status="InProgress", lines=len(rows), given=given)
            self._note(connection, row.id, f"InProgress: {len(rows)} objects, {given} of them labeled already")

    def _read(self, uri: str, what: str) -> bytes:
        try:
            return self._storage.read(uri)
        except (MissingObject, ValueError):
            raise JobFailure(f"ClientError: {what} {uri} does not exist or is not readable") from None

    def _categories(self, request: dict[str, Any]) -> dict[str, Any]:
        uri = request.get("LabelCategoryConfigS3Uri")
        if not uri:
            return {}
        try:
            return parse_category_document(self._read(uri, "the label category file"))
        except ValueError as error:
            raise JobFailure(f"ClientError: {uri}: {error}") from None

    def _resume(self, row: sa.Row[Any]) -> _Run:
        """Bring a job into this process: what it is, and what its kind can learn from earlier answers."""
        request = json.loads(row.request)
        task_type = task_type_of_request(request)
        categories = self._categories(request)
        human = request["HumanTaskConfig"]
        consolidation = human.get("AnnotationConsolidationConfig", {}).get("AnnotationConsolidationLambdaArn")
        kind = KINDS[task_type.name](
            JobFacts(
                name=row.name,
                arn=row.arn,
                attribute=request["LabelAttributeName"],
                task_type=task_type,
                labels=label_names(categories) if categories else [],
                categories=categories,
                workers_per_object=human["NumberOfHumanWorkersPerDataObject"],
                output=join_s3_uri(request["OutputConfig"]["S3OutputPath"], row.name),
                request=request,
                storage=self._storage,
                consolidation_function=self._workforce.functions.get(consolidation or ""),
            )
        )
        with self._store.read() as connection:
            earlier = connection.execute(
                sa.select(objects.c.object_id, objects.c.line)
                .where(objects.c.job_id == row.id, objects.c.state == "labeled")
                .order_by(objects.c.stamp, objects.c.object_id)
            ).all()
            kind.learn(self._answers(connection, row.id, earlier))
        run = _Run(row, kind, self._workforce.teams.get(row.workteam_arn, ()))
        self._runs[row.id] = run
        return run

    # Working

    def _work(self, run: _Run, row: sa.Row[Any]) -> float:
        now = time.time()
        if now > row.created + Quota.JOB_SECONDS / self._speed:
            raise JobFailure("ClientError: the job has expired: it was not finished within 30 days")
        self._refresh_truth()
        with self._store.write() as connection:
            status = connection.execute(sa.select(jobs.c.status).where(jobs.c.id == run.id)).scalar_one()
            if status != "InProgress":
                return 0.0
            pause = self._advance(connection, run, now)
        self._consolidate(run)
        if pause is not None:
            if now - run.refreshed > _REFRESH_SECONDS:
                run.refreshed = now
                self._write_manifest(run.id, run.job.request)
                self._write_intermediate(run, row.iteration)
            return min(max(pause, _SHORTEST_PAUSE), _LONGEST_PAUSE)
        self._write_intermediate(run, row.iteration)
        if not self._send_next_set(run):
            stopped = self._budget(run) is not None and self._count(run.id, "waiting") > 0
            self._finish(run.id, "Stopped" if stopped else "Completed")
        return 0.0

    def _refresh_truth(self) -> None:
        try:
            self._truth.refresh()
        except TruthFileError as error:
            raise JobFailure(f"ClientError: {error}") from None

    def _advance(self, connection: Connection, run: _Run, now: float) -> float | None:
        """Let the workers of a job do what they have had time for.

        :return: seconds until something can happen; None if no object is with the workers.
        """
        query = (
            sa.select(tasks)
            .join(objects, (objects.c.job_id == tasks.c.job_id) & (objects.c.object_id == tasks.c.object_id))
            .where(tasks.c.job_id == run.id, objects.c.state == "out")
            .order_by(tasks.c.id)
        )
        by_object: dict[int, list[_Task]] = defaultdict(list)
        for row in connection.execute(query):
            task = _Task(row.id, row.object_id, row.state, row.tries, row.worker_id, row.expires, row.accepted, row.due)
            by_object[row.object_id].append(task)
        if not by_object:
            return None
        lines = self._lines_to_answer(connection, run, by_object)
        for own in by_object.values():
            for task in list(own):
                self._return_or_submit(run, task, own, lines, now)
            for task in own:
                if task.state in {"open", "accepted"} and task.expires <= now:
                    task.state, task.changed = "expired", True
        if run.team:
            self._assign(run, by_object, lines, now)
        self._save(connection, run, by_object, now)
        return self._pause(run, by_object, now)

    def _lines_to_answer(
        self, connection: Connection, run: _Run, by_object: dict[int, list[_Task]]
    ) -> dict[int, dict[str, Any]]:
        """The manifest lines of the objects with the workers; nobody reads them where people work."""
        if not run.team:
            return {}
        query = sa.select(objects.c.object_id, objects.c.line).where(
            objects.c.job_id == run.id, objects.c.state == "out"
        )
        return {row.object_id: json.loads(row.line) for row in connection.execute(query)}

    def _outcome(
        self, run: _Run, worker: SimulatedWorker, task: _Task, line: dict[str, Any]
    ) -> tuple[float, dict[str, Any] | None]:
        """How long a worker takes for a task, in its own seconds, and the answer; None if it declines."""
        chance = worker.chance(self._workforce.seed, run.job.name, task.object_id, task.tries)
        seconds = worker.seconds_per_task * chance.uniform(0.5, 1.5)
        declined, right = chance.random() < worker.declined, chance.random() < worker.accuracy
        truth = self._truth.of(line)
        if declined or truth is None:
            return seconds, None
        return seconds, run.kind.answer(line, truth, right, chance)

    def _return_or_submit(
        self, run: _Run, task: _Task, own: list[_Task], lines: dict[int, dict[str, Any]], now: float
    ) -> None:
        """End a worker's work on a task whose time has come."""
        if task.state != "accepted" or task.due is None or task.due > now:
            return
        worker = next((one for one in run.team if one.worker_id == task.worker_id), None)
        if worker is None:
            # The workforce file has changed since: another worker takes over.
            self._return(task)
            return
        seconds, answer = self._outcome(run, worker, task, lines[task.object_id])
        if seconds > self.time_limit(run):
            self._return(task)
            return
        self._submit(run, task, own, answer)

    @staticmethod
    def time_limit(run: _Run) -> float:
        """Seconds that a worker has for one task."""
        return float(run.human["TaskTimeLimitInSeconds"])

    @staticmethod
    def _return(task: _Task) -> None:
        task.state, task.worker_id, task.changed = "open", None, True
        task.accepted = task.due = None
        task.tries += 1

    @staticmethod
    def _submit(run: _Run, task: _Task, own: list[_Task], answer: dict[str, Any] | None) -> None:
        """Record an answer, or that the worker declined and somebody else has to be asked."""
        task.changed = True
        if answer is not None:
            task.state, task.answer = "submitted", as_json(answer)
            return
        task.state = "declined"
        if sum(one.state == "declined" for one in own) < run.job.workers_per_object:
            own.append(_Task(None, task.object_id, "open", 0, None, task.expires, None, None, changed=True))
            return
        for one in own:
            if one.state in {"open", "accepted"}:
                one.state, one.changed = "expired", True

    def _assign(
        self,
        run: _Run,
        by_object: dict[int, list[_Task]],
        lines: dict[int, dict[str, Any]],
        now: float,
    ) -> None:
        """Give open tasks to idle workers, each object to a worker at most once."""
        with self._assigning:
            idle = [worker for worker in run.team if self._busy.get(worker.worker_id, 0.0) <= now]
            for object_id, own in by_object.items():
                if not idle:
                    return
                seen = {task.worker_id for task in own if task.worker_id}
                # Who begins differs from object to object, so that the work is spread.
                start = Random(f"{self._workforce.seed}|{run.job.name}|{object_id}").randrange(len(idle))  # noqa: S311
                queue = [task for task in own if task.state == "open"]
                for worker in idle[start:] + idle[:start]:
                    task = next((one for one in own if one.state == "open"), None) if queue else None
                    if task is None:
                        break
                    if worker.worker_id in seen:
                        continue
                    seen.add(worker.worker_id)
                    self._accept(run, worker, task, own, lines, now)
                    if self._busy.get(worker.worker_id, 0.0) > now:
                        idle = [one for one in idle if one is not worker]

    def _accept(
        self,
        run: _Run,
        worker: SimulatedWorker,
        task: _Task,
        own: list[_Task],
        lines: dict[int, dict[str, Any]],
        now: float,
    ) -> None:
        task.worker_id, task.accepted, task.changed = worker.worker_id, now, True
        if worker.seconds_per_task == 0:
            task.due = now
            _, answer = self._outcome(run, worker, task, lines[task.object_id])
            self._submit(run, task, own, answer)
            return
        chance = worker.chance(self._workforce.seed, run.job.name, task.object_id, task.tries)
        seconds = min(worker.seconds_per_task * chance.uniform(0.5, 1.5), self.time_limit(run))
        task.state, task.due = "accepted", now + seconds / self._speed
        self._busy[worker.worker_id] = task.due

    def _save(self, connection: Connection, run: _Run, by_object: dict[int, list[_Task]], now: float) -> None:
        """Write the tasks back, and mark the objects that nobody works on any more."""
        columns = ("state", "tries", "worker_id", "accepted", "due", "answer")
        changed = [task for own in by_object.values() for task in own if task.changed]
        old = [{"task": task.id, **{name: getattr(task, name) for name in columns}} for task in changed if task.id]
        if old:
            update = sa.update(tasks).where(tasks.c.id == sa.bindparam("task"))
            connection.execute(update.values({name: sa.bindparam(name) for name in columns}), old)
        new = [
            {
                "job_id": run.id,
                "object_id": task.object_id,
                "expires": task.expires,
                **{name: getattr(task, name) for name in columns},
            }
            for task in changed
            if task.id is None
        ]
        if new:
            connection.execute(sa.insert(tasks), new)
        over = [
            object_id
            for object_id, own in by_object.items()
            if all(task.state not in {"open", "accepted"} for task in own)
        ]
        answered = [one for one in over if any(task.state == "submitted" for task in by_object[one])]
        self._mark_answered(connection, run, answered, now)
        reasons = {one: self._reason(by_object[one]) for one in over if one not in set(answered)}
        self._fail_objects(connection, run, reasons, now)

    @staticmethod
    def _reason(own: list[_Task]) -> str:
        if any(task.state == "expired" and task.expires <= time.time() for task in own):
            return "The task expired: no worker has answered within TaskAvailabilityLifetimeInSeconds."
        return "The task was declined by as many workers as were asked for."

    def _mark_answered(self, connection: Connection, run: _Run, answered: list[int], now: float) -> None:
        """Queue objects for consolidation; each group of a consolidation file gets a second of its own."""
        if not answered:
            return
        last = connection.execute(sa.select(jobs.c.stamp).where(jobs.c.id == run.id)).scalar_one()
        stamp = max(int(now), last + 1)
        size = layout.OBJECTS_PER_FILE
        rows = [
            {"object": object_id, "answered": now, "stamp": stamp + position // size}
            for position, object_id in enumerate(answered)
        ]
        connection.execute(
            sa.update(objects)
            .where(objects.c.job_id == run.id, objects.c.object_id == sa.bindparam("object"))
            .values(state="answered", answered=sa.bindparam("answered"), stamp=sa.bindparam("stamp")),
            rows,
        )
        self._update(connection, run.id, stamp=rows[-1]["stamp"])

    def _fail_objects(self, connection: Connection, run: _Run, reasons: dict[int, str], now: float) -> None:
        """Give objects up; the reason goes into their output line."""
        if not reasons:
            return
        job = run.job
        results = {
            object_id: layout.label_metadata({"failure-reason": reason}, job.task_type.metadata_type, job.name, now)
            for object_id, reason in reasons.items()
        }
        self._decide(
            connection,
            run,
            "failed",
            {one: {f"{job.attribute}-metadata": metadata} for one, metadata in results.items()},
        )
        for reason in sorted(set(reasons.values())):
            count = sum(one == reason for one in reasons.values())
            self._note(connection, run.id, f"{count} objects failed: {reason}")

    def _decide(self, connection: Connection, run: _Run, state: str, contents: dict[int, dict[str, Any]]) -> None:
        """Record the outcome of objects and count them, in one transaction."""
        connection.execute(
            sa.update(objects)
            .where(objects.c.job_id == run.id, objects.c.object_id == sa.bindparam("object"))
            .values(state=state, result=sa.bindparam("content")),
            [{"object": one, "content": as_json(content)} for one, content in contents.items()],
        )
        column = jobs.c.labeled if state == "labeled" else jobs.c.failed
        self._update(connection, run.id, **{column.name: column + len(contents)})

    def _pause(self, run: _Run, by_object: dict[int, list[_Task]], now: float) -> float:
        """Seconds until a worker finishes, a worker is free for an open task, or a task expires."""
        left = [task for own in by_object.values() for task in own if task.state in {"open", "accepted"}]
        if not left:
            return 0.0
        times = [task.expires for task in left] + [task.due for task in left if task.due is not None]
        if any(task.state == "open" for task in left):
            times += [until for one in run.team if (until := self._busy.get(one.worker_id, 0.0)) > now]
        return min(times) - now

    # Consolidating

    def _answers(self, connection: Connection, job_id: int, rows: Sequence[Any]) -> list[Answered]:
        """The objects of some rows with the answers they got, in the order of the rows."""
        wanted = {row.object_id for row in rows}
        if not wanted:
            return []
        query = (
            sa.select(tasks.c.object_id, tasks.c.worker_id, tasks.c.answer)
            .where(tasks.c.job_id == job_id, tasks.c.state == "submitted")
            .where(tasks.c.object_id.between(min(wanted), max(wanted)))
            .order_by(tasks.c.id)
        )
        answers: dict[int, list[Answer]] = defaultdict(list)
        for row in connection.execute(query):
            if row.object_id in wanted:
                answers[row.object_id].append(Answer(row.worker_id, json.loads(row.answer)))
        return [Answered(row.object_id, json.loads(row.line), answers[row.object_id]) for row in rows]

    def _consolidate(self, run: _Run) -> None:
        """Turn the answers of the objects that have all of theirs into labels."""
        with self._store.read() as connection:
            rows = connection.execute(
                sa.select(objects)
                .where(objects.c.job_id == run.id, objects.c.state == "answered")
                .order_by(objects.c.stamp, objects.c.object_id)
            ).all()
            if not rows:
                return
            batch = self._answers(connection, run.id, rows)
            self._storage.write(self._worker_responses(connection, run, rows))
        if run.kind.consolidates_itself:
            contents = self._builtin_contents(run, rows, batch)
        else:
            contents = self._function_contents(run, rows, batch)
        failed = {
            row.object_id: "No answer of its workers could be used." for row in rows if row.object_id not in contents
        }
        with self._store.write() as connection:
            if contents:
                self._decide(connection, run, "labeled", contents)
            self._fail_objects(connection, run, failed, time.time())

    def _worker_responses(self, connection: Connection, run: _Run, rows: Sequence[Any]) -> dict[str, tuple[bytes, str]]:
        by_object = {row.object_id: row for row in rows}
        query = (
            sa.select(tasks)
            .where(tasks.c.job_id == run.id, tasks.c.state == "submitted")
            .where(tasks.c.object_id.between(min(by_object), max(by_object)))
            .order_by(tasks.c.id)
        )
        answers: dict[int, list[dict[str, Any]]] = defaultdict(list)
        workers = {worker.worker_id: worker for worker in run.team}
        for task in connection.execute(query):
            if task.object_id not in by_object:
                continue
            spent = (task.due - task.accepted) * self._speed
            answer = {
                "answerContent": json.loads(task.answer),
                "submissionTime": layout.worker_time(task.due),
                "acceptanceTime": layout.worker_time(task.accepted),
                "timeSpentInSeconds": round(spent, 3),
                "workerId": task.worker_id,
            }
            if not task.worker_id.startswith("public.") and task.worker_id in workers:
                answer["workerMetadata"] = {
                    "identityData": {
                        "identityProviderType": "Cognito",
                        "issuer": "https://cognito-idp.local/labeling",
                        "sub": workers[task.worker_id].sub,
                    }
                }
            answers[task.object_id].append(answer)
        return {
            layout.worker_response_uri(run.job.output, row.iteration, row.object_id, int(row.answered)): (
                as_json({"answers": answers[row.object_id]}).encode(),
                "application/json",
            )
            for row in rows
        }

    def _builtin_contents(self, run: _Run, rows: Sequence[Any], batch: Sequence[Answered]) -> dict[int, dict[str, Any]]:
        """Labels by our own consolidation, and the files that Amazon writes on the way."""
        job = run.job
        when = {row.object_id: row.answered for row in rows}
        found = run.kind.consolidate(batch, layout.creation_date(rows[-1].answered))
        contents = {
            object_id: {
                job.attribute: label.value,
                f"{job.attribute}-metadata": layout.label_metadata(
                    label.metadata, job.task_type.metadata_type, job.name, when[object_id]
                ),
            }
            for object_id, label in found.items()
        }
        files = {uri: content for label in found.values() for uri, content in label.files.items()}
        for members in self._groups(rows, batch):
            row, group = members
            request = layout.consolidation_request(group)
            response = layout.consolidation_response(
                (one.object_id, contents[one.object_id]) for one in group if one.object_id in contents
            )
            for which, document in (("request", request), ("response", response)):
                uri = layout.consolidation_uri(job.output, which, row.iteration, row.stamp)
                files[uri] = (as_json(document).encode(), "application/json")
        self._storage.write(files)
        return contents

    @staticmethod
    def _groups(rows: Sequence[Any], batch: Sequence[Answered]) -> list[tuple[sa.Row[Any], list[Answered]]]:
        """The objects of each consolidation file, with the first one's row."""
        pairs = zip(rows, batch, strict=True)
        groups = (list(group) for _, group in groupby(pairs, key=lambda pair: pair[0].stamp))
        return [(group[0][0], [answered for _, answered in group]) for group in groups]

    def _function_contents(
        self, run: _Run, rows: Sequence[Any], batch: Sequence[Answered]
    ) -> dict[int, dict[str, Any]]:
        """Labels by the caller's consolidation function; without one, where the answers are."""
        job = run.job
        if job.consolidation_function is None:
            contents = {}
            for row in rows:
                uri = layout.worker_response_uri(job.output, row.iteration, row.object_id, int(row.answered))
                metadata = layout.label_metadata(
                    {"worker-response-ref": uri}, job.task_type.metadata_type, job.name, row.answered
                )
                contents[row.object_id] = {job.attribute: {}, f"{job.attribute}-metadata": metadata}
            return contents
        contents = {}
        for row, group in self._groups(rows, batch):
            payload = layout.consolidation_uri(job.output, "request", row.iteration, row.stamp)
            document = as_json(layout.consolidation_request(group)).encode()
            self._storage.write({payload: (document, "application/json")})
            answer = self._call_consolidation(run, payload)
            wanted = {str(one.object_id): one.object_id for one in group}
            for entry in answer if isinstance(answer, list) else ():
                object_id = wanted.get(str(entry.get("datasetObjectId"))) if isinstance(entry, dict) else None
                content = entry.get("consolidatedAnnotation", {}).get("content") if object_id is not None else None
                if object_id is not None and isinstance(content, dict):
                    contents[object_id] = content
            uri = layout.consolidation_uri(job.output, "response", row.iteration, row.stamp)
            self._storage.write({uri: (as_json(answer).encode(), "application/json")})
        return contents

    def _call_consolidation(self, run: _Run, payload: str) -> Any:
        job, request = run.job, run.job.request
        arn = request["HumanTaskConfig"]["AnnotationConsolidationConfig"]["AnnotationConsolidationLambdaArn"]
        event = {
            "version": "2018-10-16",
            "labelingJobArn": job.arn,
            "labelCategories": job.labels,
            "labelAttributeName": job.attribute,
            "roleArn": request["RoleArn"],
            "payload": {"s3Uri": payload},
            "outputConfig": join_s3_uri(job.output, "annotations"),
            "maxHumanWorkersPerDataObject": job.workers_per_object,
        }
        return self._call(arn, event)

    def _call(self, arn: str, event: dict[str, Any]) -> Any:
        """Call the Python callable of a function.

        :raises JobFailure: naming the function, if it raises: Amazon fails the job then, too.
        """
        try:
            return json.loads(json.dumps(self._workforce.functions[arn](event, None)))
        except Exception as error:
            log.exception("the function %s failed", arn)
            raise JobFailure(
                f"ClientError: The function {arn} failed with {type(error).__name__}: {error}. "
                "LambdaErrorCode: Unhandled. Correct the function and run the job again."[:1000]
            ) from error

    # Sending

    def _budget(self, run: _Run) -> int | None:
        """How many objects people may label in all; None without a stopping condition."""
        conditions = run.job.request.get("StoppingConditions") or {}
        limits = []
        if "MaxHumanLabeledObjectCount" in conditions:
            limits.append(int(conditions["MaxHumanLabeledObjectCount"]))
        if "MaxPercentageOfInputDatasetLabeled" in conditions:
            with self._store.read() as connection:
                row = connection.execute(sa.select(jobs).where(jobs.c.id == run.id)).one()
            share = conditions["MaxPercentageOfInputDatasetLabeled"] / 100
            limits.append(max(math.ceil(share * row.lines) - row.given, 0))
        return min(limits) if limits else None

    def _count(self, job_id: int, state: str) -> int:
        query = sa.select(sa.func.count()).where(objects.c.job_id == job_id, objects.c.state == state)
        with self._store.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _send_next_set(self, run: _Run) -> bool:
        """Put the next set of objects into the workers' hands: first a few at random, then the rest in order.

        :return: False if there is nothing left to send.
        """
        budget = self._budget(run)
        with self._store.read() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == run.id)).one()
            waiting = sa.select(objects.c.object_id, objects.c.line).where(
                objects.c.job_id == run.id, objects.c.state == "waiting"
            )
            if row.iteration == 0:
                chosen = connection.execute(waiting).all()
                probe = Random(f"{self._workforce.seed}|{row.name}")  # noqa: S311 - a simulation
                chosen = probe.sample(chosen, min(_PROBE_OBJECTS, run.set_size, len(chosen)))
            else:
                chosen = list(connection.execute(waiting.order_by(objects.c.object_id).limit(run.set_size)))
        if budget is not None:
            chosen = chosen[: max(budget - row.labeled, 0)]
        if not chosen:
            return False
        refused = self._not_for_people(run, chosen)
        now = time.time()
        expires = now + run.lifetime / self._speed
        sent = sorted(one.object_id for one in chosen if one.object_id not in refused)
        with self._store.write() as connection:
            connection.execute(
                sa.update(objects)
                .where(objects.c.job_id == run.id, objects.c.object_id == sa.bindparam("object"))
                .values(state="out", iteration=row.iteration + 1),
                [{"object": one.object_id} for one in chosen],
            )
            if sent:
                connection.execute(
                    sa.insert(tasks),
                    [
                        {"job_id": run.id, "object_id": one, "state": "open", "tries": 0, "expires": expires}
                        for one in sent
                        for _ in range(run.job.workers_per_object)
                    ],
                )
            self._fail_objects(connection, run, refused, now)
            self._update(connection, run.id, iteration=row.iteration + 1)
            self._note(connection, run.id, f"Iteration {row.iteration + 1}: {len(sent)} objects sent to workers")
        return True

    def _not_for_people(self, run: _Run, chosen: Sequence[Any]) -> dict[int, str]:
        """Ask the caller's pre-annotation function; objects that it keeps from people, with the reason."""
        arn = run.human.get("PreHumanTaskLambdaArn")
        if arn not in self._workforce.functions:
            return {}
        refused = {}
        for row in chosen:
            event = {
                "version": "2018-10-16",
                "labelingJobArn": run.job.arn,
                "dataObject": json.loads(row.line),
            }
            answer = self._call(arn, event)
            if not isinstance(answer, dict) or not isinstance(answer.get("taskInput"), dict):
                raise JobFailure(f'ClientError: The function {arn} must return {{"taskInput": {{…}}}}')
            needed = answer.get("isHumanAnnotationRequired", answer.get("humanAnnotationRequired", True))
            if str(needed).lower() == "false":
                refused[row.object_id] = "The pre-annotation function asked for no annotation by people."
        return refused

    # Ending and writing

    def _finish(self, job_id: int, status: str, reason: str | None = None) -> None:
        """End a job: what was labeled is written, what is under way is dropped."""
        with self._store.read() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).one()
        if row.status not in ACTIVE:
            return
        run = self._runs.pop(job_id, None)
        if run is not None and status != "Failed":
            self._consolidate(run)
        if row.lines:
            self._write_manifest(job_id, json.loads(row.request))
        with self._store.write() as connection:
            connection.execute(
                sa.update(tasks)
                .where(tasks.c.job_id == job_id, tasks.c.state.in_(("open", "accepted")))
                .values(state="expired")
            )
            self._update(connection, job_id, status=status, failure_reason=reason and reason[:1024])
            self._note(connection, job_id, f"{status}: {reason}" if reason else status)
        log.info("job %s: %s %s", row.name, status, reason or "")

    def _write_manifest(
        self, job_id: int, request: dict[str, Any], rows: Sequence[dict[str, Any]] | None = None
    ) -> None:
        """Write the output manifest: one line per input line, with the label where there is one."""
        output = join_s3_uri(request["OutputConfig"]["S3OutputPath"], request["LabelingJobName"])
        lines: list[str] = [row["line"] for row in rows or ()]
        if rows is None:
            query = sa.select(objects.c.line, objects.c.result).where(objects.c.job_id == job_id)
            with self._store.read() as connection:
                for row in connection.execute(query.order_by(objects.c.object_id)):
                    merged = {**json.loads(row.line), **json.loads(row.result)} if row.result else None
                    lines.append(as_json(merged) if merged else row.line)
        body = "".join(line + "\n" for line in lines).encode()
        try:
            self._storage.write({layout.output_manifest_uri(output): (body, "application/x-sagemaker-manifest")})
        except MissingObject as missing:
            raise JobFailure(f"ClientError: cannot write {missing}: the bucket does not exist") from None

    def _write_intermediate(self, run: _Run, iteration: int) -> None:
        """Write the finished labels of the set that is under way."""
        if not iteration:
            return
        query = (
            sa.select(objects.c.object_id, objects.c.line, objects.c.result)
            .where(objects.c.job_id == run.id, objects.c.iteration == iteration)
            .where(objects.c.state == "labeled")
            .order_by(objects.c.object_id)
        )
        with self._store.read() as connection:
            lines = [
                as_json(
                    {
                        "datasetObjectId": str(row.object_id),
                        "consolidatedAnnotation": {"content": json.loads(row.result)},
                    }
                )
                for row in connection.execute(query)
            ]
        body = "".join(line + "\n" for line in lines).encode()
        uri = layout.intermediate_uri(run.job.output, iteration)
        self._storage.write({uri: (body, "application/json")})

    @staticmethod
    def _update(connection: Connection, job_id: int, **values: Any) -> None:
        connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(modified=time.time(), **values))

    @staticmethod
    def _note(connection: Connection, job_id: int, message: str) -> None:
        connection.execute(sa.insert(events).values(job_id=job_id, at=time.time(), message=message[:2000]))
