"""Simulated workers: which tasks they take, when, and what they answer. They use the task queue as people do."""

from __future__ import annotations

import heapq
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from labeling_provider.groundtruth.documents import as_json
from labeling_provider.service.clock import Clock
from labeling_provider.service.database import object_rows, task_rows, worker_rows
from labeling_provider.service.database.database import Connection, Database, Row
from labeling_provider.service.database.states import TaskState
from labeling_provider.service.failures import ObjectFailure, for_object
from labeling_provider.service.kinds.kind import Kind
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.tasks import Acceptance, Move
from labeling_provider.service.work.truth import Truth
from labeling_provider.service.work.workforce import SimulatedWorker


@dataclass
class Moves:
    """The moves that simulated workers make with a job's tasks."""

    accepted: list[Acceptance] = field(default_factory=list)
    submitted: list[Move] = field(default_factory=list)
    declined: list[Move] = field(default_factory=list)


class _InHand(NamedTuple):
    """A task that a simulated worker holds.

    :param due: when the worker is done with it, in epoch seconds.
    :param seconds: how long the work takes, in service time.
    :param chance: the random numbers for the answer.
    """

    id: int
    object_id: int
    worker: SimulatedWorker
    due: float
    seconds: float
    chance: Random


class SimulatedWorkers:
    """The simulated workers of all workteams. A worker does one task at a time, across all jobs and processes.

    :param teams: the workers by workteam ARN.
    :param seed: seed of the workers' random choices.
    :param truth: the right answers.
    """

    def __init__(
        self, database: Database, teams: Mapping[str, Sequence[SimulatedWorker]], seed: int, truth: Truth, clock: Clock
    ) -> None:
        self._database, self._teams, self._seed, self._truth, self._clock = database, teams, seed, truth, clock

    def start(self) -> None:
        """Register the workers who take time for a task."""
        ids = {worker.worker_id for team in self._teams.values() for worker in team if worker.seconds_per_task}
        if ids:
            with self._database.write() as connection:
                worker_rows.introduce(connection, ids)

    def occupy(self, connection: Connection, run: Run, moves: Moves) -> bool:
        """Mark workers as busy with the tasks they have chosen, in the caller's transaction.

        :return: whether all of them were still free; if not, the moves must not be made.
        """
        slow = {worker.worker_id for worker in run.team if worker.seconds_per_task}
        return worker_rows.occupy(
            connection, [acceptance._asdict() for acceptance in moves.accepted if acceptance.worker in slow]
        )

    def _busy(self, connection: Connection, run: Run) -> dict[str, float]:
        """When the busy workers of a job's team will be free, in epoch seconds; instant workers are never busy."""
        return worker_rows.busy(connection, [worker.worker_id for worker in run.team if worker.seconds_per_task])

    def answers(self, run: Run, now: float) -> Moves:
        """The moves for the tasks that are due by now.

        :param now: epoch seconds.
        """
        moves = Moves()
        if run.team:
            team = {worker.worker_id: worker for worker in run.team}
            with self._database.read() as connection:
                due = task_rows.due(connection, run.id, now)
            # If the workforce file no longer has the worker, the task expires and another worker takes it.
            held = [self._in_hand(run, row, team[row.worker_id], row.due) for row in due if row.worker_id in team]
            self._answer(run, held, {row.object_id: row.line for row in due}, moves)
        return moves

    def choices(self, run: Run, now: float) -> Moves:
        """The open tasks that workers accept by now, and the moves for those that they have finished by now.

        Workers do not wait for this step: one that finished a task a while ago started its next task at that time, and
        may have finished that as well.

        :param now: epoch seconds.
        """
        moves = Moves()
        if not run.team:
            return moves
        with self._database.read() as connection:
            rows = task_rows.with_workers(connection, run.id)
            busy = self._busy(connection, run)
        finished = self._choose(run, rows, busy, now, moves)
        if finished:
            with self._database.read() as connection:
                lines = object_rows.lines(connection, run.id, {task.object_id for task in finished})
            self._answer(run, finished, lines, moves)
        return moves

    def free_at(self, run: Run, now: float) -> float | None:
        """When the next busy worker of a job's team will be free, in epoch seconds; None if no worker is busy."""
        with self._database.read() as connection:
            times = self._busy(connection, run).values()
        return min((until for until in times if until > now), default=None)

    def _choose(self, run: Run, rows: Iterable[Row], busy: dict[str, float], now: float, moves: Moves) -> list[_InHand]:
        """Let free workers accept open tasks.

        :param rows: the tasks of the objects that are with workers.
        :param busy: when busy workers will be free, by worker id.
        :return: the accepted tasks that are finished by now.
        """
        free_tasks: dict[int, list[Row]] = defaultdict(list)
        seen: dict[int, set[str]] = defaultdict(set)
        for row in rows:
            if row.state == TaskState.OPEN and row.expires > now:
                free_tasks[row.object_id].append(row)
            if row.worker_id is not None:
                seen[row.object_id].add(row.worker_id)
        finished = []
        free = [
            (until, turn, worker)
            for turn, worker in enumerate(run.team)
            if (until := busy.get(worker.worker_id, 0.0)) <= now
        ]
        heapq.heapify(free)
        while free and free_tasks:
            at, turn, worker = heapq.heappop(free)
            object_id = next((key for key in free_tasks if worker.worker_id not in seen[key]), None)
            if object_id is None:
                continue
            task = free_tasks[object_id].pop(0)
            seen[object_id].add(worker.worker_id)
            if not free_tasks[object_id]:
                del free_tasks[object_id]
            in_hand = self._accept(run, worker, task, at, now, moves)
            if in_hand.due <= now:
                finished.append(in_hand)
                heapq.heappush(free, (in_hand.due, turn + len(run.team), worker))
        return finished

    def _accept(self, run: Run, worker: SimulatedWorker, task: Row, at: float, now: float, moves: Moves) -> _InHand:
        """Give a task to a worker.

        :param at: since when the worker has been free, in epoch seconds.
        """
        sent = task.expires - self._clock.real(run.lifetime)
        accepted = now if worker.seconds_per_task == 0 else max(at, sent)
        in_hand = self._in_hand(run, task, worker, accepted)
        due = accepted + self._clock.real(min(in_hand.seconds, run.time_limit))
        moves.accepted.append(Acceptance(task.id, worker.worker_id, accepted, due))
        return in_hand._replace(due=due)

    def _in_hand(self, run: Run, task: Row, worker: SimulatedWorker, due: float) -> _InHand:
        """The task in its worker's hands, with the random numbers that decide its duration and answer."""
        chance = worker.chance(self._seed, run.job.name, task.object_id, task.tries)
        seconds = worker.seconds_per_task * chance.uniform(0.5, 1.5)
        return _InHand(task.id, task.object_id, worker, due, seconds, chance)

    def _answer(self, run: Run, held: Iterable[_InHand], lines: dict[int, str], moves: Moves) -> None:
        """Add the moves for finished tasks. A task that takes longer than the time limit has none: it expires."""
        for task in held:
            if task.seconds > run.time_limit:
                continue
            answer = self._content(run, task, json.loads(lines[task.object_id]))
            move = Move(task.id, task.worker.worker_id, task.due, answer)
            (moves.declined if answer is None else moves.submitted).append(move)

    def _content(self, run: Run, task: _InHand, line: dict[str, Any]) -> str | None:
        """A worker's answer as JSON; None if the worker declines."""
        chance = task.chance
        declined, right = chance.random() < task.worker.declined, chance.random() < task.worker.accuracy
        truth = self._truth.of(line)
        if declined or truth is None:
            return None
        try:
            return for_object(_form, run.kind, line, truth, right, chance)
        except ObjectFailure as failure:
            run.troubles[task.object_id] = str(failure)
            return None


def _form(kind: Kind, line: dict[str, Any], truth: Any, right: bool, chance: Random) -> str | None:
    answer = kind.simulate(line, truth, right, chance)
    return None if answer is None else as_json(answer)
