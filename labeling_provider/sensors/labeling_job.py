"""Waits for a labeling job that was created elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException

from labeling_provider.client.retries import Patience
from labeling_provider.errors import LabelingError, LabelingJobFailedError
from labeling_provider.groundtruth.description import JobDescription
from labeling_provider.groundtruth.job import ENDED, STATUSES, JobState, JobStatus
from labeling_provider.jobs.caller import Wait
from labeling_provider.jobs.progress import Progress
from labeling_provider.links import push_job_links
from labeling_provider.operators import arguments
from labeling_provider.operators.base import DEFERRABLE, LabelingTask

if TYPE_CHECKING:
    from airflow.sdk import Context


class JobSensor(LabelingTask, BaseSensorOperator):
    """Base of the sensors for labeling jobs."""

    job_name: str

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after the trigger; a skip says why, which Airflow's own does not."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSkipException as skip:
            if skip.__cause__ is None:
                raise
            raise AirflowSkipException(str(skip.__cause__)) from skip.__cause__

    def _fail(self, error: Exception) -> NoReturn:
        if self.soft_fail or self.never_fail:
            raise AirflowSkipException(str(error)) from error
        raise error

    def _described(self) -> JobDescription:
        try:
            return self.ground_truth.get_job(self.job_name)
        except LabelingError as error:
            self._fail(error)


class LabelingJobSensor(JobSensor):
    """Succeeds when a labeling job has reached one of the target statuses.

    If the job ends with another status, the sensor fails with the reason, or is skipped with ``soft_fail``. ``timeout``
    counts from the start of the sensor, even while it is deferred.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param job_name: name of the labeling job (templated).
    :param target_statuses: statuses to wait for; by default Completed (templated).
    :param outage: seconds without any answer after which to give up.
    :param deferrable: whether to wait without occupying a worker.
    :param events_queue_url: URL of an SQS queue that an EventBridge rule feeds with labeling job state changes. A
        deferred sensor then notices the end of the job within seconds (templated).
    :raises LabelingJobFailedError: if the job ends with another status.
    :raises LabelingError: if there is no such job, a target status does not exist, or the service refuses or does not
        answer for ``outage`` seconds.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {
        "job_name": arguments.required(arguments.name),
        "target_statuses": arguments.required(arguments.texts),
        "events_queue_url": arguments.name,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    target_statuses: Sequence[str]
    deferrable: bool
    events_queue_url: str | None

    def __init__(
        self,
        *,
        job_name: str,
        target_statuses: Sequence[str] = (JobStatus.COMPLETED.value,),
        outage: float = 900,
        deferrable: bool = DEFERRABLE,
        events_queue_url: str | None = None,
        **kwargs: Any,
    ) -> None:
        given = locals()
        super().__init__(**kwargs)
        self.keep(given)
        self._progress = Progress()
        self._patience = Patience(outage)

    def execute(self, context: Context) -> Any:
        """Wait, in this process or in the triggerer."""
        self.read_arguments()
        unknown = set(self.target_statuses) - STATUSES
        if unknown:
            raise LabelingError(
                f"target_statuses: {', '.join(sorted(unknown))} is not a status of a labeling job; "
                f"use {', '.join(sorted(STATUSES))}."
            )
        job = self._described()
        push_job_links(context, self.ground_truth, job)
        if not self.deferrable:
            return super().execute(context)
        if done := self._judge(job.state):
            return done.xcom_value
        wait = Wait(job.state, frozenset(self.target_statuses), time.time() + self.timeout, stall_timeout=None)
        self.defer_to_trigger(
            wait,
            poll_interval=self.poke_interval,
            stop_job_on_kill=False,
            events_queue_url=self.events_queue_url,
        )
        return None

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Continue after the trigger has fired."""
        self.read_arguments()
        if "error" in event:
            self._fail(LabelingError(event["error"]))
        if event.get("timeout"):
            return self._at_the_deadline(event["state"])
        # The trigger's state may come from a listing, which lacks these two. Its status is the one waited for.
        job = self._described()
        missing = {"label_attribute": job.label_attribute, "final_model_arn": job.state.final_model_arn}
        done = self._judge(JobState.of_dict({**event["state"], **missing}))
        return done.xcom_value if done else None

    def _at_the_deadline(self, known: dict[str, Any] | None) -> Any:
        """The result if the job is where it should be by now: a triggerer that was down may have missed it.

        :param known: the trigger's last state of the job; None if it has none.
        """
        state = None if known is None else JobState.of_dict(known)
        try:
            state = JobState.of(self.ground_truth.sagemaker.describe_labeling_job(LabelingJobName=self.job_name))
        except Exception as error:  # noqa: BLE001 - the time is up, whatever is wrong
            self.log.warning("No answer about %s at the timeout: %s", self.job_name, error)
        if state is not None and (done := self._judge(state)):
            return done.xcom_value
        status = "unknown" if state is None else state.status
        message = f"Labeling job {self.job_name} is still {status} after {self.timeout:.0f} s."
        return self._fail(AirflowSensorTimeout(message))

    def poke(self, context: Context) -> PokeReturnValue | bool:
        """Check the job once."""
        state = self._current_state()
        return False if state is None else self._judge(state) or False

    def _current_state(self) -> JobState | None:
        """The job's state; None if the service did not answer, but a later check may succeed."""
        try:
            state = JobState.of(self.ground_truth.sagemaker.describe_labeling_job(LabelingJobName=self.job_name))
        except LabelingError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - Patience raises errors that a retry can't help
            try:
                self._patience.pause(error, f"Waiting for {self.job_name}", time.monotonic(), self.poke_interval)
            except LabelingError as final_error:
                self._fail(final_error)
            self.log.warning("No answer about %s: %s", self.job_name, error)
            return None
        self._patience.answered()
        return state

    def _judge(self, state: JobState) -> PokeReturnValue | None:
        """The result if the wait is over, otherwise None; a job that ended with another status fails the sensor."""
        if line := self._progress.line(state, time.time()):
            self.log.info(line)
        if state.status in self.target_statuses:
            return PokeReturnValue(True, xcom_value=state.as_dict())
        if state.status in ENDED:
            targets = " or ".join(self.target_statuses)
            reason = f": {state.reason}" if state.reason else ""
            message = f"Labeling job {state.name} ended as {state.status}, not as {targets}{reason}"
            self._fail(LabelingJobFailedError(message))
        return None
