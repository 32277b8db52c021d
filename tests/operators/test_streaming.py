"""The operators on streaming jobs: created with all that is around them, and stopped when they are empty."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from labeling_provider.errors import InvalidRequestError, LabelingError
from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from labeling_provider.request import AutomatedLabeling, PrivateWorkteam
from tests.airflow_context import context
from tests.conftest import Lab, texts
from tests.operators.test_labeling_job import operator, problems, run_id, run_to_the_end
from tests.service.engine.test_stream import KEY, Topic, counted, stopped, text


def arn(kind: str = "in", account: str = "123456789012") -> str:
    return f"arn:aws:sns:us-east-1:{account}:groundtruth-{kind}-{uuid.uuid4().hex[:8]}"


def streaming(lab: Lab, **arguments: Any) -> CreateLabelingJobOperator:
    """An operator of a streaming job with topics that it makes."""
    defaults: dict[str, Any] = {
        "manifest_uri": None,
        "input_topic_arn": arn(),
        "create_topics": True,
        "workers_per_object": 1,
    }
    return operator(lab, **{**defaults, **arguments})


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_streaming_job_is_made_with_its_topics_and_runs_on(connected: Lab, deferrable: bool) -> None:
    around, output = context(**run_id()), arn("out")
    queue = f"labels-{uuid.uuid4().hex[:8]}"
    task = streaming(connected, output_topic_arn=output, labels_queue=queue, deferrable=deferrable)
    result = run_to_the_end(task, around)
    assert result is not None
    name = result["job_name"]
    assert result["status"] == "InProgress"
    assert result["input_topic_arn"] == task.input_topic_arn
    assert result["output_topic_arn"] == output
    assert result["backlog_queue"] == f"GroundTruth-{name.lower()}"
    assert result["output_manifest_uri"] == f"s3://lab/out/{name}/manifests/output/output.manifest"
    json.dumps(result)
    sns, sqs = connected.service.client("sns"), connected.service.client("sqs")
    sns.publish(TopicArn=task.input_topic_arn, Message=json.dumps(text(1)))
    counted(connected, name, TotalLabeled=1)
    answer = sqs.receive_message(QueueUrl=result["labels_queue_url"], WaitTimeSeconds=10)
    assert json.loads(json.loads(answer["Messages"][0]["Body"])["Message"])["source"] == "text 1"
    # A cleared task goes on with the job, and changes nothing around it.
    again = run_to_the_end(task, around)
    assert again is not None
    assert again["job_name"] == name
    assert len(sns.list_subscriptions_by_topic(TopicArn=output)["Subscriptions"]) == 1
    stopped(connected, name)


def test_a_stopped_job_is_followed_by_another_when_its_task_is_cleared(connected: Lab) -> None:
    around, task = context(**run_id()), streaming(connected)
    first = task.execute(around)
    assert first is not None
    stopped(connected, first["job_name"])
    second = task.execute(around)
    assert second is not None
    assert second["job_name"] == f"{first['job_name']}-2"
    stopped(connected, second["job_name"])


def test_a_job_that_does_not_start_fails_the_task(connected: Lab) -> None:
    task = streaming(connected, create_topics=False)
    with pytest.raises(LabelingError, match="the input topic .* does not exist"):
        task.execute(context(**run_id()))


def bucket(lab: Lab) -> str:
    name = f"yard-{uuid.uuid4().hex[:8]}"
    lab.s3.create_bucket(Bucket=name)
    return name


def test_new_objects_are_told_by_their_bucket_and_what_it_told_before_stays(connected: Lab) -> None:
    yard, other = bucket(connected), Topic(connected, listen=True)
    configuration = {
        "TopicConfigurations": [
            {
                "Id": "mine",
                "TopicArn": other.arn,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "other/"}]}},
            }
        ]
    }
    connected.s3.put_bucket_notification_configuration(Bucket=yard, NotificationConfiguration=configuration)
    topic = Topic(connected, listen=True)
    task = streaming(
        connected,
        task_type="image-classification",
        input_topic_arn=topic.arn,
        notify_from=f"s3://{yard}/new/",
        notify_suffix=".png",
        workforce=PrivateWorkteam(connected.team("slow")),
    )
    around = context(**run_id())
    result = task.execute(around)
    assert result is not None
    assert topic.heard(1)[0]["Event"] == "s3:TestEvent"
    present = connected.s3.get_bucket_notification_configuration(Bucket=yard)["TopicConfigurations"]
    assert present[0]["Id"] == "mine"
    assert [one["TopicArn"] for one in present] == [other.arn, topic.arn]
    policy = json.loads(topic.sns.get_topic_attributes(TopicArn=topic.arn)["Attributes"]["Policy"])
    assert policy["Statement"][0]["Sid"] == "__default_statement_ID"
    assert policy["Statement"][1]["Condition"]["ArnLike"] == {"aws:SourceArn": f"arn:aws:s3:::{yard}"}
    for key in ("new/1.png", "new/1.txt", "old/1.png"):
        connected.s3.put_object(Bucket=yard, Key=key, Body=b"picture")
    assert topic.heard(1)[0]["Records"][0]["s3"]["object"]["key"] == "new%2F1.png"
    counted(connected, result["job_name"], Unlabeled=1)
    # Once more: nothing is written, or S3 would send a test event to the job.
    task.execute(around)
    connected.s3.put_object(Bucket=yard, Key="new/2.png", Body=b"picture")
    assert topic.heard(1)[0]["Records"][0]["s3"]["object"]["key"] == "new%2F2.png"
    assert connected.s3.get_bucket_notification_configuration(Bucket=yard)["TopicConfigurations"] == present
    lines = stopped(connected, result["job_name"])
    assert [line["source-ref"] for line in lines] == [f"s3://{yard}/new/1.png", f"s3://{yard}/new/2.png"]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"automated_labeling": AutomatedLabeling()}, "a streaming job can't use automated labeling"),
        ({"max_human_labeled_objects": 5}, "StoppingConditions: a streaming job ignores them"),
        ({"on_missing_labels": "chain"}, "a streaming job runs until it is stopped"),
        ({"notify_from": "s3://lab/new/"}, "do not work for text-classification"),
        ({"notify_from": "s3://lab/", "task_type": "image-classification"}, "output would become input"),
        ({"notify_from": "s3://lab/out/a", "task_type": "image-classification"}, "output would become input"),
        ({"notify_from": "lab/new", "task_type": "image-classification"}, "is not an S3 URI"),
        ({"notify_from": "s3://yard/", "create_topics": False}, "Set create_topics=True"),
        ({"labels_queue": "labels"}, "Set output_topic_arn"),
        ({"manifest_uri": "s3://lab/out/input.manifest"}, "Keep a streaming job's input and output apart"),
    ],
)
def test_the_rules_of_streaming_are_checked_before_anything_is_made(
    connected: Lab, arguments: dict[str, Any], wanted: str
) -> None:
    connected.put("out/input.manifest", json.dumps(text(1)))
    task = streaming(connected, **arguments)
    with pytest.raises(InvalidRequestError) as caught:
        task.execute(context(**run_id()))
    assert wanted in problems(caught)
    topics = connected.service.client("sns").list_topics()["Topics"]
    assert {"TopicArn": task.input_topic_arn} not in topics


@pytest.mark.parametrize("argument", ["create_topics", "notify_from", "labels_queue"])
def test_a_static_job_takes_no_arguments_of_streaming(connected: Lab, argument: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        operator(connected, **{argument: "s3://yard/"}).execute(context(**run_id()))
    assert f"{argument}: is for streaming jobs" in problems(caught)


def test_a_topic_of_another_account_is_not_made(connected: Lab) -> None:
    topic = arn(account="999999999999")
    with pytest.raises(LabelingError, match="belongs to another account"):
        streaming(connected, input_topic_arn=topic).execute(context(**run_id()))
    made = topic.replace("999999999999", "123456789012")
    assert {"TopicArn": made} not in connected.service.client("sns").list_topics()["Topics"]


def test_a_start_manifest_goes_along(connected: Lab) -> None:
    lines = [{**line, KEY: "source"} for line in texts(3)]
    result = streaming(connected, manifest_uri=connected.manifest(lines)).execute(context(**run_id()))
    assert result is not None
    counted(connected, result["job_name"], TotalLabeled=3)
    stopped(connected, result["job_name"])
