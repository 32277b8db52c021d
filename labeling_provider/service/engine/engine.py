"""Runs the labeling jobs: hands objects to workers, takes their answers, consolidates, writes the output.

Everything that counts is in the database before anything else happens, and a step only looks there to know what to do
next. So a step can be killed at any instant and done again: an answer is one row that only one transaction can write,
and a file that is written again has the same name and says the same.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from io import BytesIO
from random import Random
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.documents import as_json, is_unicode, plain, with_result
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.job import is_streaming, queue_name
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.manifest import ManifestError, read_manifest
from labeling_provider.request import TaskType, task_type_of_request
from labeling_provider.request.rules import category_problems
from labeling_provider.request.templates import label_names, parse_category_document
from labeling_provider.service.cloud.eventbridge import Announce
from labeling_provider.service.cloud.messaging import Messaging
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.schema import jobs, objects, tasks
from labeling_provider.service.engine.arrivals import first_state
from labeling_provider.service.engine.consolidation import Results
from labeling_provider.service.engine.functions import Functions
from labeling_provider.service.engine.scheduler import Scheduler
from labeling_provider.service.engine.stream import Stream
from labeling_provider.service.errors import JobFailure
from labeling_provider.service.kinds.base import KINDS, JobFacts
from labeling_provider.service.learning.loop import PROBE_OBJECTS, ActiveLearning, Room
from labeling_provider.service.work.records import (
    Run,
    Task,
    fail_objects,
    labeled_by_machine,
    mark_answered,
    note,
    note_failures,
    update_job,
    waiting_objects,
)
from labeling_provider.service.work.simulated import WorkerPool
from labeling_provider.service.work.truth import Truth, TruthFileError
from labeling_provider.service.work.workforce import Workforce

log = logging.getLogger(__name__)

ACTIVE: Final = ("Initializing", "InProgress", "Stopping")
_REFRESH_SECONDS: Final = 10.0
_SHORTEST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 60.0
_LONGEST_REASON: Final = 500


class Engine:
    """Runs every active job until it ends.

    :param announce: is told of each job that has ended.
    :param learning: decides who labels what in jobs with automated labeling.
    :param speed: how many times faster than real time tasks, limits and lifetimes pass.
    """

    def __init__(
        self,
        database: Database,
        object_store: ObjectStore,
        workforce: Workforce,
        truth: Truth,
        messaging: Messaging,
        announce: Announce,
        learning: ActiveLearning,
        speed: float = 1.0,
    ) -> None:
        self._database, self._object_store, self._announce = database, object_store, announce
        self._workforce, self._truth, self._speed = workforce, truth, speed
        self._pool = WorkerPool(workforce.seed, truth, speed)
        self._functions = Functions(workforce.functions)
        self._results = Results(database, object_store, self._functions, speed)
        self._stream = Stream(database, messaging, speed)
        self._learning = learning
        self._by_queue: dict[str, int] = {}
        messaging.changed = self._queue_changed
        self._runs: dict[int, Run] = {}
        self._scheduler = Scheduler(self._step, self._give_up)

    def start(self) -> None:
        """Go on with every job that has not ended."""
        with self._database.read() as connection:
            active = connection.execute(sa.select(jobs.c.id).where(jobs.c.status.in_(ACTIVE))).scalars().all()
            accepted = sa.select(tasks.c.worker_id, tasks.c.due).where(tasks.c.state == "accepted")
            self._pool.resume({row.worker_id: row.due for row in connection.execute(accepted)})
        self._scheduler.start()
        for job_id in active:
            self.wake(job_id)

    def stop(self) -> None:
        """End after the steps that are under way; the jobs go on at the next start."""
        self._functions.close()
        self._scheduler.stop()

    def wake(self, job_id: int) -> None:
        """Look at a job now."""
        self._scheduler.wake(job_id)

    def _queue_changed(self, queue: str) -> None:
        if queue in self._by_queue:
            self.wake(self._by_queue[queue])

    def _step(self, job_id: int) -> float | None:
        """Do what is to be done for a job now; a job that can't go on fails with the reason.

        :return: seconds until it should be looked at again; None if it has ended.
        """
        try:
            return self._go_on(job_id)
        except JobFailure as failure:
            self._finish(job_id, "Failed", str(failure))
            return None
        except BaseException:
            # What it has learned may be half done: read it anew.
            self._runs.pop(job_id, None)
            raise

    def _give_up(self, job_id: int, error: BaseException) -> None:
        """End a job whose steps keep failing."""
        told = (str(error).splitlines() or [""])[0]
        reason = f"InternalServerError: {type(error).__name__}: {told[:_LONGEST_REASON]}. The service's log tells more."
        self._finish(job_id, "Failed", reason)

    def _go_on(self, job_id: int) -> float | None:
        with self._database.read() as connection:
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
            problems = category_problems(categories, task_type, automated="LabelingJobAlgorithmsConfig" in request)
            if problems:
                raise JobFailure(f"ClientError: {problems[0]}")
        template = request["HumanTaskConfig"]["UiConfig"].get("UiTemplateS3Uri")
        if template:
            self._read(template, "the worker template")
        source = request["InputConfig"]["DataSource"].get("S3DataSource")
        lines = self._manifest_lines(source["ManifestS3Uri"], task_type) if source else []
        streaming = is_streaming(request)
        kind = task_type.metadata_type
        made = [first_state(line, request["LabelAttributeName"], kind, row.name) for line in lines if not streaming]
        rows = [{"job_id": row.id, "object_id": number, **one} for number, (one, _) in enumerate(made)]
        reasons = [reason for _, reason in made if reason]
        self._write_manifest(row.id, request, rows)
        if streaming:
            self._stream.open(row, request, lines)
        states = Counter(one["state"] for one in rows)
        self._learning.check_size(request, states["waiting"])
        with self._database.write() as connection:
            status = connection.execute(sa.select(jobs.c.status).where(jobs.c.id == row.id)).scalar_one()
            if status != "Initializing":
                return
            connection.execute(sa.delete(objects).where(objects.c.job_id == row.id))
            if rows:
                connection.execute(sa.insert(objects), rows)
            self._learning.open(connection, row.id, request, rows)
            given, failed = states["given"], states["failed"]
            update_job(connection, row.id, status="InProgress", lines=len(rows), given=given, failed=failed)
            what = "waiting for messages" if streaming else f"{len(rows)} objects, {given} of them labeled already"
            note(connection, row.id, f"InProgress: {what}")
            note_failures(connection, row.id, reasons)

    def _manifest_lines(self, uri: str, task_type: TaskType) -> list[str]:
        """The lines of a job's input manifest.

        :raises JobFailure: if one of them can't be used.
        """
        raw = list(BytesIO(self._read(uri, "the input manifest")))
        try:
            count = sum(1 for _ in read_manifest(raw, uri, task_type.data_key))
        except ManifestError as error:
            raise JobFailure(f"ClientError: {error}") from None
        if not count:
            raise JobFailure(f"ClientError: {uri}: the manifest is empty")
        if count > task_type.maximum_objects:
            raise JobFailure(f"ClientError: {count:,} objects, at most {task_type.maximum_objects:,} are allowed")
        return [line.decode().strip() for line in raw]

    def _read(self, uri: str, what: str) -> bytes:
        try:
            return self._object_store.read(uri)
        except (MissingObject, ValueError):
            raise JobFailure(f"ClientError: {what} {uri} does not exist or is not readable") from None

    def _categories(self, request: dict[str, Any]) -> dict[str, Any]:
        uri = request.get("LabelCategoryConfigS3Uri")
        if not uri:
            return {}
        try:
            document = parse_category_document(self._read(uri, "the label category file"))
            if not all(map(is_unicode, label_names(document))):
                raise ValueError("a label is not valid Unicode: it holds half a surrogate pair")
            as_json(document["labels"])
        except (ValueError, RecursionError) as error:
            raise JobFailure(f"ClientError: {uri}: {error}") from None
        return document

    def _resume(self, row: sa.Row[Any]) -> Run:
        """Bring a job into this process: what it is, and what its kind can learn from earlier answers."""
        request = json.loads(row.request)
        task_type = task_type_of_request(request)
        categories = self._categories(request)
        human = request["HumanTaskConfig"]
        consolidation = human.get("AnnotationConsolidationConfig", {}).get("AnnotationConsolidationLambdaArn", "")
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
                object_store=self._object_store,
                consolidation_function=consolidation if consolidation in self._functions else "",
            )
        )
        with self._database.read() as connection:
            earlier = connection.execute(
                sa.select(objects.c.object_id, objects.c.line)
                .where(objects.c.job_id == row.id, objects.c.state == "labeled")
                .order_by(objects.c.stamp, objects.c.object_id)
            ).all()
            kind.learn(self._results.answers(connection, row.id, earlier))
        run = Run(row, kind, self._workforce.teams.get(row.workteam_arn, ()), streams=is_streaming(request))
        self._runs[row.id] = run
        if run.streams:
            self._by_queue[queue_name(row.name)] = row.id
        return run

    # Working

    def _work(self, run: Run, row: sa.Row[Any]) -> float:
        now = time.time()
        if not run.streams and now > row.created + Quota.JOB_SECONDS / self._speed:
            raise JobFailure("ClientError: the job has expired: it was not finished within 30 days")
        self._refresh_truth()
        by_object = self._tasks(run)
        if by_object:
            # Workers read pictures: nobody else may have to wait for that.
            self._pool.work(run, by_object, self._lines_to_answer(run), now)
            with self._database.write() as connection:
                status = connection.execute(sa.select(jobs.c.status).where(jobs.c.id == run.id)).scalar_one()
                if status != "InProgress":
                    return 0.0
                self._save(connection, run, by_object, now)
        pause = self._pool.pause(run, by_object, now) if by_object else None
        self._results.consolidate(run)
        if run.streams:
            return self._keep_streaming(run, now, pause)
        if pause is not None:
            if now - run.refreshed > _REFRESH_SECONDS:
                self._refresh_output(run, row.iteration, now)
            return min(max(pause, _SHORTEST_PAUSE), _LONGEST_PAUSE)
        self._write_intermediate(run, row.iteration)
        if not self._send_next_set(run):
            self._finish(run.id, "Stopped" if self._count(run.id, "waiting") else "Completed")
        return 0.0

    def _refresh_output(self, run: Run, iteration: int, now: float) -> None:
        """Write what is labeled so far, if that is more than when it was last written."""
        if run.changed:
            run.refreshed, run.changed = now, False
            self._write_manifest(run.id, run.job.request)
            self._write_intermediate(run, iteration)

    def _keep_streaming(self, run: Run, now: float, pause: float | None) -> float:
        """Send labels out and take objects in; a streaming job ends only by itself when nothing comes for too long.

        :param pause: seconds until something can happen with the workers; None if no object is with them.
        """
        published = self._stream.publish(run)
        room = run.set_size - self._count(run.id, "out")
        taken = self._stream.take(run, room - self._count(run.id, "waiting"), now)
        with self._database.read() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == run.id)).one()
            waiting = waiting_objects(run.id).order_by(objects.c.object_id).limit(max(room, 0))
            chosen = connection.execute(waiting).all()
        if chosen:
            self._send(run, chosen, iteration=1)
        if chosen or taken or published:
            return 0.0
        if pause is None or now - run.refreshed > _REFRESH_SECONDS:
            self._refresh_output(run, 1, now)
        left = self._stream.seconds_left(run, row.modified, now)
        if pause is None and left <= 0:
            self._finish(run.id, "Stopped")
            return 0.0
        return min(max(min(left, math.inf if pause is None else pause), _SHORTEST_PAUSE), _LONGEST_PAUSE)

    def _refresh_truth(self) -> None:
        try:
            self._truth.refresh()
        except TruthFileError as error:
            raise JobFailure(f"ClientError: {error}") from None

    def _tasks(self, run: Run) -> dict[int, list[Task]]:
        """The tasks of the objects that are with the workers; only the job's own step changes them."""
        query = (
            sa.select(tasks)
            .join(objects, (objects.c.job_id == tasks.c.job_id) & (objects.c.object_id == tasks.c.object_id))
            .where(tasks.c.job_id == run.id, objects.c.state == "out")
            .order_by(tasks.c.id)
        )
        found: dict[int, list[Task]] = defaultdict(list)
        with self._database.read() as connection:
            for row in connection.execute(query):
                task = Task(
                    row.id, row.object_id, row.state, row.tries, row.worker_id, row.expires, row.accepted, row.due
                )
                found[row.object_id].append(task)
        return found

    def _lines_to_answer(self, run: Run) -> dict[int, dict[str, Any]]:
        """The manifest lines of the objects with the workers; nobody reads them where people work."""
        if not run.team:
            return {}
        query = sa.select(objects.c.object_id, objects.c.line).where(
            objects.c.job_id == run.id, objects.c.state == "out"
        )
        with self._database.read() as connection:
            return {row.object_id: json.loads(row.line) for row in connection.execute(query)}

    def _save(self, connection: Connection, run: Run, by_object: dict[int, list[Task]], now: float) -> None:
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
        mark_answered(connection, run, answered, now)
        reasons = {one: self._reason(run, by_object[one]) for one in over if one not in set(answered)}
        fail_objects(connection, run, reasons, now)

    @staticmethod
    def _reason(run: Run, own: list[Task]) -> str:
        if any(task.state == "expired" and task.expires <= time.time() for task in own):
            return "The task expired: no worker has answered within TaskAvailabilityLifetimeInSeconds."
        trouble = run.troubles.pop(own[0].object_id, "")
        return f"The task was declined by as many workers as were asked for{trouble and ': '}{trouble.rstrip('.')}."

    # Sending

    def _room(self, run: Run, row: sa.Row[Any]) -> Room:
        """What the stopping conditions of a job still allow."""
        conditions = run.job.request.get("StoppingConditions") or {}
        people = everyone = None
        if "MaxHumanLabeledObjectCount" in conditions:
            people = max(int(conditions["MaxHumanLabeledObjectCount"]) - row.labeled, 0)
        if "MaxPercentageOfInputDatasetLabeled" in conditions:
            with self._database.read() as connection:
                by_machine = labeled_by_machine(connection, [run.id]).get(run.id, 0)
            share = conditions["MaxPercentageOfInputDatasetLabeled"] / 100
            everyone = max(math.ceil(share * row.lines) - row.given - row.labeled - by_machine, 0)
        return Room(people, everyone)

    def _count(self, job_id: int, state: str) -> int:
        query = sa.select(sa.func.count()).where(objects.c.job_id == job_id, objects.c.state == state)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _send_next_set(self, run: Run) -> bool:
        """Put the next set of objects into the workers' hands.

        :return: False if there is nothing left to send, or nothing more may be sent.
        """
        with self._database.read() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == run.id)).one()
        room, role = self._room(run, row), None
        if "LabelingJobAlgorithmsConfig" in run.job.request:
            chosen, role = self._learning.next_set(run, row, room)
        else:
            chosen = self._next_in_order(run, row)
            chosen = chosen[: room.for_people(len(chosen))]
        if not chosen:
            return False
        self._send(run, chosen, row.iteration + 1, role)
        return True

    def _next_in_order(self, run: Run, row: sa.Row[Any]) -> list[Any]:
        """First a few at random, then the rest in order."""
        waiting = waiting_objects(run.id)
        with self._database.read() as connection:
            if row.iteration:
                return list(connection.execute(waiting.order_by(objects.c.object_id).limit(run.set_size)))
            chosen = connection.execute(waiting).all()
        probe = Random(f"{self._workforce.seed}|{row.name}")  # noqa: S311 - a simulation
        return probe.sample(chosen, min(PROBE_OBJECTS, run.set_size, len(chosen)))

    def _send(self, run: Run, chosen: Sequence[Any], iteration: int, role: str | None = None) -> None:
        """Put objects into the workers' hands.

        :param role: what automated labeling wants their labels for.
        """
        refused = self._not_for_people(run, chosen)
        if refused is None:
            return
        now = time.time()
        expires = now + run.lifetime / self._speed
        sent = sorted(one.object_id for one in chosen if one.object_id not in refused)
        with self._database.write() as connection:
            connection.execute(
                sa.update(objects)
                .where(objects.c.job_id == run.id, objects.c.object_id == sa.bindparam("object"))
                .values(state="out", iteration=iteration),
                [{"object": one.object_id} for one in chosen],
            )
            if role:
                self._learning.assign(connection, run, [one.object_id for one in chosen], role)
            if sent:
                connection.execute(
                    sa.insert(tasks),
                    [
                        {"job_id": run.id, "object_id": one, "state": "open", "tries": 0, "expires": expires}
                        for one in sent
                        for _ in range(run.job.workers_per_object)
                    ],
                )
            fail_objects(connection, run, refused, now)
            update_job(connection, run.id, iteration=iteration)
            if not run.streams:
                note(connection, run.id, f"Iteration {iteration}: {len(sent)} objects sent to workers")

    def _not_for_people(self, run: Run, chosen: Sequence[Any]) -> dict[int, str] | None:
        """Ask the caller's pre-annotation function.

        :return: objects that it keeps from people, with the reason; None if the job is to stop meanwhile.
        """
        arn = run.human.get("PreHumanTaskLambdaArn", "")
        if arn not in self._functions:
            return {}
        refused = {}
        for row in chosen:
            with self._database.read() as connection:
                status = connection.execute(sa.select(jobs.c.status).where(jobs.c.id == run.id)).scalar_one()
            if status != "InProgress":
                return None
            event = {
                "version": "2018-10-16",
                "labelingJobArn": run.job.arn,
                "dataObject": json.loads(row.line),
            }
            answer = self._functions.call(arn, event)
            if not isinstance(answer, dict) or not isinstance(answer.get("taskInput"), dict):
                raise JobFailure(f'ClientError: The function {arn} must return {{"taskInput": {{…}}}}')
            needed = answer.get("isHumanAnnotationRequired", answer.get("humanAnnotationRequired", True))
            if str(needed).lower() == "false":
                refused[row.object_id] = "The pre-annotation function asked for no annotation by people."
        return refused

    # Ending and writing

    def _finish(self, job_id: int, status: str, reason: str | None = None) -> None:
        """End a job: what was labeled is written, what is under way is dropped."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).one()
        if row.status not in ACTIVE:
            return
        parts = [self._leave_stream, self._write_last_manifest]
        if status != "Failed":
            parts.insert(0, self._label_what_is_answered)
        for part in parts:
            try:
                part(row)
            except Exception:
                # A job that has failed ends, whatever else does not work.
                if status != "Failed":
                    raise
                log.exception("job %s has failed, and its end is not complete", row.name)
        self._runs.pop(job_id, None)
        with self._database.write() as connection:
            connection.execute(
                sa.update(tasks)
                .where(tasks.c.job_id == job_id, tasks.c.state.in_(("open", "accepted")))
                .values(state="expired")
            )
            update_job(connection, job_id, status=status, failure_reason=reason and plain(reason, 1024))
            note(connection, job_id, f"{status}: {reason}" if reason else status)
        log.info("job %s: %s %s", row.name, status, reason or "")
        self._announce(row.arn, status)

    def _label_what_is_answered(self, row: sa.Row[Any]) -> None:
        if not row.lines:
            return
        streams = is_streaming(json.loads(row.request))
        if streams or self._count(row.id, "answered"):
            run = self._runs.get(row.id) or self._resume(row)
            self._results.consolidate(run)
            while streams and self._stream.publish(run):
                pass

    def _leave_stream(self, row: sa.Row[Any]) -> None:
        if is_streaming(json.loads(row.request)):
            self._by_queue.pop(queue_name(row.name), None)
            self._stream.close(row.name)

    def _write_last_manifest(self, row: sa.Row[Any]) -> None:
        if row.lines:
            self._write_manifest(row.id, json.loads(row.request))

    def _write_manifest(
        self, job_id: int, request: dict[str, Any], rows: Sequence[dict[str, Any]] | None = None
    ) -> None:
        """Write the output manifest: one line per input line, with the label where there is one."""
        output = join_s3_uri(request["OutputConfig"]["S3OutputPath"], request["LabelingJobName"])
        lines = [with_result(row["line"], row["result"]) for row in rows or ()]
        if rows is None:
            query = sa.select(objects.c.line, objects.c.result).where(objects.c.job_id == job_id)
            with self._database.read() as connection:
                found = connection.execute(query.order_by(objects.c.object_id))
                lines = [with_result(row.line, row.result) for row in found]
        body = "".join(line + "\n" for line in lines).encode()
        try:
            self._object_store.write({layout.output_manifest_uri(output): (body, "application/x-sagemaker-manifest")})
        except MissingObject as missing:
            raise JobFailure(f"ClientError: cannot write {missing}: the bucket does not exist") from None

    def _write_intermediate(self, run: Run, iteration: int) -> None:
        """Write the finished labels of the set that is under way."""
        if not iteration:
            return
        query = (
            sa.select(objects.c.object_id, objects.c.line, objects.c.result)
            .where(objects.c.job_id == run.id, objects.c.iteration == iteration)
            .where(objects.c.state == "labeled")
            .order_by(objects.c.object_id)
        )
        with self._database.read() as connection:
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
        self._object_store.write({uri: (body, "application/json")})
