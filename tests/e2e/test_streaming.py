"""The streaming example in a real Airflow: pictures come in, labels come back, a model is trained on them."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import Stack, eventually

pytestmark = pytest.mark.e2e


def successful_runs(stack: Stack, dag: str) -> list[str]:
    runs = stack.airflow.get(f"/api/v2/dags/{dag}/dagRuns?order_by=run_after")["dag_runs"]
    return [run["dag_run_id"] for run in runs if run["state"] == "success"]


def test_pictures_are_labeled_as_they_come_and_labels_are_trained_on(stack: Stack) -> None:
    run = stack.finished("streaming_labels_start")
    started = stack.airflow.xcom("streaming_labels_start", run, "start")
    name = started["job_name"]
    stack.finished("streaming_labels_camera", count=150)
    eventually(
        lambda: stack.lab.describe(name)["LabelCounters"]["TotalLabeled"] == 150, 120, "the first pictures are labeled"
    )
    assert stack.lab.describe(name)["LabelingJobStatus"] == "InProgress"
    stack.finished("streaming_labels_camera", first=150, count=50)
    eventually(lambda: successful_runs(stack, "streaming_labels_train"), 120, "a model is trained")
    trained = successful_runs(stack, "streaming_labels_train")[0]
    result = stack.airflow.xcom("streaming_labels_train", trained, "train")
    assert (result["new_labels"], result["trained_on"]) == (200, 200)
    assert result["accuracy"] > 0.7
    pushed = [
        stack.airflow.xcom("streaming_labels_pushed", run, "tell")
        for run in successful_runs(stack, "streaming_labels_pushed")
    ]
    assert sum(pushed) == 200
    queue = stack.lab.service.client("sqs").get_queue_url(QueueName="groundtruth-live-labels")["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def in_queue() -> int:
        answer = stack.lab.service.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)
        return sum(map(int, answer["Attributes"].values()))

    eventually(lambda: in_queue() == 0, 60, "the messages of stored events are deleted")
    run = stack.finished("streaming_labels_stop", job_name=name)
    assert stack.airflow.xcom("streaming_labels_stop", run, "stop") == {
        "job_name": name,
        "status": "Stopped",
        "left_in_queue": 0,
    }
    lines = stack.lab.output(stack.lab.describe(name))
    assert sorted(line["source-ref"] for line in lines) == [
        f"s3://labeling-demo/live/new/{number:04}.png" for number in range(200)
    ]


@pytest.mark.once
def test_a_chain_of_jobs_labels_each_text_twice(stack: Stack) -> None:
    if "labeling-demo" not in {bucket["Name"] for bucket in stack.lab.s3.list_buckets()["Buckets"]}:
        stack.lab.s3.create_bucket(Bucket="labeling-demo")
    texts = [f"text {number}" for number in range(20)]
    truth = "".join(json.dumps({"source": text, "truth": "praise"}) + "\n" for text in texts)
    for key, body in (("chain/new/texts.txt", "\n".join(texts)), ("digits/truth.jsonl", truth)):
        stack.lab.s3.put_object(Bucket="labeling-demo", Key=key, Body=body.encode())
    run = stack.finished("chained_labels")
    uri = stack.airflow.xcom("chained_labels", run, "labels")
    lines = [json.loads(line) for line in stack.lab.get(uri).splitlines()]
    assert sorted(line["source"] for line in lines) == sorted(texts)
    for label in ("first", "second"):
        assert {line[f"{label}-metadata"]["type"] for line in lines} == {"groundtruth/text-classification"}
