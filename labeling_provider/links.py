"""Buttons on a task in the Airflow UI: the labeling job, its output and its log.

Airflow reads a link from the XCom of its key. It is pushed as soon as the job exists, so that it works while the
task is deferred. On Amazon the links lead to the console, on a self-hosted service to its own pages.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar, Final

from airflow.sdk import BaseOperatorLink

from labeling_provider.jobs.addresses import JOB_PAGE, LOG_PAGE, OUTPUT_PAGE, Page, job_url, portal_url

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.groundtruth.description import JobRequest

log = logging.getLogger(__name__)


class _Link(BaseOperatorLink):
    """A link whose address the task pushes to XCom."""

    @property
    def xcom_key(self) -> str:
        """Where Airflow finds the link."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The link, or an empty string before the job exists."""
        from labeling_provider.compat import read_xcom

        return read_xcom(ti_key, self.xcom_key) or ""


class _JobLink(_Link):
    """A link to a page about a labeling job."""

    page: ClassVar[Page]


class LabelingJobLink(_JobLink):
    """The labeling job: status, counters, workteam."""

    name = "Labeling job"
    page = JOB_PAGE


class LabelingOutputLink(_JobLink):
    """The output: manifests and annotations."""

    name = "Labels"
    page = OUTPUT_PAGE


class LabelingLogsLink(_JobLink):
    """What happened to the job."""

    name = "Labeling log"
    page = LOG_PAGE


class QualityReportLink(_Link):
    """The report of a quality gate."""

    name = "Quality report"


class WorkersPageLink(_Link):
    """Where the people of a private workteam sign in and work."""

    name = "Label"


WORKERS_LINK: Final = WorkersPageLink()
"""The link to the page of the workers."""

QUALITY_LINK: Final = QualityReportLink()
"""The link of the quality gate."""

JOB_LINKS: Final[tuple[_JobLink, ...]] = (LabelingJobLink(), LabelingOutputLink(), LabelingLogsLink())
"""The links of every operator that has a job."""


def push_job_links(context: Context, ground_truth: GroundTruth, job: JobRequest) -> None:
    """Make a task's links work from now on."""
    for link in JOB_LINKS:
        context["ti"].xcom_push(key=link.xcom_key, value=job_url(ground_truth, job, link.page))


def push_workers_link(context: Context, ground_truth: GroundTruth, job: JobRequest) -> None:
    """Make the link to where people label work, where there is such a page: private workteams have one.

    Source: API reference, Workteam.SubDomain.
    """
    if job.workforce_kind != "private":
        return
    team = str(job.workteam_arn).rpartition("/")[2]
    try:
        domain = ground_truth.sagemaker.describe_workteam(WorkteamName=team)["Workteam"].get("SubDomain")
    except Exception as error:  # noqa: BLE001 - a link is no reason to fail
        log.info("The page of the workers is not known: %s", error)
        return
    if domain:
        context["ti"].xcom_push(key=WORKERS_LINK.xcom_key, value=portal_url(ground_truth, job, domain))
