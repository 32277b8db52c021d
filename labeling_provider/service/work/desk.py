"""Where people take tasks and submit answers, with the same moves as simulated workers."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Final

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.documents import as_json
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.clock import Clock
from labeling_provider.service.database import job_rows, object_rows, people_rows, running, task_inputs, task_rows
from labeling_provider.service.database.database import Connection, Database, Row
from labeling_provider.service.database.job_rows import JobRow
from labeling_provider.service.database.states import ObjectState, RemarkKind, TaskState
from labeling_provider.service.kinds.kind import AnswerError, Kind
from labeling_provider.service.measures import ANSWERS
from labeling_provider.service.work import tasks
from labeling_provider.service.work.held_tasks import HeldTask, HeldTasks, held_task
from labeling_provider.service.work.open_tasks import OpenTasks
from labeling_provider.service.work.people import Person
from labeling_provider.service.work.tasks import Move, Refusal

MAX_DRAFT_CHARACTERS: Final = 5_000_000
"""Longest draft, in characters of JSON; the page sends at most 4,000,000, without spaces."""
MAX_REMARK_CHARACTERS: Final = 2_000
_ANSWERS: Final = ANSWERS.labels("people")
_MAX_JOBS: Final = 200
_MAX_TRIES: Final = 20
_SPARE: Final = 8
_GATHER_SECONDS: Final = 0.2
"""How long a finished object waits for others, so that one step of its job takes them all."""


class MoveRefused(Exception):
    """A move that was not made; what the person has done stays on the page.

    :param reason: why.
    """

    def __init__(self, reason: Refusal | str) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Waiting(StrEnum):
    """Why there is no task for a person."""

    OVER = "over"
    """The job has labeled all its objects, or there is no such job any more."""
    STOPPED = "stopped"
    """Somebody has stopped the job."""
    FAILED = "failed"
    """The job has failed."""
    STARTING = "starting"
    """The job has not begun."""
    OTHERS = "others"
    """Others have the tasks that the person could do; the person may get one that is returned."""
    ANSWERS = "answers"
    """The person has had all objects that are with workers; these need answers from others."""
    ARRIVALS = "arrivals"
    """All objects that have arrived so far have their answers."""
    OBJECTS = "objects"
    """The service is preparing the next objects, or the end."""


class NoJobs(StrEnum):
    """Why there is no job for a person."""

    TEAM = "team"
    """The person is in no workteam."""
    ENDED = "ended"
    """All jobs of the person's workteams have ended."""
    NONE = "none"
    """The person's workteams have had no job yet."""


_OVER: Final = {
    JobStatus.COMPLETED: Waiting.OVER,
    JobStatus.STOPPING: Waiting.STOPPED,
    JobStatus.STOPPED: Waiting.STOPPED,
    JobStatus.FAILED: Waiting.FAILED,
}


class NoSuchTask(Exception):
    """There is no such task or job for this person."""


@dataclass(frozen=True)
class JobAtDesk:
    """A labeling job as people work on it.

    :param request: the CreateLabelingJob request.
    :param make_kind: makes its kind, for which its label categories are read.
    """

    id: int
    name: str
    workteam_arn: str
    request: JobRequest
    make_kind: Callable[[], Kind]
    _kinds: list[Kind] = field(default_factory=list, init=False)

    @property
    def time_limit(self) -> float:
        """Seconds that a person has for a task."""
        return float(self.request.task_seconds)

    @property
    def kind(self) -> Kind:
        """Checks answers. The other moves can be made without it, and so without the object store.

        :raises JobFailure: if the label categories can't be read.
        :raises ObjectsAway: if the object store does not answer.
        """
        # A cached_property would have a lock, before Python 3.12 even one for all jobs.
        if not self._kinds:
            self._kinds.append(self.make_kind())
        return self._kinds[0]


@dataclass(frozen=True)
class TaskInHand:
    """A task that a person is at.

    :param accepted: epoch seconds.
    :param seconds_left: until the end of the time limit.
    :param active: seconds of active work on it so far.
    :param draft: what the page has saved; None if nothing.
    """

    id: int
    job: JobAtDesk
    object_id: int
    accepted: float
    seconds_left: float
    active: float
    draft: Any


@dataclass(frozen=True)
class Handed:
    """What a person has to do now.

    :param task: None if there is nothing.
    :param ahead: the task that is likely to come next, to be loaded ahead; None if none is known.
    """

    task: TaskInHand | None
    ahead: int | None


@dataclass(frozen=True)
class OfferedJob:
    """A job in the list of a person.

    :param left: number of objects that the person may label, including those not yet sent to workers.
    :param in_hand: whether the person has begun a task of it.
    :param others: how many other people are at work on it.
    :param waiting: what the person waits for; None if there is something to do.
    """

    job: JobRow
    left: int
    in_hand: bool
    others: int
    waiting: Waiting | None


class Desk:
    """The one way from people's pages to the task queue.

    :param kind_of: the kind of a job's tasks, by the job's name, ARN and request.
    :param wake: called when a job's engine has something to do, as :meth:`Engine.wake` is.
    """

    def __init__(
        self,
        database: Database,
        kind_of: Callable[[str, str, JobRequest], Kind],
        clock: Clock,
        wake: Callable[..., None],
    ) -> None:
        self._database, self._kind_of, self._clock, self._wake = database, kind_of, clock, wake
        self._open_tasks = OpenTasks()
        self._held = HeldTasks()
        self._jobs: OrderedDict[int, JobAtDesk] = OrderedDict()
        self._changing = threading.Lock()

    # Looking

    def jobs(self, person: Person) -> list[OfferedJob]:
        """The jobs that a person may work on, including those with nothing to do right now."""
        now = self._clock.now()
        with self._database.read() as connection:
            offered = []
            for job in job_rows.jobs_of_teams(connection, person.teams):
                open_now = task_rows.count_open(connection, job.id, person.worker_id, now)
                waiting = object_rows.count(connection, job.id, ObjectState.WAITING)
                in_hand = task_rows.in_hand(connection, job.id, person.worker_id, now) is not None
                others = task_rows.workers_at_work(connection, job.id, now) - {person.worker_id}
                left = open_now + waiting
                why = None if left or in_hand else self._waits_for(connection, person, job.id, job.request.is_streaming)
                # A job may end meanwhile.
                if why not in _OVER.values():
                    offered.append(OfferedJob(job, left, in_hand, len(others), why))
        return offered

    def no_jobs(self, person: Person) -> NoJobs:
        """Why there is no job for a person who has none."""
        if not person.teams:
            return NoJobs.TEAM
        with self._database.read() as connection:
            return NoJobs.ENDED if job_rows.have_had_jobs(connection, person.teams) else NoJobs.NONE

    def job(self, person: Person, job_id: int) -> JobAtDesk:
        """A job of a person's workteams.

        :raises NoSuchTask: if there is none.
        """
        with self._changing:
            known = self._jobs.get(job_id)
            if known is not None:
                self._jobs.move_to_end(job_id)
        if known is None:
            known = self._read(job_id)
        if known is None or known.workteam_arn not in person.teams:
            raise NoSuchTask("This labeling job does not exist, or your workteam has no access to it.")
        return known

    def is_over(self, job: JobAtDesk) -> bool:
        """Whether a job does not go on."""
        with self._database.read() as connection:
            return _is_over(running.find(connection, job.id))

    def waits_for(self, person: Person, job: JobAtDesk) -> Waiting:
        """What a person without a task of a job waits for."""
        with self._database.read() as connection:
            return self._waits_for(connection, person, job.id, job.request.is_streaming)

    def wanted(self, job_id: int, waiting: int) -> int:
        """How many of those who wait for a task of a job should ask for one now.

        :param waiting: how many wait.
        :return: a few more than there are tasks, because some may have had these objects; all if the job is over.
        """
        with self._database.read() as connection:
            count = len(task_rows.open_tasks(connection, job_id, self._clock.now(), waiting))
            if not count:
                return waiting if _is_over(running.find(connection, job_id)) else 0
        return count + _SPARE

    def shown(self, person: Person, task_id: int) -> tuple[JobAtDesk, dict[str, Any], dict[str, Any] | None]:
        """The job and the manifest line of a task that a person has in hand or may get, and its prepared input.

        :raises NoSuchTask: if it is neither.
        """
        job_id, line = self._line(person, task_id)
        job, prepared = self.job(person, job_id), None
        if job.request.pre_annotation_arn and job.request.task_type.function is None:
            with self._database.read() as connection:
                prepared = task_inputs.of_task(connection, task_id)
        return job, json.loads(line), prepared

    def in_hand(self, person: Person, task_id: int) -> tuple[JobAtDesk, dict[str, Any]]:
        """The job and the manifest line of a task that a person has in hand.

        :raises MoveRefused: if the person does not have it.
        """
        row, now = self._row(person, task_id), self._clock.now()
        if row.state != TaskState.ACCEPTED or row.due < now:
            with self._database.read() as connection:
                raise MoveRefused(tasks.why_not(connection, Move(task_id, person.worker_id, now)))
        return self.job(person, row.job_id), json.loads(row.line)

    # Moves

    def next(self, person: Person, job_id: int) -> Handed:
        """The task that a person has in hand, or else the next one.

        :raises NoSuchTask: if there is no such job for the person.
        """
        job = self.job(person, job_id)
        with self._database.write(together=True) as connection:
            return self._next(connection, person, job, self._clock.now())

    def save(self, person: Person, task_id: int, draft: Any, active: float) -> None:
        """Keep a draft.

        :param draft: any JSON value.
        :param active: seconds of active work on the task so far.
        :raises MoveRefused: if the person does not have the task any more, or the draft is too large.
        """
        try:
            text = as_json(draft)
        except (ValueError, RecursionError):
            raise MoveRefused("The draft can't be kept.") from None
        if len(text) > MAX_DRAFT_CHARACTERS:
            raise MoveRefused(f"The draft has more than {MAX_DRAFT_CHARACTERS:,} characters.")
        task, _ = self._task(person, task_id)
        now = self._clock.now()
        move = Move(task_id, person.worker_id, now, text, self._bounded(task, active, now))
        with self._database.write(together=True) as connection:
            if not tasks.save(connection, [move]):
                raise MoveRefused(tasks.why_not(connection, move))

    def submit(self, person: Person, task_id: int, content: Any, active: float) -> Handed:
        """Accept an answer as final, and hand out the next task.

        Submitting it again, because the reply was lost, changes nothing.

        :param content: what the form has sent, by element name.
        :param active: seconds of active work on the task.
        :raises MoveRefused: if the answer is invalid, the task already has another answer, or the person does not
            have the task any more.
        """
        task, job = self._task(person, task_id)
        try:
            job.kind.check_answer(content, json.loads(task.line))
        except AnswerError as error:
            raise MoveRefused(str(error)) from None
        now = self._clock.now()
        move = Move(task_id, person.worker_id, now, as_json(content), self._bounded(task, active, now))
        with self._database.write(together=True) as connection:
            accepted = tasks.submit(connection, [move])
            if not accepted and not tasks.has_answer(connection, move):
                raise MoveRefused(tasks.why_not(connection, move))
            handed = self._after(connection, person, job, task, now)
        _ANSWERS.inc(accepted)
        # A person without a task waits for what the next step hands out.
        self._wake(job.id, _GATHER_SECONDS, patient=handed.task is not None)
        return handed

    def decline(self, person: Person, task_id: int, reason: str) -> Handed:
        """Take back for good a task that a person declines, and hand out the next one.

        :raises MoveRefused: if the person does not have the task any more.
        """
        task, job = self._task(person, task_id)
        now = self._clock.now()
        move = Move(task_id, person.worker_id, now)
        with self._database.write(together=True) as connection:
            if not tasks.decline(connection, [move]):
                raise MoveRefused(tasks.why_not(connection, move))
            if reason.strip():
                self._remark(connection, task, person, RemarkKind.DECLINE, reason, now)
            handed = self._after(connection, person, job, task, now)
        self._wake(job.id)
        return handed

    def release(self, person: Person, task_id: int) -> None:
        """Give a task back for anybody to accept; what was done is lost.

        :raises MoveRefused: if the person does not have the task any more.
        """
        task, job = self._task(person, task_id)
        move = Move(task_id, person.worker_id, self._clock.now())
        with self._database.write(together=True) as connection:
            if not tasks.release(connection, [move]):
                raise MoveRefused(tasks.why_not(connection, move))
        self._held.forget(task_id)
        self._open_tasks.returned(job.id, person.worker_id, task.object_id)

    def remark(self, person: Person, task_id: int, text: str) -> None:
        """Tell the requester something about a task's object.

        :raises MoveRefused: if there is nothing to tell.
        """
        task, _ = self._task(person, task_id)
        if not text.strip():
            raise MoveRefused("Write what the requester should know.")
        with self._database.write(together=True) as connection:
            self._remark(connection, task, person, RemarkKind.COMMENT, text, self._clock.now())

    # Details

    def _waits_for(self, connection: Connection, person: Person, job_id: int, is_streaming: bool) -> Waiting:
        row = running.find(connection, job_id)
        if row is None or row.status in _OVER:
            return Waiting.OVER if row is None else _OVER[row.status]
        if row.status == JobStatus.INITIALIZING:
            return Waiting.STARTING
        if task_rows.held_by_others(connection, job_id, person.worker_id, self._clock.now()):
            return Waiting.OTHERS
        if task_rows.has_undecided(connection, job_id):
            return Waiting.ANSWERS
        return Waiting.ARRIVALS if is_streaming else Waiting.OBJECTS

    def _read(self, job_id: int) -> JobAtDesk | None:
        with self._database.read() as connection:
            row = running.find(connection, job_id)
        if row is None:
            return None
        request = JobRequest(json.loads(row.request))
        make_kind = partial(self._kind_of, row.name, row.arn, request)
        job = JobAtDesk(row.id, row.name, row.workteam_arn, request, make_kind)
        with self._changing:
            self._jobs[job_id] = job
            if len(self._jobs) > _MAX_JOBS:
                self._open_tasks.forget(self._jobs.popitem(last=False)[0])
        return job

    def _task(self, person: Person, task_id: int) -> tuple[HeldTask, JobAtDesk]:
        """A task that is, or was, a person's. Only the next move shows whether it still is.

        :raises MoveRefused: if it was never the person's.
        """
        task = self._held.find(task_id, person.worker_id) or held_task(self._row(person, task_id))
        return task, self.job(person, task.job_id)

    def _row(self, person: Person, task_id: int) -> Row:
        """A task that is, or was, a person's, with its line.

        :raises MoveRefused: if it was never the person's.
        """
        with self._database.read() as connection:
            row = task_rows.find_with_line(connection, task_id)
            if row is not None and row.worker_id == person.worker_id:
                return row
            if row is not None and row.state == TaskState.EXPIRED:
                raise MoveRefused(tasks.why_expired(connection, row.job_id))
        raise MoveRefused(Refusal.NOT_IN_HAND)

    def _line(self, person: Person, task_id: int) -> tuple[int, str]:
        """The job and the manifest line of a task that a person has in hand or may get.

        :raises NoSuchTask: if it is neither.
        """
        held = self._held.find(task_id, person.worker_id)
        known = (held.job_id, held.line) if held else self._open_tasks.line_of(person.worker_id, task_id)
        if known is not None:
            return known
        with self._database.read() as connection:
            row = task_rows.find_with_line(connection, task_id)
        if row is None or not (row.worker_id == person.worker_id or row.state == TaskState.OPEN):
            raise NoSuchTask("There is no such task, or it is not yours.")
        return row.job_id, row.line

    def _bounded(self, task: HeldTask, active: float, now: float) -> float:
        """Active seconds, at most those between acceptance and now, in the service's time."""
        passed = self._clock.passed(max(now - task.accepted, 0.0))
        return round(min(max(self._clock.passed(active), 0.0), passed), 3)

    def _remark(
        self, connection: Connection, task: HeldTask, person: Person, kind: RemarkKind, text: str, now: float
    ) -> None:
        remark = text.strip()[:MAX_REMARK_CHARACTERS]
        people_rows.add_remark(connection, task.job_id, task.object_id, person.worker_id, kind, remark, now)

    def _after(self, connection: Connection, person: Person, job: JobAtDesk, task: HeldTask, now: float) -> Handed:
        """The next task, when a person is done with one."""
        self._held.forget(task.id)
        self._open_tasks.taken(job.id, person.worker_id, task.id, task.object_id)
        return self._next(connection, person, job, now)

    def _next(self, connection: Connection, person: Person, job: JobAtDesk, now: float) -> Handed:
        row = self._accept(connection, person, job, now)
        if row is None:
            return Handed(None, None)
        self._held.keep(held_task(row))
        task = TaskInHand(
            row.id,
            job,
            row.object_id,
            row.accepted,
            seconds_left=max(row.due - now, 0.0),
            active=self._clock.real(row.spent or 0.0),
            draft=None if row.answer is None else json.loads(row.answer),
        )
        return Handed(task, self._open_tasks.suggest(connection, job.id, person.worker_id, now))

    def _accept(self, connection: Connection, person: Person, job: JobAtDesk, now: float) -> Row | None:
        """The task that a person has in hand, or else the one that was loaded ahead, or the next one that is free."""
        worker, due = person.worker_id, now + self._clock.real(job.time_limit)
        row = None
        for tries in range(_MAX_TRIES):
            task_id = self._open_tasks.suggest(connection, job.id, worker, now)
            # Most people have none in hand and get the suggested one, in one statement.
            row = None if task_id is None else tasks.accept_this(connection, task_id, worker, now, due)
            if row is not None:
                break
            if not tries:
                held = task_rows.in_hand(connection, job.id, worker, now)
                if held is not None:
                    return task_rows.find_with_line(connection, held.id)
            if task_id is None:
                break
            self._open_tasks.gone(job.id, worker)
        if row is None:
            row = tasks.accept_next(connection, job.id, worker, now, due)
        if row is not None:
            self._open_tasks.taken(job.id, worker, row.id, row.object_id)
        return row


def _is_over(job: Row | None) -> bool:
    """Whether a job does not go on."""
    return job is None or job.status in _OVER
