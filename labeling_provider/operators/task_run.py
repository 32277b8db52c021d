"""Runs a labeling job for an Airflow task: what the run asks and tells its caller, Airflow answers and hears."""

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
"""Key of the name of the task's first job in Airflow's store of what a task remembers."""

log = logging.getLogger(__name__)


class TaskRun(Caller):
    """A task instance that runs a labeling job.

    :param operator: the task's operator.
    :param spec: what is to be labeled, and how.
    :param options: how the job is run.
    :param deferrable: whether to wait without a worker.
    :param started: epoch seconds at which this try began.
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
        # Airflow does not call a task whose deferral has run out, so execution_timeout is kept here.
        deadline = None if limit is None else started + limit.total_seconds()
        super().__init__(Owner.of(self._task_instance), self._task_instance.try_number, deadline)
        self._run = LabelingRun(operator.ground_truth, spec, options, self)

    def start(self) -> dict[str, Any]:
        """Begin this try; the result."""
        compat.mark_try(self._task_instance)
        # Whatever becomes of this try, a teardown finds its jobs by it.
        self._task_instance.xcom_push(key=NAME_KEY, value=self._run.first_name)
        return self._run.run()

    def resume(self, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after a trigger has fired; the result."""
        return self._run.resume(event)

    @property
    def job_under_way(self) -> str | None:
        """The name of the job that is being created or followed; None before."""
        return self._run.job_under_way

    @staticmethod
    def is_timeout(error: BaseException | None) -> bool:
        """Whether a task is told to end because it ran into its ``execution_timeout``."""
        return compat.is_timeout(error)

    def end(self, error: BaseException | None) -> None:
        """Stop the job if it is a user, or the task's time limit, that ends the task.

        :param error: what has interrupted the task.
        """
        name = self.job_under_way
        try:
            if not compat.is_timeout(error) and not compat.was_ended_by_user(self._task_instance):
                log.info("This worker is shutting down, and no user has asked for it: labeling job %s goes on", name)
                return
            log.info("The task was ended: stopping labeling job %s", name)
            self._run.kill()
        except Exception:
            log.exception("Labeling job %s may still run", name)

    def announce(self, result: dict[str, Any]) -> None:
        """Put the result into the asset events of the task's outlets."""
        events = self._context["outlet_events"]
        for outlet in self._operator.outlets:
            if isinstance(outlet, Asset):
                events[outlet].extra.update(result)
            elif isinstance(outlet, AssetAlias) and outlet.name != self._spec.output_uri:
                events[outlet].add(Asset(str(result["output_manifest_uri"])), extra=result)
            # Mapped tasks end together, and Airflow fails one of two that make the same asset. Each has but a part.
            elif isinstance(outlet, AssetAlias) and self._task_instance.map_index in (None, -1):
                events[outlet].add(self._asset_of_output(), extra=result)

    def _asset_of_output(self) -> Asset:
        """The asset of the output, by the name that a DAG has given it."""
        unnamed = Asset(str(self._spec.output_uri))
        declared = compat.declared_asset(unnamed.uri) or unnamed
        if declared.name != unnamed.name:
            log.warning(
                "The asset %s has the name %r in another DAG, and that asset hears of the labels: name it in outlets",
                *(unnamed.uri, declared.name),
            )
        return declared

    # What the run asks and tells

    def remembered_name(self) -> str | None:
        """The name of the first job of an earlier try, where Airflow has kept it."""
        name: str | None = compat.remembered(self._context, _FIRST_NAME)
        return name

    def remember_name(self, name: str) -> None:
        """Have Airflow keep the name of the first job."""
        compat.remember(self._context, _FIRST_NAME, name)

    def last_model(self) -> str | None:
        """ARN of the last model, by the XCom of this run of the DAG or an earlier one."""
        arn: str | None = compat.latest_of_this_task(self._context, MODEL_KEY)
        return arn

    def keep_model(self, arn: str) -> None:
        """Put the ARN of a model into an XCom."""
        self._task_instance.xcom_push(key=MODEL_KEY, value=arn)

    def follows(self, job: OwnJob) -> None:
        """Show a job: its links work from now on, and pages know where to ask about it."""
        push_job_links(self._context, self._operator.ground_truth, job)
        push_workers_link(self._context, self._operator.ground_truth, job)
        self._task_instance.xcom_push(key=JOB_KEY, value=self._facts(job))

    def _facts(self, job: OwnJob) -> dict[str, Any]:
        """What pages about the job need to know, and how to ask for more; no secrets."""
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
        """Put the counters where Airflow's UI finds them."""
        self._task_instance.xcom_push(key=PROGRESS_KEY, value={**state.counters(), **memory})

    def has_ended(self, state: JobState) -> None:
        """Add a job that has ended to Airflow's metrics."""
        tags = {"dag_id": self.owner.dag_id, "task_id": self.owner.task_id, "status": state.status}
        compat.count("labeling.objects.labeled", state.labeled, tags)
        compat.count("labeling.objects.failed", state.failed, tags)
        compat.timing("labeling.job.duration", timedelta(seconds=max(state.modified - state.created, 0)), tags)

    def wait(self, ground_truth: GroundTruth, wait: Wait, options: RunOptions) -> dict[str, Any]:
        """Wait for a job, in the triggerer or here.

        :raises TaskDeferred: if the wait is a trigger's.
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
