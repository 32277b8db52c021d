"""What people are told of a job, and by which way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling_provider.errors import LabelingJobStalledError
from labeling_provider.notifications.labeling import LabelingNotifier
from tests.airflow_context import FakeTaskInstance
from tests.conftest import Lab


class TaskInstance(FakeTaskInstance):
    def xcom_pull(self, task_ids: str, key: str) -> Any:
        if key == "broken":
            raise OSError
        return self.pushed.get(key)


@pytest.fixture
def ended() -> dict[str, Any]:
    task_instance = TaskInstance()
    counters = {"total": 1200, "labeled": 1100, "human_labeled": 1000, "machine_labeled": 100}
    task_instance.pushed = {
        "labeling_job": {"job_name": "birds-1"},
        "labeling_progress": {"job_name": "birds-1", "status": "Completed", "failed": 60, "unlabeled": 40, **counters},
        "_link_LabelingJobLink": "http://127.0.0.1/jobs/birds-1",
    }
    return {"ti": task_instance}


def test_counters_and_links_are_told(ended: dict[str, Any]) -> None:
    sent: list[tuple[str, str, Any]] = []
    LabelingNotifier(send=lambda *message: sent.append(message))(ended)
    ((subject, text, context),) = sent
    assert subject == "Labeling birds-1: Completed"
    assert text.splitlines() == [
        "Labeling job birds-1 of dag.label, run manual__2026-01-01T00:00:00+00:00",
        "1,100 of 1,200 labeled (1,000 by people, 100 by machine), 60 failed, 40 unlabeled",
        "Labeling job: http://127.0.0.1/jobs/birds-1",
    ]
    assert context["ti"] is ended["ti"]


def test_a_job_that_stalls_is_told_with_its_reason(ended: dict[str, Any]) -> None:
    sent: list[tuple[str, str, Any]] = []
    failed = {**ended, "exception": LabelingJobStalledError("nothing moves")}
    LabelingNotifier(send=lambda *message: sent.append(message))(failed)
    assert sent[0][0] == "Labeling birds-1: has failed"
    assert "LabelingJobStalledError: nothing moves" in sent[0][1]


def test_a_task_that_failed_before_its_job_is_told_too() -> None:
    sent: list[tuple[str, str, Any]] = []
    LabelingNotifier(send=lambda *message: sent.append(message))({"ti": TaskInstance(), "exception": ValueError("no")})
    assert sent[0][0] == "Labeling no labeling job: has failed"


def test_a_topic_gets_the_text(connected: Lab, ended: dict[str, Any]) -> None:
    sns, sqs = connected.service.client("sns"), connected.service.client("sqs")
    topic = sns.create_topic(Name="told")["TopicArn"]
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    ended["ti"].pushed["labeling_job"]["job_name"] = "größe\n" + "x" * 200
    LabelingNotifier(topic_arn=topic)(ended)
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    body = json.loads(message["Body"])
    assert "1,100 of 1,200 labeled" in body["Message"]
    assert body["Subject"].startswith("Labeling gr??e xxx")
    assert len(body["Subject"]) == 100


def test_one_way_is_needed() -> None:
    for arguments in ({}, {"send": print, "topic_arn": "arn"}):
        with pytest.raises(ValueError, match="set either send or topic_arn"):
            LabelingNotifier(**arguments)
