"""What CloudWatch Logs tells of labeling jobs and of trainings, read as clients read it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from labeling_provider.service.cloud.log_streams import LABELING_JOBS, TRAINING_JOBS
from labeling_provider.service.database import running
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.job_rows import TrainingRow, insert_job
from labeling_provider.service.database.learning_rows import record_training
from labeling_provider.service.database.model_rows import ModelRow, put
from labeling_provider.service.web import logs as module
from tests.service.inside import ACCOUNT, REGION, Inside

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:"


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A service with the logs of some jobs: one of many lines, and one with trainings."""
    service = Inside(tmp_path_factory.mktemp("logs"))
    assert service.store is not None
    with pytest.raises(ClientError, match="log group does not exist"):
        service.client("logs").describe_log_streams(logGroupName=LABELING_JOBS)
    assert service.client("logs").describe_log_groups()["logGroups"] == []
    for name, count in (("birds", 25), ("birds-2", 0), ("Cats", 3)):
        make_job(service.store, name, count)
    add_training(service.store, "Cats", 4, "image-classification", 0.93)
    add_training(service.store, "Cats", 5, "object-detection", 0.7125)
    add_training(service.store, "Cats", 6, "text-classification", None)
    yield service
    service.stop()


def make_job(store: Database, name: str, lines: int) -> int:
    with store.write() as connection:
        facts = {"name": name, "arn": f"{ARN}labeling-job/{name}", "reference_code": "a", "workteam_arn": "b"}
        job = insert_job(connection, **facts, request={})
        for number in range(lines):
            running.note(connection, job, f"line {number} of \u201c{name}\u201d")
    return job


def add_training(store: Database, job: str, iteration: int, algorithm: str, agreement: float | None) -> None:
    name = f"{job}-model-{iteration}"
    container = {"ModelDataUrl": f"s3://lab/{name}/output/model.tar.gz"}
    arn, at = f"{ARN}model/{name}", time.time()
    row = ModelRow(name, arn, algorithm, at, {"ModelName": name, "PrimaryContainer": container})
    with store.write() as connection:
        put(connection, row)
        threshold = agreement and agreement - 0.1
        record_training(connection, 3, TrainingRow(iteration, 180, agreement, threshold, 70, arn), {}, {}, [])


def messages_of(client: Any, group: str, stream: str, **arguments: Any) -> list[str]:
    """All of a stream's messages, page by page."""
    where = {"logGroupName": group, "logStreamName": stream, "startFromHead": True}
    page = client.get_log_events(**where, **arguments)
    events, token = page["events"], page["nextForwardToken"]
    while True:
        page = client.get_log_events(**where, nextToken=token, **arguments)
        if page["nextForwardToken"] == token:
            assert page["events"] == []
            return [event["message"] for event in events]
        events, token = events + page["events"], page["nextForwardToken"]


def test_there_is_a_stream_for_each_job(inside: Inside) -> None:
    client = inside.client("logs")
    groups = client.describe_log_groups(logGroupNamePrefix="/aws/sagemaker/")["logGroups"]
    assert [group["logGroupName"] for group in groups] == [LABELING_JOBS, TRAINING_JOBS]
    assert groups[0]["arn"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{LABELING_JOBS}:*"
    pages = client.get_paginator("describe_log_streams").paginate(
        logGroupName=LABELING_JOBS, PaginationConfig={"PageSize": 2}
    )
    streams = [stream for page in pages for stream in page["logStreams"]]
    assert [stream["logStreamName"] for stream in streams] == ["birds", "birds-2", "Cats"]
    assert all(stream["firstEventTimestamp"] <= stream["lastEventTimestamp"] for stream in streams)
    some = client.describe_log_streams(logGroupName=LABELING_JOBS, logStreamNamePrefix="bird")["logStreams"]
    assert [stream["logStreamName"] for stream in some] == ["birds", "birds-2"]
    newest = {"orderBy": "LastEventTime", "descending": True}
    latest = client.describe_log_streams(logGroupIdentifier=groups[0]["logGroupArn"], **newest)
    assert next(stream["logStreamName"] for stream in latest["logStreams"]) == "Cats"


@pytest.mark.parametrize("size", [1, 7, 26, 100])
def test_a_stream_is_read_in_pages_of_any_size(inside: Inside, size: int) -> None:
    lines = [json.loads(message) for message in messages_of(inside.client("logs"), LABELING_JOBS, "birds", limit=size)]
    texts = [line["event-log-message"] for line in lines]
    assert texts == ["Created", *(f"line {number} of \u201cbirds\u201d" for number in range(25))]
    assert {line["labeling-job-name"] for line in lines} == {"birds"}
    assert all(line["event-name"] for line in lines)


def test_a_stream_is_read_backwards_as_well_and_its_end_comes_first(inside: Inside) -> None:
    client = inside.client("logs")
    where = {"logGroupName": LABELING_JOBS, "logStreamName": "birds"}
    page = client.get_log_events(**where, limit=2)
    assert [json.loads(event["message"])["event-log-message"][:7] for event in page["events"]] == ["line 23", "line 24"]
    page = client.get_log_events(**where, limit=2, nextToken=page["nextBackwardToken"])
    assert [json.loads(event["message"])["event-log-message"][:7] for event in page["events"]] == ["line 21", "line 22"]
    later = int(time.time() * 1000) + 60_000
    assert client.get_log_events(**where, startTime=later)["events"] == []
    assert len(client.get_log_events(**where, endTime=later)["events"]) == 26


def test_a_page_is_no_larger_than_a_response_may_be(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RESPONSE_BYTES", 500)
    client = inside.client("logs")
    page = client.get_log_events(logGroupName=LABELING_JOBS, logStreamName="birds", startFromHead=True)
    assert 0 < len(page["events"]) < 10
    assert len(messages_of(client, LABELING_JOBS, "birds")) == 26
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=LABELING_JOBS)
    assert sum(len(page["events"]) for page in pages) == 31


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("", 31),
        ("line", 28),
        ("line Cats", 3),
        ('"line 2 of"', 2),
        ("?Created ?Cats", 6),
        ("line -birds", 3),
        ("nowhere", 0),
    ],
)
@pytest.mark.parametrize("size", [2, 10_000])
def test_lines_of_all_jobs_are_found_by_their_terms(inside: Inside, pattern: str, count: int, size: int) -> None:
    client = inside.client("logs")
    paginator = client.get_paginator("filter_log_events")
    pages = paginator.paginate(logGroupName=LABELING_JOBS, filterPattern=pattern, PaginationConfig={"PageSize": size})
    events = [event for page in pages for event in page["events"]]
    assert len({event["eventId"] for event in events}) == len(events) == count
    of_one = client.filter_log_events(logGroupName=LABELING_JOBS, logStreamNames=["birds-2"])["events"]
    assert [json.loads(event["message"])["event-log-message"] for event in of_one] == ["Created"]
    later = int(time.time() * 1000) + 60_000
    assert client.filter_log_events(logGroupName=LABELING_JOBS, startTime=later)["events"] == []


def test_a_training_tells_the_figures_that_notebooks_look_for(inside: Inside) -> None:
    client = inside.client("logs")
    streams = client.describe_log_streams(logGroupName=TRAINING_JOBS, logStreamNamePrefix="Cats-model-4")["logStreams"]
    assert streams[0]["logStreamName"].startswith("Cats-model-4/algo-1-")
    messages = messages_of(client, TRAINING_JOBS, streams[0]["logStreamName"], limit=2)
    (samples,) = [message for message in messages if "Final configuration" in message]
    assert samples.split("num_training_samples': u'")[1].split("'")[0] == "180"
    (accuracy,) = [message for message in messages if "Validation-accuracy" in message]
    assert float(accuracy.split("Validation-accuracy=")[1]) == 0.93
    assert any("s3://lab/Cats-model-4/output/model.tar.gz" in message for message in messages)
    boxes, texts = (
        client.describe_log_streams(logGroupName=TRAINING_JOBS, logStreamNamePrefix=f"Cats-model-{number}/")
        for number in (5, 6)
    )
    messages = messages_of(client, TRAINING_JOBS, boxes["logStreams"][0]["logStreamName"])
    (score,) = [message for message in messages if "validation mAP <score>=(" in message]
    assert float(score.split("<score>=(")[1][:-1]) == 0.7125
    messages = messages_of(client, TRAINING_JOBS, texts["logStreams"][0]["logStreamName"])
    assert "There is nothing to measure the model on." in messages


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        ("create_log_group", {"logGroupName": "mine"}, "UnknownOperationException"),
        (
            "put_log_events",
            {"logGroupName": "a", "logStreamName": "b", "logEvents": [{"timestamp": 1, "message": "a"}]},
            "UnknownOperationException",
        ),
        ("describe_log_streams", {"logGroupName": "/aws/lambda/mine"}, "ResourceNotFoundException"),
        ("describe_log_streams", {}, "InvalidParameterException"),
        ("describe_log_streams", {"logGroupName": LABELING_JOBS, "limit": 51}, "InvalidParameterException"),
        ("describe_log_streams", {"logGroupName": LABELING_JOBS, "nextToken": "\u0663"}, "InvalidParameterException"),
        ("get_log_events", {"logGroupName": LABELING_JOBS, "logStreamName": "cats"}, "ResourceNotFoundException"),
        (
            "get_log_events",
            {"logGroupName": LABELING_JOBS, "logStreamName": "birds", "nextToken": "x/1"},
            "InvalidParameterException",
        ),
        ("filter_log_events", {"logGroupName": LABELING_JOBS, "nextToken": "1/x"}, "InvalidParameterException"),
        (
            "filter_log_events",
            {"logGroupName": LABELING_JOBS, "filterPattern": "{ $.a = 1 }"},
            "InvalidParameterException",
        ),
    ],
)
def test_what_cannot_be_answered_is_refused(
    inside: Inside, operation: str, arguments: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(inside.client("logs"), operation)(**arguments)
    assert refused.value.response["Error"]["Code"] == code


def test_the_log_of_a_job_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MAX_LINES", 5)
    service = Inside(tmp_path)
    assert service.store is not None
    try:
        make_job(service.store, "other", 2)
        make_job(service.store, "long", 12)
        messages = [
            json.loads(message)["event-log-message"]
            for message in messages_of(service.client("logs"), LABELING_JOBS, "long")
        ]
        assert [message.split(" of")[0] for message in messages] == [f"line {number}" for number in range(7, 12)]
        assert len(messages_of(service.client("logs"), LABELING_JOBS, "other")) == 3
    finally:
        service.stop()
