"""Buttons on a task in the Airflow UI: the labeling job, its output and its log.

Airflow reads a link from the XCom of its key. It is pushed as soon as the job exists, so that it works while the
task is deferred. On Amazon the links lead to the console, on a local service to its own pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from labeling_provider.groundtruth.facts import is_amazon

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

    from labeling_provider.groundtruth.description import JobRequest

_CONSOLES = {"aws": "aws.amazon.com", "aws-cn": "amazonaws.cn", "aws-us-gov": "amazonaws-us-gov.com"}


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
    """A link that belongs to a labeling job."""

    console: ClassVar[str]
    local: ClassVar[str]

    def address(self, *, endpoint: str, region: str, partition: str, job_name: str, output: str) -> str:
        """The page's URL.

        :param endpoint: the SageMaker endpoint that the job was created at.
        :param output: ``<S3OutputPath>/<job name>``.
        """
        if not is_amazon(endpoint):
            return f"{endpoint.rstrip('/')}/_labeling/jobs/{quote(job_name)}{self.local}"
        bucket, _, prefix = output.removeprefix("s3://").partition("/")
        return self.console.format(
            domain=_console(region, partition),
            region=region,
            job_name=quote(job_name),
            bucket=quote(bucket),
            prefix=quote(f"{prefix}/", safe=""),
        )


class LabelingJobLink(_JobLink):
    """The labeling job: status, counters, workteam."""

    name = "Labeling job"
    console = "https://{domain}/sagemaker/groundtruth?region={region}#/labeling-jobs/details/{job_name}"
    local = ""


class LabelingOutputLink(_JobLink):
    """The output: manifests and annotations."""

    name = "Labels"
    console = "https://{domain}/s3/buckets/{bucket}?region={region}&prefix={prefix}"
    local = "/output"


class LabelingLogsLink(_JobLink):
    """What happened to the job."""

    name = "Labeling log"
    console = (
        "https://{domain}/cloudwatch/home?region={region}"
        "#logsV2:log-groups/log-group/$252Faws$252Fsagemaker$252FLabelingJobs"
        "/log-events$3FfilterPattern$3D$2522{job_name}$2522"
    )
    local = "/log"


class QualityReportLink(_Link):
    """The report of a quality gate."""

    name = "Quality report"


class WorkersPageLink(_Link):
    """Where the people of a private workteam sign in and work."""

    name = "Workers' page"


WORKERS_LINK: Final = WorkersPageLink()
"""The link to the page of the workers."""

QUALITY_LINK: Final = QualityReportLink()
"""The link of the quality gate."""

JOB_LINKS: tuple[_JobLink, ...] = (LabelingJobLink(), LabelingOutputLink(), LabelingLogsLink())
"""The links of every operator that has a job."""


def _console(region: str, partition: str) -> str:
    return f"{region}.console.{_CONSOLES.get(partition, _CONSOLES['aws'])}"


def report_url(hook: Any, report_uri: str) -> str:
    """Where a browser finds a report in S3.

    The local service shows those of its labeling jobs; on Amazon it is the console's page of the object.

    :param hook: a :class:`labeling_provider.hooks.labeling.LabelingHook`.
    """
    bucket, _, key = report_uri.removeprefix("s3://").partition("/")
    endpoint = hook.conn_client_meta.endpoint_url
    if not is_amazon(endpoint):
        return f"{endpoint.rstrip('/')}/_labeling/reports/{quote(bucket)}/{quote(key)}"
    region = hook.conn_region_name
    domain = _console(region, hook.conn_partition)
    return f"https://{domain}/s3/object/{quote(bucket)}?region={region}&prefix={quote(key, safe='')}"


def job_url(hook: Any, job: JobRequest, link: _JobLink = JOB_LINKS[0]) -> str:
    """Where a browser finds a labeling job, or another page about it.

    :param hook: a :class:`labeling_provider.hooks.labeling.LabelingHook`.
    :param link: which page.
    """
    return link.address(
        endpoint=hook.conn_client_meta.endpoint_url,
        region=hook.conn_region_name,
        partition=hook.conn_partition,
        job_name=job.name,
        output=job.output_uri,
    )


def push_workers_link(context: Context, hook: Any, workteam_arn: str) -> None:
    """Make the link to the workers' page work, where there is one: private workteams have one on Amazon.

    Source: API reference, Workteam.SubDomain.

    :param hook: a :class:`labeling_provider.hooks.labeling.LabelingHook`.
    """
    kind, _, name = workteam_arn.rpartition("workteam/")[2].partition("/")
    if kind != "private-crowd":
        return
    try:
        domain = hook.sagemaker.describe_workteam(WorkteamName=name)["Workteam"].get("SubDomain")
    except Exception as error:  # noqa: BLE001 - a link is no reason to fail
        hook.log.info("The page of the workers is not known: %s", error)
        return
    if domain:
        context["ti"].xcom_push(key=WORKERS_LINK.xcom_key, value=f"https://{domain}")


def push_job_links(context: Context, hook: Any, job: JobRequest) -> None:
    """Make a task's links work from now on.

    :param hook: a :class:`labeling_provider.hooks.labeling.LabelingHook`.
    """
    for link in JOB_LINKS:
        context["ti"].xcom_push(key=link.xcom_key, value=job_url(hook, job, link))
