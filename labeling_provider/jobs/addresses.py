"""URLs of a labeling job's pages, in Amazon's console or on a self-hosted service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.facts import CONSOLE_DOMAINS
from labeling_provider.groundtruth.uris import split_s3_uri

if TYPE_CHECKING:
    from labeling_provider.client.ground_truth import GroundTruth


class JobPage(NamedTuple):
    """A page about a labeling job.

    :param console: its path in Amazon's console, with the placeholders ``region``, ``job_name``, ``bucket`` and
        ``prefix``.
    :param local: its path on the self-hosted service, below the job's page.
    """

    console: str
    local: str


JOB_PAGE: Final = JobPage("/sagemaker/groundtruth?region={region}#/labeling-jobs/details/{job_name}", "")
OUTPUT_PAGE: Final = JobPage("/s3/buckets/{bucket}?region={region}&prefix={prefix}", "/output")
LOG_PAGE: Final = JobPage(
    "/cloudwatch/home?region={region}#logsV2:log-groups/log-group/$252Faws$252Fsagemaker$252FLabelingJobs"
    "/log-events$3FfilterPattern$3D$2522{job_name}$2522",
    "/log",
)


def job_url(ground_truth: GroundTruth, job: JobRequest, page: JobPage = JOB_PAGE) -> str:
    """The URL of a page about a labeling job."""
    if not ground_truth.is_amazon:
        return f"{_service(ground_truth)}/jobs/{quote(job.name)}{page.local}"
    bucket, prefix = split_s3_uri(job.output_uri)
    path = page.console.format(
        region=ground_truth.region,
        job_name=quote(job.name),
        bucket=quote(bucket),
        prefix=quote(f"{prefix}/", safe=""),
    )
    return f"{_console(ground_truth)}{path}"


def portal_url(ground_truth: GroundTruth, job: JobRequest, domain: str) -> str:
    """Where people label a job: the job's page in the portal of the service, or Amazon's portal of the workforce.

    :param domain: SubDomain of the job's workteam.
    """
    if ground_truth.is_amazon:
        return f"https://{domain}"
    return f"{ground_truth.endpoint_url.rstrip('/')}/portal/labeling-jobs/{quote(job.name)}"


def report_url(ground_truth: GroundTruth, report_uri: str) -> str:
    """The URL of a report in S3: on the self-hosted service, or the object's page in Amazon's console.

    :param report_uri: the report's S3 URI.
    """
    bucket, key = split_s3_uri(report_uri)
    if not ground_truth.is_amazon:
        return f"{_service(ground_truth)}/reports/{quote(bucket)}/{quote(key)}"
    path = f"/s3/object/{quote(bucket)}?region={ground_truth.region}&prefix={quote(key, safe='')}"
    return f"{_console(ground_truth)}{path}"


def _service(ground_truth: GroundTruth) -> str:
    return f"{ground_truth.endpoint_url.rstrip('/')}/_labeling"


def _console(ground_truth: GroundTruth) -> str:
    domain = CONSOLE_DOMAINS.get(ground_truth.partition, CONSOLE_DOMAINS["aws"])
    return f"https://{ground_truth.region}.console.{domain}"
