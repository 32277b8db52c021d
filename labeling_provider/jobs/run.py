"""Runs a labeling job to its end: adopts or creates it, waits for it, follows up on it. Also works in a notebook."""

from __future__ import annotations

import logging
import time
from typing import Any, NoReturn

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import (
    LabelingError,
    LabelingJobFailedError,
    LabelingJobStalledError,
    LabelingJobStoppedError,
    LabelingTimeoutError,
)
from labeling_provider.groundtruth.job import JobStatus, queue_name, service_time
from labeling_provider.jobs.caller import Caller, RunOptions, Wait
from labeling_provider.jobs.create import Creation
from labeling_provider.jobs.ownership import OwnJob, killed_tags
from labeling_provider.jobs.progress import Progress, stall_report
from labeling_provider.jobs.rounds import Rounds
from labeling_provider.request import LabelingJobSpec

log = logging.getLogger(__name__)


class LabelingRun:
    """One try of a labeling task.

    :param ground_truth: the service that runs the job.
    :param spec: the labeling job's arguments.
    :param options: how to run the job.
    :param caller: stores values between runs and receives progress.
    """

    def __init__(self, ground_truth: GroundTruth, spec: LabelingJobSpec, options: RunOptions, caller: Caller) -> None:
        self._ground_truth, self._options, self._caller = ground_truth, options, caller
        self._creation = Creation(ground_truth, spec, options, caller)
        self._left_by_earlier_try: str | None = None
        self._followed: str | None = None

    @property
    def first_name(self) -> str:
        """The name for the first job, available before the job exists."""
        return self._creation.own_jobs().free_name

    @property
    def job_under_way(self) -> str | None:
        """The name of the job being created or followed; None before the first."""
        return self._creation.under_way

    def run(self) -> dict[str, Any]:
        """Continue with the job of an earlier try, or check and create one; then follow it to its end.

        :return: the result as a JSON value, as described by ``CreateLabelingJobOperator``.
        :raises InvalidRequestError: with every problem of the request; nothing was sent.
        :raises JobNameTakenError: if a job with this name exists that does not belong to the caller.
        :raises LabelingJobFailedError: if the job fails, or labels are missing and that is an error.
        :raises LabelingJobStoppedError: if somebody else has stopped the job.
        :raises LabelingTimeoutError: if the job has not ended by the deadline.
        :raises LabelingJobStalledError: if the job has made no progress for too long.
        """
        job, is_left_over = self._creation.adopt()
        if job is not None and is_left_over:
            self._left_by_earlier_try = job.name
        return self._follow(job or self._creation.create())

    def resume(self, event: dict[str, Any]) -> dict[str, Any]:
        """Continue after a wait outside this process, such as a trigger's.

        :param event: the event of the wait, as returned by :meth:`Caller.wait`, plus ``job_name``; or only ``error``.
        :return: the same as :meth:`run`.
        :raises LabelingError: the same as :meth:`run`.
        """
        if "error" in event:
            raise LabelingError(event["error"])
        return self._follow(self._own_job(event["job_name"]), event)

    def kill(self) -> None:
        """Stop the current job because a user has killed the task. May be called from another thread.

        :raises LabelingError: if it can't be stopped.
        """
        self._creation.was_killed = True
        if self.job_under_way is not None:
            self._ground_truth.stop_job(self.job_under_way, killed_tags(self._caller.try_number))

    def _own_job(self, name: str) -> OwnJob:
        return OwnJob(self._ground_truth.job(name).members)

    # While it runs

    def _follow(self, job: OwnJob, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Wait for a job and its follow-up jobs, and return the result.

        :param event: the event of a wait for the job that is already over.
        """
        while True:
            if self._followed != job.name:
                self._followed = self._creation.under_way = job.name
                self._caller.follows(job)
            if not self._options.wait_for_completion:
                return Rounds(self._ground_truth, [job]).result()
            if job.is_streaming and job.state.status == JobStatus.IN_PROGRESS:
                return self._takes_objects(job)
            if job.state.has_ended:
                if event is None or event.get("state") != job.state.as_dict():
                    # It has ended since anybody looked.
                    log.info(Progress().line(job.state, time.time()))
                    self._caller.progressed(job.state, {})
                self._caller.has_ended(job.state)
                following = self._after(job)
                if following is None:
                    return self._finish(job)
                job, event = following, None
            elif event is None:
                event = self._caller.wait(self._ground_truth, self._wait(job), self._options)
                job = self._own_job(job.name)
            elif event.get("timeout"):
                self._time_is_up(job)
            elif "stalled" in event:
                self._stalled(job, event["stalled"])
            else:
                event = None

    def _takes_objects(self, job: OwnJob) -> dict[str, Any]:
        """The result of a streaming job that has started and keeps running."""
        log.info("Streaming labeling job %s takes objects from %s", job.name, job.input_topic_arn)
        return {
            **Rounds(self._ground_truth, [job]).result(),
            "output_manifest_uri": job.output_manifest_uri,
            "input_topic_arn": job.input_topic_arn,
            "output_topic_arn": job.output_topic_arn,
            "backlog_queue": queue_name(job.name),
            "labels_queue_url": self._creation.labels_queue_url(job),
        }

    def _wait(self, job: OwnJob) -> Wait:
        """What to wait for. The deadline is the earlier of the caller's and the job's."""
        limits = [] if self._caller.deadline is None else [self._caller.deadline]
        if self._options.job_timeout is not None:
            age = service_time(job.members) - job.state.created
            limits.append(time.time() - age + self._options.job_timeout.total_seconds())
        stall = self._options.stall_timeout
        return Wait(
            job.state,
            targets=frozenset({JobStatus.IN_PROGRESS.value}) if job.is_streaming else frozenset(),
            deadline=min(limits, default=None),
            stall_timeout=None if stall is None else stall.total_seconds(),
        )

    def _time_is_up(self, job: OwnJob) -> NoReturn:
        state, outcome = job.state, "It keeps running, because stop_job_on_kill=False."
        if self._options.stop_job_on_kill:
            self._ground_truth.stop_job(job.name)
            outcome = "It was stopped; its labels are in its output manifest."
        raise LabelingTimeoutError(
            f"Labeling job {job.name} was still {state.status} at the deadline: {state.labeled:,} of "
            f"{state.total:,} objects labeled, {state.failed:,} failed. {outcome}"
        )

    def _stalled(self, job: OwnJob, seconds: float) -> NoReturn:
        outcome = "It keeps running; a retry of this task waits for it again."
        if self._options.on_stall == "stop":
            self._ground_truth.stop_job(job.name)
            outcome = "It was stopped, because on_stall='stop'; its labels are in its output manifest."
        raise LabelingJobStalledError(f"{stall_report(job, seconds)} {outcome}")

    # When it has ended

    def _after(self, job: OwnJob) -> OwnJob | None:
        """The next job after one that has ended; None if it was the last.

        :raises LabelingJobFailedError: if it failed or was stopped.
        """
        state, chain = job.state, self._options.on_missing_labels == "chain"
        if chain and job.has_run_its_course and state.missing and job.round < self._options.max_rounds:
            log.warning("%s of %s objects have no label; creating a follow-up job", state.missing, state.total)
            return self._creation.create(job.round + 1, job)
        if job.is_good or (chain and job.has_run_its_course):
            return None
        if job.name == self._left_by_earlier_try or job.was_killed_before(self._caller.try_number):
            log.info("Labeling job %s was %s in an earlier try; creating another one", job.name, job.status)
            return self._creation.create(job.round, job if chain else None)
        reason = state.reason or "it was stopped from outside this task"
        message = (
            f"Labeling job {state.name} ended as {state.status}: {reason}. {state.labeled:,} of {state.total:,} "
            f"objects were labeled; they are in {state.output_manifest_uri}."
        )
        if state.status == JobStatus.STOPPED:
            raise LabelingJobStoppedError(
                f"{message} The task is not retried automatically; clear it to start another job."
            )
        raise LabelingJobFailedError(message)

    def _finish(self, last: OwnJob) -> dict[str, Any]:
        """The result after the last job has ended."""
        known = self._creation.own_jobs().all() if last.follows else []
        rounds = Rounds.leading_to(self._ground_truth, last, known)
        result = rounds.result()
        if result["final_model_arn"]:
            self._caller.keep_model(result["final_model_arn"])
        if rounds.state.missing:
            message = rounds.missing_labels()
            if self._options.on_missing_labels == "fail":
                raise LabelingJobFailedError(f"{message}. The labels are in {result['output_manifest_uri']}.")
            log.warning(message)
        return result
