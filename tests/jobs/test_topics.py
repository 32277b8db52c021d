"""What a streaming job needs around it is made, and what is there stays as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import LabelingError
from labeling_provider.jobs.ownership import Owner
from labeling_provider.jobs.topics import StreamResources
from labeling_provider.request import PrivateWorkteam
from tests.conftest import Lab
from tests.jobs.runs import Notebook, run
from tests.own_names import own_id
from tests.service.engine.test_stream import Topic, counted, stopped


def arn(account: str = "123456789012") -> str:
    return f"arn:aws:sns:us-east-1:{account}:groundtruth-{own_id().hex[:8]}"


@pytest.fixture
def yard(lab: Lab) -> str:
    """A bucket of its own."""
    name = f"yard-{own_id().hex[:8]}"
    lab.s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def resources(client: GroundTruth) -> StreamResources:
    return StreamResources(client)


def test_new_objects_are_told_by_their_bucket_and_what_it_told_before_stays(
    lab: Lab, client: GroundTruth, owner: Owner, yard: str
) -> None:
    other = Topic(lab, listen=True)
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
    lab.s3.put_bucket_notification_configuration(Bucket=yard, NotificationConfiguration=configuration)
    topic = Topic(lab, listen=True)
    slow = PrivateWorkteam(lab.team("slow"))
    spec = lab.spec(None, task_type="image-classification", input_topic_arn=topic.arn, workforce=slow)
    options = {"create_topics": True, "notify_from": f"s3://{yard}/new/", "notify_suffix": ".png"}
    result = run(client, spec, Notebook(owner), **options).run()
    assert topic.heard(1)[0]["Event"] == "s3:TestEvent"
    present = lab.s3.get_bucket_notification_configuration(Bucket=yard)["TopicConfigurations"]
    assert present[0]["Id"] == "mine"
    assert [setting["TopicArn"] for setting in present] == [other.arn, topic.arn]
    policy = json.loads(topic.sns.get_topic_attributes(TopicArn=topic.arn)["Attributes"]["Policy"])
    assert policy["Statement"][0]["Sid"] == "__default_statement_ID"
    assert policy["Statement"][1]["Condition"]["ArnLike"] == {"aws:SourceArn": f"arn:aws:s3:::{yard}"}
    for key in ("new/1.png", "new/1.txt", "old/1.png"):
        lab.s3.put_object(Bucket=yard, Key=key, Body=b"picture")
    assert topic.heard(1)[0]["Records"][0]["s3"]["object"]["key"] == "new%2F1.png"
    counted(lab, result["job_name"], Unlabeled=1)
    # Once more: nothing is written, or S3 would send a test event to the job.
    run(client, spec, Notebook(owner), **options).run()
    lab.s3.put_object(Bucket=yard, Key="new/2.png", Body=b"picture")
    assert topic.heard(1)[0]["Records"][0]["s3"]["object"]["key"] == "new%2F2.png"
    assert lab.s3.get_bucket_notification_configuration(Bucket=yard)["TopicConfigurations"] == present
    # That the topic has told of it does not mean that the job has read its queue.
    counted(lab, result["job_name"], Unlabeled=2)
    lines = stopped(lab, result["job_name"])
    assert [line["source-ref"] for line in lines] == [f"s3://{yard}/new/1.png", f"s3://{yard}/new/2.png"]


def test_a_topic_is_made_once(lab: Lab, resources: StreamResources) -> None:
    topic = arn()
    for _ in range(2):
        resources.topic(topic)
    topics = [entry["TopicArn"] for entry in lab.service.client("sns").list_topics()["Topics"]]
    assert topics.count(topic) == 1


def test_a_topic_of_another_account_is_not_made(lab: Lab, resources: StreamResources) -> None:
    topic = arn("999999999999")
    with pytest.raises(LabelingError, match="belongs to another account"):
        resources.topic(topic)
    made = topic.replace("999999999999", "123456789012")
    assert {"TopicArn": made} not in lab.service.client("sns").list_topics()["Topics"]


def test_a_queue_for_labels_is_made_and_subscribed_once(lab: Lab, resources: StreamResources) -> None:
    topic = Topic(lab)
    name = f"labels-{own_id().hex[:8]}"
    url = resources.labels_queue(name, topic.arn)
    attributes = topic.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    assert resources.labels_queue(name, topic.arn) == url
    assert topic.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"] == attributes
    (statement,) = json.loads(attributes["Policy"])["Statement"]
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": topic.arn}}
    assert len(topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]) == 1
    other = Topic(lab)
    resources.labels_queue(name, other.arn)
    policy = topic.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    assert len(json.loads(policy)["Statement"]) == 2, "what was allowed stays allowed"


@pytest.mark.parametrize(
    "there",
    [
        {"Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "new/"}]}}},
        {
            "Events": ["s3:ObjectRemoved:*", "s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "new/"}, {"Name": "suffix", "Value": ""}]}},
        },
    ],
)
def test_a_notification_that_does_what_is_wanted_is_left_alone_whatever_it_is_called(
    lab: Lab, client: GroundTruth, monkeypatch: pytest.MonkeyPatch, yard: str, there: dict[str, Any]
) -> None:
    """As S3 writes it: moto takes neither capitals nor empty values."""
    topic = Topic(lab)
    present = {"TopicConfigurations": [{"Id": "by hand", "TopicArn": topic.arn, **there}]}
    monkeypatch.setattr(client.s3, "get_bucket_notification_configuration", lambda **_: dict(present))
    monkeypatch.setattr(
        client.s3, "put_bucket_notification_configuration", lambda **_: pytest.fail("S3 would send a test event")
    )
    StreamResources(client).bucket_notifies(topic.arn, f"s3://{yard}/new/")
