"""The stage that sends a labeling job's objects to workers, one set at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from labeling_provider.errors import counted
from labeling_provider.groundtruth.documents import as_json, trouble_with
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.clock import Clock
from labeling_provider.service.database import lease_rows, object_rows, task_inputs, task_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.object_rows import WaitingObject
from labeling_provider.service.database.running import find, labeled_by_machine, note, update_job
from labeling_provider.service.database.states import LearningRole, ObjectState
from labeling_provider.service.engine.functions import Functions
from labeling_provider.service.failures import JobFailure
from labeling_provider.service.kinds.kind import Kind
from labeling_provider.service.learning.loop import PROBE_OBJECTS, ActiveLearning, Room
from labeling_provider.service.work import tasks
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.outcomes import fail_objects

# The first is documented; the sample functions of Amazon's recipe return the second, and either as a string.
_ASKS_FOR_PEOPLE: Final = ("isHumanAnnotationRequired", "humanAnnotationRequired")
_TRUTHS: Final = {"true": True, "false": False}


class HandOut:
    """Chooses a job's next objects and offers them to workers.

    :param learning: decides who labels which objects in jobs with automated labeling.
    :param seed: seed of the random sample that comes first.
    """

    def __init__(
        self, database: Database, learning: ActiveLearning, functions: Functions, clock: Clock, seed: int
    ) -> None:
        self._database, self._learning, self._functions = database, learning, functions
        self._clock, self._seed = clock, seed

    def next_set(self, run: Run) -> bool:
        """Send the next set of objects to workers.

        :return: False if no objects are left, or the stopping conditions allow no more.
        """
        with self._database.read() as connection:
            job = find(connection, run.id)
        if job is None:
            return False
        room = self._room(run, job)
        role: LearningRole | None = None
        if run.request.is_automated:
            chosen, role = self._learning.next_set(run, job, room)
        else:
            chosen = self._in_order(run, job)
            chosen = chosen[: room.for_people(len(chosen))]
        if not chosen:
            return False
        self.send(run, chosen, job.iteration + 1, role)
        return True

    def top_up(self, run: Run, job: Row, now: float) -> bool:
        """Let people go on without waiting for the last objects of a set: add more objects to the current set.

        :return: whether any were added.
        """
        if run.request.is_automated or not job.iteration:
            return False
        simulated = {worker.worker_id for worker in run.team}
        with self._database.read() as connection:
            if simulated and not task_rows.workers_at_work(connection, run.id, now) - simulated:
                return False
            free = run.set_size - object_rows.count(connection, run.id, ObjectState.OUT)
            chosen = object_rows.waiting(connection, run.id, free) if free > 0 else []
        chosen = chosen[: self._room(run, job).for_people(len(chosen))]
        if chosen:
            self.send(run, chosen, job.iteration)
        return bool(chosen)

    def _room(self, run: Run, job: Row) -> Room:
        """How many labels the job's stopping conditions still allow."""
        request, people, everyone = run.request, None, None
        if request.max_human_labeled is not None:
            people = max(request.max_human_labeled - job.labeled, 0)
        if request.max_percentage_labeled is not None:
            with self._database.read() as connection:
                by_machine = labeled_by_machine(connection, [run.id]).get(run.id, 0)
            everyone = max(
                math.ceil(request.max_percentage_labeled / 100 * job.lines) - job.given - job.labeled - by_machine, 0
            )
        return Room(people, everyone)

    def _in_order(self, run: Run, job: Row) -> list[WaitingObject]:
        """A few random objects first, then the rest in order."""
        with self._database.read() as connection:
            if job.iteration:
                return object_rows.waiting(connection, run.id, run.set_size)
            count = object_rows.count(connection, run.id, ObjectState.WAITING)
            probe = Random(f"{self._seed}|{job.name}")  # noqa: S311 - a simulation
            places = probe.sample(range(count), min(PROBE_OBJECTS, run.set_size, count))
            return [row for place in places for row in object_rows.waiting(connection, run.id, 1, skipped=place)]

    def send(self, run: Run, chosen: Sequence[WaitingObject], iteration: int, role: LearningRole | None = None) -> None:
        """Send objects to workers, unless the job has been told to stop.

        :param role: what automated labeling will use their labels for.
        :raises JobFailure: if the pre-annotation function fails, or returns something else than it must.
        """
        obstacles = _obstacles(run, chosen)
        inputs, refused = self._prepare(run, [row for row in chosen if row.object_id not in obstacles])
        refused |= obstacles
        now = self._clock.now()
        sent = sorted(row.object_id for row in chosen if row.object_id not in refused)
        with self._database.write() as connection:
            if lease_rows.hold(connection, run.lease) != JobStatus.IN_PROGRESS:
                return
            object_rows.send_out(connection, run.id, [row.object_id for row in chosen], iteration)
            if role:
                self._learning.assign(connection, run, [row.object_id for row in chosen], role)
            task_inputs.put(connection, run.id, inputs)
            tasks.offer(connection, run, sent, now + self._clock.real(run.lifetime))
            fail_objects(connection, run, refused, now)
            update_job(connection, run.id, iteration=iteration)
            if not run.streams:
                note(connection, run.id, f"Iteration {iteration}: {counted(len(sent), 'object')} sent to workers")

    def _prepare(self, run: Run, chosen: Sequence[WaitingObject]) -> tuple[dict[int, str], dict[int, str]]:
        """Call the caller's pre-annotation function, if there is one, for each object.

        :return: what templates get as input, as JSON, and why objects are kept from people, by object id.
        """
        arn = run.request.pre_annotation_arn or ""
        inputs: dict[int, str] = {}
        refused: dict[int, str] = {}
        for row in chosen if arn in self._functions else ():
            with self._database.read() as connection:
                if lease_rows.hold(connection, run.lease) != JobStatus.IN_PROGRESS:
                    break
            event = {
                "version": "2018-10-16",
                "labelingJobArn": run.job.arn,
                "dataObject": json.loads(row.line),
            }
            result = self._functions.call(arn, event)
            if not isinstance(result, dict) or not isinstance(result.get("taskInput"), dict):
                raise JobFailure(f'ClientError: The function {arn} must return {{"taskInput": {{…}}}}')
            if not _needs_people(arn, result):
                refused[row.object_id] = "The pre-annotation function said that no human annotation is required."
                continue
            inputs[row.object_id] = as_json(result["taskInput"])
            trouble = trouble_with(inputs[row.object_id], result["taskInput"])
            if trouble:
                raise JobFailure(f"ClientError: The function {arn} returned a taskInput that can't be used. {trouble}")
        return inputs, refused


def _needs_people(arn: str, result: dict[str, Any]) -> bool:
    """Whether a pre-annotation function's result says that workers see the object. They do if it says nothing.

    :raises JobFailure: if it says anything other than true or false.
    """
    for key in _ASKS_FOR_PEOPLE:
        answer = result.get(key)
        if answer is None:
            continue
        if str(answer).strip().lower() not in _TRUTHS:
            raise JobFailure(f"ClientError: The function {arn} returned a {key} that is neither true nor false.")
        return _TRUTHS[str(answer).strip().lower()]
    return True


def _obstacles(run: Run, chosen: Sequence[WaitingObject]) -> dict[int, str]:
    """Why no worker could work on some of the objects, by object id."""
    if type(run.kind).obstacle is Kind.obstacle:
        # Most kinds take any object, and so need no line.
        return {}
    obstacles = ((row.object_id, run.kind.obstacle(json.loads(row.line))) for row in chosen)
    return {object_id: reason for object_id, reason in obstacles if reason is not None}
