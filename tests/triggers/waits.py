"""Triggers that wait, as tests make and fire them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from airflow.triggers.base import BaseTrigger

from labeling_provider.triggers.labeling_job import LabelingJobTrigger
from tests.conftest import Lab, texts
from tests.flaky import Proxy


def trigger(name: str, **arguments: Any) -> LabelingJobTrigger:
    defaults = {
        "targets": [],
        "poll_interval": 0.05,
        "deadline": None,
        "outage": 900,
        "stop_job_on_kill": True,
        "aws_conn_id": "aws_default",
        "region_name": None,
        "verify": None,
        "botocore_config": None,
    }
    return LabelingJobTrigger(name, **{**defaults, **arguments})


def fire(waiting: BaseTrigger) -> dict[str, Any]:
    return asyncio.run(asyncio.wait_for(event_of(waiting), 60))


def waiting_jobs(lab: Lab, count: int) -> list[str]:
    """Jobs that wait for people."""
    manifest = lab.manifest(texts(2))
    names = [lab.create(manifest, workforce=lab.people) for _ in range(count)]
    for name in names:
        lab.wait(name, {"InProgress"})
    return names


def watch(lab: Lab, names: list[str], **arguments: Any) -> list[LabelingJobTrigger]:
    return [trigger(name, created=lab.describe(name)["CreationTime"].timestamp(), **arguments) for name in names]


async def event_of(waiting: BaseTrigger) -> dict[str, Any]:
    async for event in waiting.run():
        return dict(event.payload)
    raise AssertionError("the trigger did not fire")


async def sweeps(between: Proxy, more: int, seconds: float = 30) -> None:
    """Until the service has been asked so many more times, and has said what it has to say."""
    wanted = between.looks + more
    async with asyncio.timeout(seconds):
        while between.looks < wanted:
            await asyncio.sleep(0.02)


def stop(lab: Lab, names: list[str]) -> None:
    for name in names:
        lab.sagemaker.stop_labeling_job(LabelingJobName=name)
        lab.wait(name)


def queue_of_events(lab: Lab, name: str) -> str:
    """A queue that an EventBridge rule feeds, as the documentation has it; its URL."""
    sqs, events = lab.service.client("sqs"), lab.service.client("events")
    url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Ground Truth Labeling Job State Change"],
    }
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    return url
