"""Buttons on a task in Airflow's UI."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.types import TaskInstanceKey  # type: ignore[attr-defined]

from labeling_provider import compat
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.links import JOB_LINKS, QUALITY_LINK, WORKERS_LINK, push_job_links, push_workers_link
from tests.airflow_context import context
from tests.client.clients import silent

TEAM = "arn:aws:sagemaker:us-east-1:123456789012:workteam/{}-crowd/birders"


def job(kind: str = "private") -> JobRequest:
    return JobRequest(
        {
            "LabelingJobName": "birds",
            "OutputConfig": {"S3OutputPath": "s3://marsh/out"},
            "HumanTaskConfig": {"WorkteamArn": TEAM.format(kind)},
        }
    )


def test_each_link_has_a_name_and_a_key_of_its_own() -> None:
    links = [*JOB_LINKS, QUALITY_LINK, WORKERS_LINK]
    assert [link.name for link in links] == [
        "Labeling job",
        "Labels",
        "Labeling log",
        "Quality report",
        "Label",
    ]
    assert [link.xcom_key for link in links] == [f"_link_{type(link).__name__}" for link in links]


def test_the_links_of_a_job_are_pushed_together() -> None:
    around = context()
    push_job_links(around, silent(endpoint_url="http://labels.example"), job())
    page = "http://labels.example/_labeling/jobs/birds"
    assert around["ti"].pushed == {
        "_link_LabelingJobLink": page,
        "_link_LabelingOutputLink": f"{page}/output",
        "_link_LabelingLogsLink": f"{page}/log",
    }


@pytest.mark.parametrize(("pushed", "shown"), [("https://page", "https://page"), (None, "")])
def test_a_button_leads_to_what_was_pushed_and_nowhere_before(
    monkeypatch: pytest.MonkeyPatch, pushed: str | None, shown: str
) -> None:
    key = TaskInstanceKey(dag_id="dag", task_id="label", run_id="run", map_index=-1)
    asked: list[Any] = []

    def read(ti_key: Any, xcom_key: str) -> str | None:
        asked.append((ti_key, xcom_key))
        return pushed

    monkeypatch.setattr(compat, "read_xcom", read)
    assert JOB_LINKS[0].get_link(None, ti_key=key) == shown  # type: ignore[arg-type]
    assert asked == [(key, "_link_LabelingJobLink")]


@pytest.mark.parametrize(
    ("answer", "link"),
    [
        (
            {"Workteam": {"SubDomain": "abc.labeling.us-east-1.sagemaker.aws"}},
            "https://abc.labeling.us-east-1.sagemaker.aws",
        ),
        ({"Workteam": {}}, None),
        (ConnectionError("no"), None),
    ],
)
def test_the_workers_page_is_linked_and_in_the_log_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answer: Any, link: str | None
) -> None:
    around, client = context(), silent()
    caplog.set_level("INFO")

    def describe(**asked: Any) -> Any:
        assert asked == {"WorkteamName": "birders"}
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(client.sagemaker, "describe_workteam", describe)
    push_workers_link(around, client, job())
    assert around["ti"].pushed.get("_link_WorkersPageLink") == link
    assert (f"People label at {link}" in caplog.text) == bool(link)


@pytest.mark.parametrize("kind", ["vendor", "public"])
def test_other_workteams_have_no_page_to_ask_for(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    around, client = context(), silent()
    monkeypatch.setattr(client.sagemaker, "describe_workteam", lambda **_: pytest.fail("nobody is to be asked"))
    push_workers_link(around, client, job(kind))
    assert around["ti"].pushed == {}
