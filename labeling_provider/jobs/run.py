"""Runs a labeling job to its end: found or created, waited for, followed up on. Plain Python, also in a notebook."""

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
from labeling_provider.groundtruth.job import queue_name, service_time
from labeling_provider.jobs.caller import Caller, RunOptions, Wait
from labeling_provider.jobs.create import Creation
from labeling_provider.jobs.ownership import OwnJob, killed_tags
from labeling_provider.jobs.progress import stall_report
from labeling_provider.jobs.rounds import Rounds
from labeling_provider.request import LabelingJobSpec

log = logging.getLogger(__name__)


class LabelingRun:
    """One try of a task that labels.

    :param ground_truth: where.
    :param spec: what is to be labeled, and how.
    :param options: how the job is run.
    :param caller: who runs it.
    """

    def __init__(self, ground_truth: GroundTruth, spec: LabelingJobSpec, options: RunOptions, caller: Caller) -> None:
        self._ground_truth, self._options, self._caller = ground_truth, options, caller
        self._creation = Creation(ground_truth, spec, options, caller)
        self._left_by_earlier_try: str | None = None
        self._followed: str | None = None

    @property
    def first_name(self) -> str:
        """The name of the first job, before there is one."""
        return self._creation.own_jobs().free_name

    @property
    def job_under_way(self) -> str | None:
        """The name of the job that is being created or followed; None before."""
        return self._creation.under_way

    def run(self) -> dict[str, Any]:
        """Go on with the job of an earlier try, or check and create one; then follow it to its end.

        :return: where the labels are, and what has become of the job: see ``CreateLabelingJobOperator``.
        :raises InvalidRequestError: with every problem of the request; nothing was sent.
        :raises JobNameTakenError: if a job of this name exists that is not the caller's.
        :raises LabelingJobFailedError: if the job fails, or misses labels and that is an error.
        :raises LabelingJobStoppedError: if somebody else has stopped it.
        :raises LabelingTimeoutError: if time is up.
        :raises LabelingJobStalledError: if nothing has moved for too long.
        """
        job, is_left_over = self._creation.adopt()
        if job is not None and is_left_over:
            self._left_by_earlier_try = job.name
        return self._follow(job or self._creation.create())

    def resume(self, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after a wait that somebody else has done.

        :param event: what has come of it, as :meth:`Caller.wait` returns it, with ``job_name``; or with ``error``.
        :raises LabelingError: the same as :meth:`run`.
        """
        if "error" in event:
            raise LabelingError(event["error"])
        return self._follow(self._own_job(event["job_name"]), event)

    def kill(self) -> None:
        """Stop the job that is under way, because a user has ended the task; may be called from another thread.

        :raises LabelingError: if it can't be stopped.
        """
        self._creation.was_killed = True
        if self.job_under_way is not None:
            self._ground_truth.stop_job(self.job_under_way, killed_tags(self._caller.try_number))

    def _own_job(self, name: str) -> OwnJob:
        return OwnJob(self._ground_truth.job(name).members)

    # While it runs

    def _follow(self, job: OwnJob, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Wait for a job and those that follow from it; the result.

        :param event: what a wait for the job has come to.
        """
        while True:
            if self._followed != job.name:
                self._followed = self._creation.under_way = job.name
                self._caller.follows(job)
            if not self._options.wait_for_completion:
                return Rounds(self._ground_truth, [job]).result()
            if job.is_streaming and job.state.status == "InProgress":
                return self._takes_objects(job)
            if job.state.has_ended:
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
        """The result of a streaming job: it runs, and goes on."""
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
        """What to wait for; the caller's time is up no later than the job's."""
        limits = [] if self._caller.deadline is None else [self._caller.deadline]
        if self._options.job_timeout is not None:
            age = service_time(job.members) - job.state.created
            limits.append(time.time() - age + self._options.job_timeout.total_seconds())
        stall = self._options.stall_timeout
        return Wait(
            job.state,
            targets=frozenset({"InProgress"}) if job.is_streaming else frozenset(),
            deadline=min(limits, default=None),
            stall_timeout=None if stall is None else stall.total_seconds(),
        )

    def _time_is_up(self, job: OwnJob) -> NoReturn:
        state, left = job.state, "It goes on, as stop_job_on_kill=False asks."
        if self._options.stop_job_on_kill:
            self._ground_truth.stop_job(job.name)
            left = "It was stopped; what was labeled is in its output manifest."
        raise LabelingTimeoutError(
            f"Labeling job {job.name} was still {state.status} when time was up: {state.labeled:,} of "
            f"{state.total:,} objects labeled, {state.failed:,} failed. {left}"
        )

    def _stalled(self, job: OwnJob, seconds: float) -> NoReturn:
        left = "It goes on; a retry of this task waits for it again."
        if self._options.on_stall == "stop":
            self._ground_truth.stop_job(job.name)
            left = "It was stopped, as on_stall='stop' asks; what was labeled is in its output manifest."
        raise LabelingJobStalledError(f"{stall_report(job, seconds)} {left}")

    # When it has ended

    def _after(self, job: OwnJob) -> OwnJob | None:
        """The job that follows one that has ended; None if it was the last.

        :raises LabelingJobFailedError: if it has not ended as it should.
        """
        state, chain = job.state, self._options.on_missing_labels == "chain"
        if chain and job.has_run_its_course and state.missing and job.round < self._options.max_rounds:
            log.warning("%s of %s objects have no label: another job follows", state.missing, state.total)
            return self._creation.create(job.round + 1, job)
        if job.is_good or (chain and job.has_run_its_course):
            return None
        if job.name == self._left_by_earlier_try or job.was_killed_before(self._caller.try_number):
            log.info("Labeling job %s was %s in an earlier try: another job follows", job.name, job.status)
            return self._creation.create(job.round, job if chain else None)
        reason = state.reason or "it was stopped from outside this task"
        message = (
            f"Labeling job {state.name} ended {state.status}: {reason}. {state.labeled:,} of {state.total:,} "
            f"objects were labeled; they are in {state.output_manifest_uri}."
        )
        if state.status == "Stopped":
            raise LabelingJobStoppedError(f"{message} The task is not retried by itself: clear it for a further job.")
        raise LabelingJobFailedError(message)

    def _finish(self, last: OwnJob) -> dict[str, Any]:
        """Turn the end of the last job into the result."""
        known = self._creation.own_jobs().all() if last.follows else []
        rounds = Rounds.leading_to(self._ground_truth, last, known)
        result = rounds.result()
        if result["final_model_arn"]:
            self._caller.keep_model(result["final_model_arn"])
        if rounds.state.missing:
            message = rounds.missing_labels()
            if self._options.on_missing_labels == "fail":
                raise LabelingJobFailedError(f"{message}. What is labeled is in {result['output_manifest_uri']}.")
            log.warning(message)
        return result
