"""New objects are pushed to a running streaming job by a task, each once."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from dev.stack import wait_until
from labeling_provider.errors import LabelingError, LabelingJobFailedError
from labeling_provider.operators.streaming import PushNewObjectsOperator
from tests.airflow_context import context
from tests.conftest import Lab
from tests.operators.tasks import run_id, run_to_the_end
from tests.service.engine.test_stream import KEY, backlog, counted, stopped
from tests.streaming.yards import Yard


def push(yard: Yard, **arguments: Any) -> PushNewObjectsOperator:
    defaults: dict[str, Any] = {
        "task_id": "push",
        "input_topic_arn": yard.topic.arn,
        "job_name": yard.job,
        "poll_interval": 0.1,
        "deferrable": False,
    }
    if not {"queue_url", "manifest_uri"} & arguments.keys():
        defaults["prefix_uri"] = yard.prefix
    return PushNewObjectsOperator(**{**defaults, **arguments})


def pushed(yard: Yard, **arguments: Any) -> dict[str, Any]:
    """What the task returns."""
    result = run_to_the_end(push(yard, **arguments), context(**run_id()))  # type: ignore[arg-type]
    assert result is not None
    json.dumps(result)
    return result


@pytest.mark.parametrize("deferrable", [True, False])
def test_what_is_under_a_prefix_is_pushed_once_and_later_only_what_is_new(connected: Lab, deferrable: bool) -> None:
    yard = Yard(connected)
    names = [
        *(f"{number:03}.png" for number in range(23)),
        "ä + b &\"'<>.png",
        "new line %2B?x=1;#.png",
        "日本語🐈.png",
    ]
    uris = yard.put(*names)
    yard.put("notes.txt", "folder/")
    first = pushed(yard, suffixes=[".png"], deferrable=deferrable)
    assert first == {"published": 26, "refused": 0, "examples": [], "reason": "drained"}
    uris += yard.put("later.png")
    # No sweep after this one looks back; on a busy machine the time that a server tells is some seconds old.
    assert pushed(yard, suffixes=[".png"], deferrable=deferrable, overlap=-60)["published"] == 27
    assert pushed(yard, suffixes=[".png"], deferrable=deferrable)["published"] == 0
    lines = yard.arrived(27)
    assert Counter(line["source-ref"] for line in lines) == Counter(uris)
    assert {line[KEY] for line in lines} == {"source-ref"}


def test_a_manifest_and_a_queue_are_pushed_too(connected: Lab) -> None:
    yard = Yard(connected)
    (named, *others) = yard.put("told.png", "1.png", "2.png")
    manifest = connected.manifest([{"source-ref": uri} for uri in others])
    assert pushed(yard, manifest_uri=manifest) == {
        "published": 2,
        "refused": 0,
        "examples": [],
        "reason": "drained",
    }
    url = yard.topic.sqs.create_queue(QueueName=yard.job)["QueueUrl"]
    place = {"bucket": {"name": connected.bucket}, "object": {"key": f"{yard.folder}told.png"}}
    body = json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": place}]})
    yard.topic.sqs.send_message(QueueUrl=url, MessageBody=body)
    assert pushed(yard, queue_url=url)["published"] == 1
    assert sorted(line["source-ref"] for line in yard.arrived(3)) == [*others, named]


def test_each_line_of_a_text_file_is_an_object_and_the_next_run_goes_on_inside_it(connected: Lab) -> None:
    yard = Yard(connected, task_type="text-classification")
    yard.put("a.txt", body="one\ntwo\n\n  three \n")
    yard.put("b.txt", body=b"four\n\xff\xfe\n" + b"x" * 100_001 + b"\nfive")
    yard.put("c.txt", body="")
    assert pushed(yard, text=True, max_objects=2) == {
        "published": 2,
        "refused": 0,
        "examples": [],
        "reason": "max_objects",
    }
    result = pushed(yard, text=True, max_objects=50)
    assert (result["published"], result["refused"], result["reason"]) == (3, 2, "drained")
    assert result["examples"] == [
        f"{yard.prefix}b.txt#2: byte 1 of the line is not UTF-8",
        f"{yard.prefix}b.txt#3: the line is longer than 100,000 characters",
    ]
    lines = yard.arrived(5)
    assert [line["source"] for line in lines] == ["one", "two", "three", "four", "five"]


def test_no_more_is_pushed_than_may_wait_until_time_is_up(connected: Lab) -> None:
    yard = Yard(connected, max_concurrent_objects=2)
    yard.put(*(f"{number}.png" for number in range(9)))
    result = pushed(yard, max_backlog=4, duration=timedelta(seconds=10))
    # On a busy machine the job takes its two only after the time is up.
    assert (result["published"] in range(4, 7), result["reason"]) == (True, "deadline")
    wait_until(lambda: backlog(connected, yard.job) == result["published"] - 2, 30, "the job has taken two", 0.1)
    stopped(connected, yard.job)


def test_the_end_of_the_job_ends_the_push_and_the_rest_stays(connected: Lab) -> None:
    yard = Yard(connected)
    yard.put("1.png", "2.png")
    assert pushed(yard, max_objects=1)["published"] == 1
    stopped(connected, yard.job)
    with pytest.raises(LabelingJobFailedError, match=f"{yard.job} is Stopped"):
        pushed(yard)
    yard.job = yard.stream()
    assert pushed(yard, job_name=None)["published"] == 1
    assert [line["source-ref"] for line in yard.arrived(1)] == [f"{yard.prefix}2.png"]


def test_there_must_be_such_a_job(connected: Lab) -> None:
    yard = Yard(connected)
    with pytest.raises(LabelingError, match="There is no labeling job named nobody"):
        pushed(yard, job_name="nobody", position_uri="s3://lab/position.json")
    with pytest.raises(ValueError, match="Set exactly one of"):
        pushed(yard, queue_url="http://queue", manifest_uri="s3://lab/m")
    stopped(connected, yard.job)


def test_two_who_push_the_same_do_not_fight(connected: Lab) -> None:
    yard = Yard(connected)
    uris = yard.put(*(f"{number:03}.png" for number in range(60)))
    results: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: results.append(pushed(yard))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [result["reason"] for result in results] == ["drained", "drained"]
    assert sorted(line["source-ref"] for line in yard.arrived(60)) == uris


def test_a_push_shows_its_counts_while_it_runs(connected: Lab) -> None:
    yard = Yard(connected)
    yard.put("1.png")
    counted(connected, yard.job, Unlabeled=0)
    task = push(yard, deferrable=True)
    assert task.template_fields[:2] == ("input_topic_arn", "job_name")
    assert pushed(yard, deferrable=True)["published"] == 1
    stopped(connected, yard.job)
