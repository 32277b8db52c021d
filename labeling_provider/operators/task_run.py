"""Connects the run of a labeling job to an Airflow task: XComs, links, asset events, metrics and deferral."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import Asset, AssetAlias

from labeling_provider import compat
from labeling_provider.jobs.caller import Caller, RunOptions, Wait
from labeling_provider.jobs.ownership import Owner
from labeling_provider.jobs.run import LabelingRun
from labeling_provider.links import push_job_links, push_workers_link
from labeling_provider.xcoms import JOB_KEY, MODEL_KEY, NAME_KEY, PROGRESS_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.groundtruth.job import JobState
    from labeling_provider.jobs.ownership import OwnJob
    from labeling_provider.operators.base import LabelingTask
    from labeling_provider.request import LabelingJobSpec

_FIRST_NAME: Final = "labeling_job"
"""Key of the first job's name in Airflow's task state store."""

log = logging.getLogger(__name__)


class TaskRun(Caller):
    """A task instance that runs a labeling job.

    :param operator: the task's operator.
    :param spec: the labeling job's arguments.
    :param options: how to run the job.
    :param deferrable: whether to wait without occupying a worker.
    :param started: start of this try, in epoch seconds.
    """

    def __init__(
        self,
        operator: LabelingTask,
        context: Context,
        spec: LabelingJobSpec,
        options: RunOptions,
        *,
        deferrable: bool,
        started: float,
    ) -> None:
        self._operator, self._context, self._spec = operator, context, spec
        self._deferrable, self._started = deferrable, started
        self._task_instance: Any = context["ti"]
        limit = operator.execution_timeout
        # Airflow does not resume a task whose deferral times out, so execution_timeout is enforced here.
        deadline = None if limit is None else started + limit.total_seconds()
        super().__init__(Owner.of(self._task_instance), self._task_instance.try_number, deadline)
        self._run = LabelingRun(operator.ground_truth, spec, options, self)

    def start(self) -> dict[str, Any]:
        """Start this try, and return the run's result."""
        compat.mark_try(self._task_instance)
        # A teardown finds the jobs by this name, even if this try fails.
        self._task_instance.xcom_push(key=NAME_KEY, value=self._run.first_name)
        return self._run.run()

    def resume(self, event: dict[str, Any]) -> dict[str, Any]:
        """Continue after a trigger has fired, and return the run's result."""
        return self._run.resume(event)

    @property
    def job_under_way(self) -> str | None:
        """The name of the job being created or followed; None before the first."""
        return self._run.job_under_way

    @staticmethod
    def is_timeout(error: BaseException | None) -> bool:
        """Whether an exception says that the task ran into its ``execution_timeout``."""
        return compat.is_timeout(error)

    def end(self, error: BaseException | None) -> None:
        """Stop the job if a user or the task's time limit ends the task.

        :param error: the exception that interrupted the task.
        """
        name = self.job_under_way
        try:
            if not compat.is_timeout(error) and not compat.was_ended_by_user(self._task_instance):
                log.info(
                    "The worker is shutting down, but no user killed the task: labeling job %s keeps running", name
                )
                return
            log.info("The task was killed: stopping labeling job %s", name)
            self._run.kill()
        except Exception:
            log.exception("Labeling job %s may still be running", name)

    def announce(self, result: dict[str, Any]) -> None:
        """Add the result to the asset events of the task's outlets."""
        events = self._context["outlet_events"]
        for outlet in self._operator.outlets:
            if isinstance(outlet, Asset):
                events[outlet].extra.update(result)
            elif isinstance(outlet, AssetAlias) and outlet.name != self._spec.output_uri:
                events[outlet].add(Asset(str(result["output_manifest_uri"])), extra=result)
            # Not for mapped tasks: each has only part of the labels, and Airflow fails tasks that race for one asset.
            elif isinstance(outlet, AssetAlias) and self._task_instance.map_index in (None, -1):
                events[outlet].add(self._asset_of_output(), extra=result)

    def _asset_of_output(self) -> Asset:
        """The asset of the output, under the name that a Dag has declared for it."""
        unnamed = Asset(str(self._spec.output_uri))
        declared = compat.declared_asset(unnamed.uri) or unnamed
        if declared.name != unnamed.name:
            log.warning(
                "Another Dag declares the asset %s with the name %r, so that asset gets the event; add it to outlets",
                *(unnamed.uri, declared.name),
            )
        return declared

    # Called by the run

    def remembered_name(self) -> str | None:
        """The name of an earlier try's first job, if Airflow has stored it."""
        name: str | None = compat.remembered(self._context, _FIRST_NAME)
        return name

    def remember_name(self, name: str) -> None:
        """Store the first job's name in Airflow."""
        compat.remember(self._context, _FIRST_NAME, name)

    def last_model(self) -> str | None:
        """ARN of the last model, from the XCom of this Dag run or an earlier one."""
        arn: str | None = compat.latest_of_this_task(self._context, MODEL_KEY)
        return arn

    def keep_model(self, arn: str) -> None:
        """Push the ARN of a model to XCom."""
        self._task_instance.xcom_push(key=MODEL_KEY, value=arn)

    def follows(self, job: OwnJob) -> None:
        """Push a job's links and facts to XCom."""
        push_job_links(self._context, self._operator.ground_truth, job)
        push_workers_link(self._context, self._operator.ground_truth, job)
        self._task_instance.xcom_push(key=JOB_KEY, value=self._facts(job))

    def _facts(self, job: OwnJob) -> dict[str, Any]:
        """What the plugin's pages need to show the job and to query it; no secrets."""
        return {
            "job_name": job.name,
            "status": job.status,
            "created": job.state.created,
            "task_type": self._spec.task_type,
            "workteam_arn": job.workteam_arn,
            "workers_per_object": job.workers_per_object,
            "label_attribute_name": job.label_attribute,
            "output_uri": job.output_uri,
            "estimated_cost_usd": job.cost_usd,
            "streaming": job.is_streaming,
            "round": job.round,
            "aws_conn_id": self._operator.aws_conn_id,
            "region_name": self._operator.ground_truth.region,
            "verify": self._operator.verify,
        }

    def progressed(self, state: JobState, memory: dict[str, Any]) -> None:
        """Push the counters to XCom, for the Airflow UI."""
        self._task_instance.xcom_push(key=PROGRESS_KEY, value={**state.counters(), **memory})

    def has_ended(self, state: JobState) -> None:
        """Add a job that has ended to Airflow's metrics."""
        tags = {"dag_id": self.owner.dag_id, "task_id": self.owner.task_id, "status": state.status.value}
        compat.count("labeling.objects.labeled", state.labeled, tags)
        compat.count("labeling.objects.failed", state.failed, tags)
        compat.timing("labeling.job.duration", timedelta(seconds=max(state.modified - state.created, 0)), tags)

    def wait(self, ground_truth: GroundTruth, wait: Wait, options: RunOptions) -> dict[str, Any]:
        """Wait for a job, in the triggerer or in this process.

        :raises TaskDeferred: if the task is deferrable.
        """
        if self._deferrable:
            self._operator.defer_to_trigger(
                wait,
                poll_interval=options.poll_interval,
                stop_job_on_kill=options.stop_job_on_kill,
                events_queue_url=options.events_queue_url,
                kwargs={"started": self._started},
            )
        return super().wait(ground_truth, wait, options)
