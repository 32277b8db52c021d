"""Where a browser finds a labeling job."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.jobs.addresses import JOB_PAGE, LOG_PAGE, OUTPUT_PAGE, job_url, report_url
from tests.client.clients import silent

JOB = JobRequest({"LabelingJobName": "birds", "OutputConfig": {"S3OutputPath": "s3://marsh/out/"}})
AMAZON, OURS = silent(), silent(endpoint_url="http://labels.example:8000/")


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "us-east-1.console.aws.amazon.com"),
        ("eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_amazon_has_a_console_for_each_partition(region: str, host: str) -> None:
    address = urlsplit(job_url(silent(region), JOB))
    assert (address.scheme, address.netloc) == ("https", host)
    assert parse_qs(address.query) == {"region": [region]}
    assert address.fragment == "/labeling-jobs/details/birds"


def test_amazons_pages_of_output_and_log() -> None:
    output = urlsplit(job_url(AMAZON, JOB, OUTPUT_PAGE))
    assert output.path == "/s3/buckets/marsh"
    assert parse_qs(output.query)["prefix"] == ["out/birds/"]
    assert "filterPattern$3D$2522birds$2522" in job_url(AMAZON, JOB, LOG_PAGE)


def test_a_self_hosted_service_has_pages_of_its_own() -> None:
    page = "http://labels.example:8000/_labeling/jobs/birds"
    assert [job_url(OURS, JOB, page) for page in (JOB_PAGE, OUTPUT_PAGE, LOG_PAGE)] == [
        page,
        f"{page}/output",
        f"{page}/log",
    ]
    assert (
        report_url(OURS, "s3://marsh/a b/r.html") == "http://labels.example:8000/_labeling/reports/marsh/a%20b/r.html"
    )


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_key_of_a_report_fits_into_its_address(key: str) -> None:
    address = urlsplit(report_url(AMAZON, f"s3://marsh/{key}"))
    assert (address.path, address.fragment) == ("/s3/object/marsh", "")
    assert parse_qs(address.query, keep_blank_values=True, strict_parsing=True)["prefix"] == [key]
    ours = urlsplit(report_url(OURS, f"s3://marsh/{key}"))
    assert (ours.query, ours.fragment) == ("", "")
    assert unquote(ours.path) == f"/_labeling/reports/marsh/{key}"
