"""The simulated workers: who takes which task when, and what comes of it. Nothing here touches the database."""

from __future__ import annotations

import heapq
import threading
from random import Random
from typing import Any

from labeling_provider.groundtruth.documents import as_json
from labeling_provider.service.errors import ObjectFailure, for_object
from labeling_provider.service.kinds.base import Kind
from labeling_provider.service.work.records import Run, Task
from labeling_provider.service.work.truth import Truth
from labeling_provider.service.work.workforce import SimulatedWorker

Tasks = dict[int, list[Task]]
"""The tasks of the objects that are with the workers, by object id."""


class WorkerPool:
    """All workers of all workteams; a worker does one task at a time, whatever job it is of.

    :param seed: decides the workers' luck.
    :param truth: what they answer from.
    :param speed: how many times faster than real time they work.
    """

    def __init__(self, seed: int, truth: Truth, speed: float) -> None:
        self._seed, self._truth, self._speed = seed, truth, speed
        self._busy: dict[str, float] = {}
        self._assigning = threading.Lock()

    def resume(self, busy: dict[str, float]) -> None:
        """Take over who was busy until when before a restart."""
        self._busy = busy

    def work(self, run: Run, tasks: Tasks, lines: dict[int, dict[str, Any]], now: float) -> None:
        """Let a job's workers do what they have had time for, and let tasks expire.

        :param tasks: changed in place.
        :param lines: the manifest lines of the objects.
        """
        for own in tasks.values():
            for task in list(own):
                self._return_or_submit(run, task, own, lines, now)
            for task in own:
                if task.state in {"open", "accepted"} and task.expires <= now:
                    task.state, task.changed = "expired", True
        if run.team:
            self._assign(run, tasks, lines, now)

    def pause(self, run: Run, tasks: Tasks, now: float) -> float:
        """Seconds until a worker finishes, a worker is free for an open task, or a task expires."""
        left = [task for own in tasks.values() for task in own if task.state in {"open", "accepted"}]
        if not left:
            return 0.0
        times = [task.expires for task in left] + [task.due for task in left if task.due is not None]
        if any(task.state == "open" for task in left):
            times += [until for one in run.team if (until := self._busy.get(one.worker_id, 0.0)) > now]
        return min(times) - now

    def _chance(self, run: Run, worker: SimulatedWorker, task: Task) -> tuple[float, Random]:
        """How long a worker takes for a task, in its own seconds, and its luck with the rest."""
        chance = worker.chance(self._seed, run.job.name, task.object_id, task.tries)
        return worker.seconds_per_task * chance.uniform(0.5, 1.5), chance

    def _outcome(self, run: Run, worker: SimulatedWorker, task: Task, line: dict[str, Any]) -> tuple[float, str | None]:
        """How long a worker takes for a task, and the answer as JSON; None if it declines."""
        seconds, chance = self._chance(run, worker, task)
        declined, right = chance.random() < worker.declined, chance.random() < worker.accuracy
        truth = self._truth.of(line)
        if declined or truth is None:
            return seconds, None
        try:
            return seconds, for_object(_answer, run.kind, line, truth, right, chance)
        except ObjectFailure as failure:
            run.troubles[task.object_id] = str(failure)
            return seconds, None

    def _return_or_submit(
        self, run: Run, task: Task, own: list[Task], lines: dict[int, dict[str, Any]], now: float
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
        if seconds > run.time_limit:
            self._return(task)
            return
        self._submit(run, task, own, answer)

    @staticmethod
    def _return(task: Task) -> None:
        task.state, task.worker_id, task.changed = "open", None, True
        task.accepted = task.due = None
        task.tries += 1

    @staticmethod
    def _submit(run: Run, task: Task, own: list[Task], answer: str | None) -> None:
        """Record an answer, or that the worker declined and somebody else has to be asked."""
        task.changed = True
        if answer is not None:
            task.state, task.answer = "submitted", answer
            return
        task.state = "declined"
        if sum(one.state == "declined" for one in own) < run.job.workers_per_object:
            own.append(Task(None, task.object_id, "open", 0, None, task.expires, None, None, changed=True))
            return
        for one in own:
            if one.state in {"open", "accepted"}:
                one.state, one.changed = "expired", True

    def _assign(self, run: Run, tasks: Tasks, lines: dict[int, dict[str, Any]], now: float) -> None:
        """Let the workers take open tasks up to now, each object at most once.

        Workers go from task to task without waiting for this step: one that was done a while ago has begun its
        next task then, and may have finished that one, too.
        """
        open_objects = {
            object_id: {task.worker_id for task in own}
            for object_id, own in tasks.items()
            if any(task.state == "open" for task in own)
        }
        with self._assigning:
            free = [
                (self._busy.get(worker.worker_id, 0.0), turn, worker)
                for turn, worker in enumerate(run.team)
                if self._busy.get(worker.worker_id, 0.0) <= now
            ]
            heapq.heapify(free)
            while free and open_objects:
                at, turn, worker = heapq.heappop(free)
                object_id = next((one for one, seen in open_objects.items() if worker.worker_id not in seen), None)
                if object_id is None:
                    continue
                own = tasks[object_id]
                task = next(task for task in own if task.state == "open")
                done = self._accept(run, worker, task, at, now)
                open_objects[object_id].add(worker.worker_id)
                if done <= now:
                    self._return_or_submit(run, task, own, lines, now)
                    heapq.heappush(free, (done, turn + len(run.team), worker))
                if not any(task.state == "open" for task in own):
                    del open_objects[object_id]

    def _accept(self, run: Run, worker: SimulatedWorker, task: Task, at: float, now: float) -> float:
        """Give a task to a worker who was free at some time; when the worker is done with it."""
        seconds = min(self._chance(run, worker, task)[0], run.time_limit)
        sent = task.expires - run.lifetime / self._speed
        task.accepted = now if worker.seconds_per_task == 0 else max(at, sent)
        task.due = task.accepted + seconds / self._speed
        task.state, task.worker_id, task.changed = "accepted", worker.worker_id, True
        if worker.seconds_per_task:
            self._busy[worker.worker_id] = task.due
        return task.due


def _answer(kind: Kind, line: dict[str, Any], truth: Any, right: bool, chance: Random) -> str | None:
    answer = kind.simulate(line, truth, right, chance)
    return None if answer is None else as_json(answer)
