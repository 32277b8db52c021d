"""New objects go to a running streaming job, each once."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from dev.stack import wait_until
from labeling_provider.errors import LabelingError, LabelingJobFailedError
from labeling_provider.operators.streaming import PushNewObjectsOperator
from labeling_provider.request import PrivateWorkteam
from labeling_provider.triggers.streaming import PushNewObjectsTrigger
from tests.airflow_context import context
from tests.conftest import Lab
from tests.flaky import connection, proxy
from tests.operators.test_labeling_job import run_id, run_to_the_end
from tests.service.engine.test_stream import KEY, Topic, backlog, counted, stopped, stream, text


class Yard:
    """A bucket prefix of its own, a streaming job of pictures that nobody labels soon, and its topic."""

    def __init__(self, lab: Lab, **arguments: Any) -> None:
        self.lab, self.topic = lab, Topic(lab)
        self.folder = f"yard-{uuid.uuid4().hex[:8]}/"
        self.prefix = f"s3://{lab.bucket}/{self.folder}"
        people = PrivateWorkteam(lab.team("private-people"))
        defaults = {"task_type": "image-classification", "workforce": people, "name": f"yard-{uuid.uuid4().hex[:8]}"}
        self.job = stream(lab, self.topic, **{**defaults, **arguments})

    def put(self, *keys: str, body: bytes | str = b"picture") -> list[str]:
        return [self.lab.put(self.folder + key, body) for key in keys]

    def push(self, **arguments: Any) -> PushNewObjectsOperator:
        defaults: dict[str, Any] = {
            "task_id": "push",
            "input_topic_arn": self.topic.arn,
            "job_name": self.job,
            "poll_interval": 0.1,
            "deferrable": False,
        }
        if not {"queue_url", "manifest_uri"} & arguments.keys():
            defaults["prefix_uri"] = self.prefix
        return PushNewObjectsOperator(**{**defaults, **arguments})

    def run(self, **arguments: Any) -> dict[str, Any]:
        result = run_to_the_end(self.push(**arguments), context(**run_id()))  # type: ignore[arg-type]
        assert result is not None
        json.dumps(result)
        return result

    def arrived(self, count: int) -> list[dict[str, Any]]:
        """Lines of the objects that the job has got, once it has so many; the job is stopped."""
        wait_until(lambda: sum(self.counters().values()) >= count, 60, f"{count} objects have arrived", 0.05)
        wait_until(lambda: backlog(self.lab, self.job) == 0, 60, "the queue is empty", 0.05)
        return stopped(self.lab, self.job)

    def counters(self) -> dict[str, int]:
        counters = self.lab.describe(self.job)["LabelCounters"]
        return {key: counters[key] for key in ("Unlabeled", "TotalLabeled", "FailedNonRetryableError")}


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
    first = yard.run(suffixes=[".png"], deferrable=deferrable)
    assert first == {"published": 26, "refused": 0, "examples": [], "reason": "drained"}
    uris += yard.put("later.png")
    assert yard.run(suffixes=[".png"], deferrable=deferrable, overlap=-1)["published"] == 27
    assert yard.run(suffixes=[".png"], deferrable=deferrable)["published"] == 0
    lines = yard.arrived(27)
    assert Counter(line["source-ref"] for line in lines) == Counter(uris)
    assert {line[KEY] for line in lines} == {"source-ref"}


def test_an_object_that_was_written_again_is_another_one_if_that_is_asked_for(connected: Lab) -> None:
    yard = Yard(connected)
    yard.put("a.png", "b.png")
    assert yard.run(relabel_changed=True)["published"] == 2
    yard.put("a.png", body=b"another picture")
    yard.run(relabel_changed=True)
    lines = yard.arrived(3)
    assert [line["source-ref"].rpartition("/")[2] for line in lines] == ["a.png", "b.png", "a.png"]
    assert len({line[line[KEY]] for line in lines}) == 3


def test_each_line_of_a_text_file_is_an_object_and_the_next_run_goes_on_inside_it(connected: Lab) -> None:
    yard = Yard(connected, task_type="text-classification")
    yard.put("a.txt", body="one\ntwo\n\n  three \n")
    yard.put("b.txt", body=b"four\n\xff\xfe\n" + b"x" * 100_001 + b"\nfive")
    yard.put("c.txt", body="")
    assert yard.run(text=True, max_objects=2) == {
        "published": 2,
        "refused": 0,
        "examples": [],
        "reason": "max_objects",
    }
    result = yard.run(text=True, max_objects=50)
    assert (result["published"], result["refused"], result["reason"]) == (3, 2, "drained")
    assert result["examples"] == [
        f"{yard.prefix}b.txt#2: byte 1 of the line is not UTF-8",
        f"{yard.prefix}b.txt#3: the line is longer than 100,000 characters",
    ]
    lines = yard.arrived(5)
    assert [line["source"] for line in lines] == ["one", "two", "three", "four", "five"]


def test_the_lines_of_a_manifest_are_pushed(connected: Lab) -> None:
    yard = Yard(connected, task_type="text-classification")
    given = [text(1), text(1), text(2, key="a", **{KEY: "key"})]
    body = "".join(json.dumps(line) + "\n" for line in given) + "{broken\n" + json.dumps(text(9, big="x" * 90_000))
    long = json.dumps({"source": "é" * 98_000, "b": "ü" * 900}, ensure_ascii=False)
    uri = connected.put("in/pushed.manifest", f"{body}\n{long}\n")
    result = yard.run(manifest_uri=uri)
    assert (result["published"], result["refused"]) == (5, 1)
    assert "pushed.manifest#4: not JSON" in result["examples"][0]
    lines = yard.arrived(5)
    assert sorted(line["source"][:6] for line in lines) == ["text 1", "text 1", "text 2", "text 9", "éééééé"]


def notifications(lab: Lab, way: str) -> tuple[str, str]:
    """A bucket that tells a queue of its new objects in some way; both names."""
    name = f"told-{uuid.uuid4().hex[:8]}"
    lab.s3.create_bucket(Bucket=name)
    sqs, sns, events = (lab.service.client(one) for one in ("sqs", "sns", "events"))
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    told = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    if way == "topic":
        topic = sns.create_topic(Name=name)["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        configuration: dict[str, Any] = {"TopicConfigurations": [{"TopicArn": topic, "Events": told}]}
    elif way == "queue":
        configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": told}]}
    else:
        pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}}
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        configuration = {"EventBridgeConfiguration": {}}
    lab.s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=configuration)
    return name, url


@pytest.mark.parametrize("way", ["queue", "topic", "eventbridge"])
def test_what_a_queue_is_told_of_is_pushed(connected: Lab, way: str) -> None:
    yard = Yard(connected)
    bucket, url = notifications(connected, way)
    for key in ("new/ä b+c.png", "new/gone.png", "new/ä b+c.png", "new/notes.txt", "new/2.png"):
        connected.s3.put_object(Bucket=bucket, Key=key, Body=b"picture")
    connected.s3.delete_object(Bucket=bucket, Key="new/gone.png")
    sqs = connected.service.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="not for us")
    result = yard.run(queue_url=url, suffixes=[".png"])
    assert (result["published"], result["reason"]) == (3, "drained")
    lines = yard.arrived(2)
    assert [line["source-ref"] for line in lines] == [f"s3://{bucket}/new/ä b+c.png", f"s3://{bucket}/new/2.png"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert sum(map(int, left.values())) == 1


def test_no_more_is_pushed_than_may_wait(connected: Lab) -> None:
    yard = Yard(connected, max_concurrent_objects=2)
    yard.put(*(f"{number}.png" for number in range(9)))
    result = yard.run(max_backlog=4, duration=timedelta(seconds=10))
    assert (result["published"], result["reason"]) == (6, "deadline")
    assert backlog(connected, yard.job) == 4
    stopped(connected, yard.job)


def test_the_end_of_the_job_ends_the_push_and_the_rest_stays(connected: Lab) -> None:
    yard = Yard(connected)
    yard.put("1.png", "2.png")
    assert yard.run(max_objects=1)["published"] == 1
    stopped(connected, yard.job)
    with pytest.raises(LabelingJobFailedError, match=f"{yard.job} is Stopped"):
        yard.run()
    yard.job = stream(
        connected,
        yard.topic,
        task_type="image-classification",
        workforce=PrivateWorkteam(connected.team("private-people")),
    )
    assert yard.run(job_name=None)["published"] == 1
    assert [line["source-ref"] for line in yard.arrived(1)] == [f"{yard.prefix}2.png"]


def test_there_must_be_such_a_job(connected: Lab) -> None:
    yard = Yard(connected)
    with pytest.raises(LabelingError, match="There is no labeling job named nobody"):
        yard.run(job_name="nobody", position_uri="s3://lab/position.json")
    with pytest.raises(ValueError, match="Give exactly one of"):
        yard.run(queue_url="http://queue", manifest_uri="s3://lab/m")
    stopped(connected, yard.job)


def test_whatever_goes_wrong_on_the_way_each_object_arrives_once(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard = Yard(connected)
    uris = yard.put(*(f"{number:03}.png" for number in range(120)))
    with proxy(connected, seed=4) as between:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))
        between.share = 0.3
        result = yard.run()
        between.share = 0
        assert sum(between.spoilt.values()) > 5
    assert result["published"] == 120
    assert sorted(line["source-ref"] for line in yard.arrived(120)) == uris


def test_two_who_push_the_same_do_not_fight(connected: Lab) -> None:
    yard = Yard(connected)
    uris = yard.put(*(f"{number:03}.png" for number in range(60)))
    results: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: results.append(yard.run())) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert [one["reason"] for one in results] == ["drained", "drained"]
    assert sorted(line["source-ref"] for line in yard.arrived(60)) == uris


class Store:
    """The state store of a watched asset, as Airflow gives it to a trigger from 3.3 on."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return json.loads(self.kept[key]) if key in self.kept else None

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = json.dumps(value)


def test_a_watcher_waits_for_a_job_goes_on_for_ever_and_remembers_with_its_asset(connected: Lab) -> None:
    yard = Yard(connected)
    stopped(connected, yard.job)
    people = PrivateWorkteam(connected.team("private-people"))
    yard.put("1.png", "2.png")
    store = Store()

    def watcher() -> PushNewObjectsTrigger:
        made = PushNewObjectsTrigger(input_topic_arn=yard.topic.arn, prefix_uri=yard.prefix, poll_interval=0.1)
        path, arguments = made.serialize()
        assert path.endswith("triggers.streaming.PushNewObjectsTrigger")
        made = PushNewObjectsTrigger(**json.loads(json.dumps(arguments)))
        made.asset_state_store = store  # type: ignore[assignment]
        return made

    async def scenario() -> list[dict[str, Any]]:
        events = watcher().run()
        first = asyncio.ensure_future(anext(events))
        done, _ = await asyncio.wait([first], timeout=1)
        assert not done
        yard.job = await asyncio.to_thread(
            stream, connected, yard.topic, task_type="image-classification", workforce=people
        )
        seen = [dict((await asyncio.wait_for(first, 30)).payload)]
        await asyncio.to_thread(yard.put, "3.png")
        seen.append(dict((await asyncio.wait_for(anext(events), 30)).payload))
        await events.aclose()  # type: ignore[attr-defined]
        return seen

    assert [one["published"] for one in asyncio.run(scenario())] == [2, 1]
    (kept,) = store.kept.values()
    assert json.loads(kept)["threshold"] > 0
    lines = yard.arrived(3)
    assert [line["source-ref"] for line in lines] == [f"{yard.prefix}{number}.png" for number in (1, 2, 3)]


def test_a_push_shows_its_counts_while_it_runs(connected: Lab) -> None:
    yard = Yard(connected)
    yard.put("1.png")
    counted(connected, yard.job, Unlabeled=0)
    task = yard.push(deferrable=True)
    assert task.template_fields[:2] == ("input_topic_arn", "job_name")
    assert yard.run(deferrable=True)["published"] == 1
    stopped(connected, yard.job)
