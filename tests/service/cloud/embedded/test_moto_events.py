"""Rules of the default bus, and what comes by them, survive a kill."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from labeling_provider.service.clock import Clock
from labeling_provider.service.database import announcement_rows
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.engine.announcements import Announcements
from tests.service.database.rows import job
from tests.service.inside import ACCOUNT, REGION, Inside

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:ends"


def rules(inside: Inside) -> dict[str, Any]:
    """All that clients can see of the rules."""
    events = inside.client("events")
    by_name = {}
    for rule in events.list_rules()["Rules"]:
        name = rule["Name"]
        tags = events.list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"]
        by_name[name] = [rule, events.list_targets_by_rule(Rule=name)["Targets"], tags]
    return by_name


def test_rules_are_there_after_a_kill_as_they_were(inside: Inside) -> None:
    events = inside.client("events")
    inside.client("sqs").create_queue(QueueName="ends")
    pattern = json.dumps({"source": ["aws.sagemaker"]})
    target = {"Id": "1", "Arn": QUEUE, "InputTransformer": {"InputPathsMap": {"a": "$.source"}, "InputTemplate": "<a>"}}
    events.put_rule(Name="off", EventPattern=pattern, State="DISABLED", Tags=[{"Key": "a", "Value": "b"}])
    events.put_rule(Name="gone", ScheduleExpression="rate(5 minutes)")
    events.put_rule(Name="timed", ScheduleExpression="rate(5 minutes)", RoleArn="arn:aws:iam::1:role/r")
    events.put_rule(Name="ends", EventPattern=pattern, Description="d")
    events.put_targets(Rule="ends", Targets=[target, {"Id": "2", "Arn": QUEUE}])
    events.remove_targets(Rule="ends", Ids=["1"])
    events.delete_rule(Name="gone")
    before = rules(inside)
    assert before.keys() == {"off", "timed", "ends"}
    inside.start()
    assert rules(inside) == before
    inside.embedded.events.announce("arn:aws:sagemaker:us-east-1:1:labeling-job/cats", "Completed")
    sqs = inside.client("sqs")
    url = sqs.get_queue_url(QueueName="ends")["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["detail"] == {"LabelingJobStatus": "Completed"}


def test_a_rule_that_the_database_does_not_take_is_not_there(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    events = inside.client("events")
    events.put_rule(Name="kept", ScheduleExpression="rate(5 minutes)")
    before = rules(inside)

    def full(*_: Any) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr("labeling_provider.service.database.recorded_states.States.change", full)
    for name in ("kept", "new"):
        with pytest.raises(ClientError, match="can't store this now"):
            events.put_rule(Name=name, ScheduleExpression="rate(9 minutes)")
    assert rules(inside) == before


def test_the_end_of_a_job_reaches_the_queue_of_a_rule(inside: Inside) -> None:
    assert inside.store is not None
    url = inside.client("sqs").create_queue(QueueName="ends")["QueueUrl"]
    events = inside.client("events")
    events.put_rule(Name="ends", EventPattern='{"source": ["aws.sagemaker"]}')
    events.put_targets(Rule="ends", Targets=[{"Id": "1", "Arn": QUEUE}])
    with inside.store.write() as connection:
        announcement_rows.add(connection, job(connection))
    Announcements(inside.store, inside.embedded.events.announce, Clock()).tell()
    (message,) = inside.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["resources"] == ["arn-Cats"]
    with inside.store.read() as connection:
        assert not announcement_rows.is_pending(connection, time.time() + 3_600)
