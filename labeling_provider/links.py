"""Buttons on a task in the Airflow UI: the labeling job, its output and its log.

Airflow reads a link from an XCom. It is pushed as soon as the job exists, so it works while the task is deferred. On
Amazon the links lead to the console, on a self-hosted service to the service's pages.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar, Final

from airflow.sdk import BaseOperatorLink

from labeling_provider.groundtruth.facts import WorkforceKind
from labeling_provider.jobs.addresses import JOB_PAGE, LOG_PAGE, OUTPUT_PAGE, JobPage, job_url, portal_url

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.groundtruth.description import JobRequest

log = logging.getLogger(__name__)


class _Link(BaseOperatorLink):
    """A link whose URL the task pushes to XCom."""

    @property
    def xcom_key(self) -> str:
        """The XCom key of the link."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The link, or an empty string before the job exists."""
        from labeling_provider.compat import read_xcom

        return read_xcom(ti_key, self.xcom_key) or ""


class _JobLink(_Link):
    """A link to a page about a labeling job."""

    page: ClassVar[JobPage]


class LabelingJobLink(_JobLink):
    """The labeling job: status, counters, workteam."""

    name = "Labeling job"
    page = JOB_PAGE


class LabelingOutputLink(_JobLink):
    """The output: manifests and annotations."""

    name = "Labels"
    page = OUTPUT_PAGE


class LabelingLogsLink(_JobLink):
    """The job's log."""

    name = "Labeling log"
    page = LOG_PAGE


class QualityReportLink(_Link):
    """The report of a quality gate."""

    name = "Quality report"


class WorkersPageLink(_Link):
    """The page on which the members of a private workteam sign in and work."""

    name = "Label"


WORKERS_LINK: Final = WorkersPageLink()
"""The link to the workers' page."""

QUALITY_LINK: Final = QualityReportLink()
"""The link to a quality gate's report."""

JOB_LINKS: Final[tuple[_JobLink, ...]] = (LabelingJobLink(), LabelingOutputLink(), LabelingLogsLink())
"""The links of every operator with a labeling job."""


def push_job_links(context: Context, ground_truth: GroundTruth, job: JobRequest) -> None:
    """Push the links of a task's job to XCom."""
    for link in JOB_LINKS:
        context["ti"].xcom_push(key=link.xcom_key, value=job_url(ground_truth, job, link.page))


def push_workers_link(context: Context, ground_truth: GroundTruth, job: JobRequest) -> None:
    """Push the link to the page on which people label, if there is one: private workteams have one.

    Source: API reference, Workteam.SubDomain.
    """
    if job.workforce_kind != WorkforceKind.PRIVATE:
        return
    team = str(job.workteam_arn).rpartition("/")[2]
    try:
        domain = ground_truth.sagemaker.describe_workteam(WorkteamName=team)["Workteam"].get("SubDomain")
    except Exception as error:  # noqa: BLE001 - a missing link must not fail the task
        log.info("The workers' page is not known: %s", error)
        return
    if domain:
        url = portal_url(ground_truth, job, domain)
        log.info("People label at %s", url)
        context["ti"].xcom_push(key=WORKERS_LINK.xcom_key, value=url)
