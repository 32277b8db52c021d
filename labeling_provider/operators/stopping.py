"""Stops labeling jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from labeling_provider.errors import JobNameTakenError, LabelingError
from labeling_provider.groundtruth.job import JobState, JobStatus, queue_name
from labeling_provider.jobs.ownership import Owner, OwnJobs
from labeling_provider.jobs.waiting import Vigil, wait_for_job
from labeling_provider.links import push_job_links
from labeling_provider.operators import arguments
from labeling_provider.operators.base import DEFERRABLE, LabelingTask
from labeling_provider.xcoms import NAME_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from labeling_provider.triggers.streaming_job import StreamingJobTrigger


class StopLabelingJobOperator(LabelingTask):
    """Stop labeling jobs. A job that has already ended is not an error, so the task can be a teardown.

    Set ``job_name`` or ``of_task``. A task that failed or was killed has returned no name, but its jobs can be found by
    their names and tags: those of all tries, follow-ups and, if the task is mapped, instances.

    Returns ``{"job_name": …, "status": …}``, and for a streaming job ``left_in_queue``, the number of objects left in
    its queue. With ``of_task`` it returns ``{"jobs": […]}``, a list of such results.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param job_name: name of the labeling job (templated).
    :param of_task: the task, or its id, whose labeling jobs to stop; it is in the same Dag run (templated).
    :param drain: for a streaming job, first wait until nothing is left to label.
    :param drain_quiet: seconds without waiting objects or changes after which the job counts as drained; Amazon's
        counters lag by one or two minutes.
    :param drain_timeout: longest time to wait for that before the job is stopped anyway; None for no limit.
    :param delete_queue: whether to delete a streaming job's queue if it is empty.
    :param wait_for_completion: whether to wait until the job is Stopped.
    :param deferrable: whether to wait for a drained job without occupying a worker.
    :param poll_interval: seconds between polls.
    :param missing_ok: whether to succeed if there is no such job, or the rendered name is empty.
    :raises ValueError: unless exactly one of ``job_name`` and ``of_task`` is set.
    :raises LabelingError: if there is no such job and that is an error, or if a job can't be stopped; all other jobs
        are stopped nevertheless.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {
        "job_name": arguments.name,
        "of_task": arguments.name,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    job_name: str | None
    drain: bool
    drain_quiet: float
    drain_timeout: timedelta | None
    delete_queue: bool
    wait_for_completion: bool
    poll_interval: float
    missing_ok: bool
    deferrable: bool

    def __init__(
        self,
        *,
        job_name: str | None = None,
        of_task: Any = None,
        drain: bool = False,
        drain_quiet: float = 180,
        drain_timeout: timedelta | None = None,
        delete_queue: bool = False,
        wait_for_completion: bool = True,
        poll_interval: float = 10,
        missing_ok: bool = False,
        deferrable: bool = DEFERRABLE,
        **kwargs: Any,
    ) -> None:
        given = locals()
        super().__init__(**kwargs)
        self.of_task = getattr(given.pop("of_task"), "task_id", of_task)
        self.keep(given)
        if (job_name is None) == (of_task is None):
            raise ValueError("set either job_name or of_task")

    def execute(self, context: Context) -> dict[str, Any]:
        """Stop the jobs, after draining them if requested."""
        self.read_arguments()
        names = list(self._names(context))
        if not names:
            where = self.ground_truth.region
            wanted = f"named {self.job_name} in {where}" if self.job_name else f"of the task {self.of_task} in this run"
            if self.job_name is None and self.of_task is None:
                wanted = "to stop: job_name is empty"
            if not self.missing_ok:
                raise LabelingError(f"There is no labeling job {wanted}.")
            self.log.info("There is no labeling job %s", wanted)
            return {"jobs": []} if self.of_task else {"job_name": self.job_name, "status": None}
        return self._stop_all(context, names, [], [])

    def _names(self, context: Context) -> Iterator[str]:
        """Names of the existing jobs to stop."""
        from labeling_provider import compat

        if self.of_task is None:
            if self.job_name is not None and self.ground_truth.find_job(self.job_name) is not None:
                yield self.job_name
            return
        ti: Any = context["ti"]
        for index in compat.map_indexes(ti, self.of_task):
            owner = Owner(ti.dag_id, self.of_task, ti.run_id, index)
            pushed = ti.xcom_pull(task_ids=self.of_task, key=NAME_KEY, map_indexes=index)
            names: dict[str, None] = {}
            for given in dict.fromkeys([pushed if isinstance(pushed, str) else None, None]):
                try:
                    own = OwnJobs(owner, given, None, self.ground_truth.find_job)
                    names.update({job.name: None for job in own.all()})
                except JobNameTakenError as error:
                    self.log.info("%s", error)
            yield from names

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any],
        left: Sequence[str] = (),
        done: Sequence[dict[str, Any]] = (),
        failures: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Continue after the trigger has fired.

        :param left: names of the jobs to stop after the one that the trigger has waited for.
        :param done: results of the jobs before.
        :param failures: messages for those that could not be stopped.
        """
        self.read_arguments()
        outcome = [*done], [*failures]
        if "error" in event:
            outcome[1].append(event["error"])
        else:
            self._drained(event)
            self._stop(event["job_name"], *outcome)
        return self._stop_all(context, left, *outcome)

    def _stop_all(
        self, context: Context, names: Sequence[str], done: list[dict[str, Any]], failures: list[str]
    ) -> dict[str, Any]:
        """Stop jobs one after the other; a job that can't be stopped does not affect the others."""
        for number, name in enumerate(names, 1):
            job = self.ground_truth.job(name)
            push_job_links(context, self.ground_truth, job)
            if self.drain and job.is_streaming and job.status == JobStatus.IN_PROGRESS:
                trigger = self._until_empty(name)
                if self.deferrable:
                    state = {"left": list(names[number:]), "done": done, "failures": failures}
                    self.defer(
                        trigger=trigger, method_name="execute_complete", kwargs=state, timeout=self.execution_timeout
                    )
                event = self.run_here(trigger)
                if "error" in event:
                    failures.append(event["error"])
                    continue
                self._drained(event)
            self._stop(name, done, failures)
        if failures:
            raise LabelingError("; ".join(failures))
        return {"jobs": done} if self.of_task else done[0]

    def _drained(self, event: Mapping[str, Any]) -> None:
        if event.get("timeout"):
            snapshot = event["snapshot"]
            self.log.warning(
                "drain_timeout is over: stopping %s with %s objects in its queue and %s with workers",
                *(event["job_name"], snapshot["backlog"], snapshot["unlabeled"]),
            )

    def _until_empty(self, name: str) -> StreamingJobTrigger:
        from labeling_provider.triggers.streaming_job import StreamingJobTrigger

        return StreamingJobTrigger(
            name,
            goal={"idle_for": self.drain_quiet},
            poll_interval=self.poll_interval,
            deadline=None if self.drain_timeout is None else time.time() + self.drain_timeout.total_seconds(),
            **self.connection_arguments,
        )

    def _stop(self, name: str, done: list[dict[str, Any]], failures: list[str]) -> None:
        try:
            done.append(self._stopped(name))
        except LabelingError as error:
            failures.append(str(error))

    def _stopped(self, name: str) -> dict[str, Any]:
        """Stop a job and return its result."""
        if self.ground_truth.stop_job(name):
            self.log.info("Stopping labeling job %s", name)
            if self.wait_for_completion:
                state = self.ground_truth.job(name).state
                wait_for_job(self.ground_truth, state, Vigil(), poll_interval=self.poll_interval)
        else:
            self.log.info("Labeling job %s has already ended", name)
        job = self.ground_truth.job(name)
        result = {"job_name": name, "status": job.status}
        return {**result, **self._leftover(job.state)} if job.is_streaming else result

    def _leftover(self, state: JobState) -> dict[str, Any]:
        """The number of objects left in a streaming job's queue; deletes an empty queue if requested."""
        from labeling_provider.streaming.pusher import Backlog

        backlog = Backlog(self.ground_truth, state.name)
        depth = backlog.depth_if_any()
        if depth:
            self.log.warning("The queue %s still has %s objects", queue_name(state.name), depth)
        elif depth == 0 and self.delete_queue and state.has_ended:
            backlog.delete_queue()
            self.log.info("Deleted the empty queue %s", queue_name(state.name))
        return {"left_in_queue": depth}
