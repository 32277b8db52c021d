"""Two services on one PostgreSQL and one S3, killed in the middle, do each thing once."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import cycle, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from dev.stack import Service, free_port, wait_until
from labeling_provider.service.database.schema import tasks
from labeling_provider.service.web.forwarding import FORWARDED
from tests.conftest import Lab, texts

ID_KEY = "dataset-objectid-attribute-name"
PUSHED = 60


class Anyone:
    """Whichever of some services answers."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._services, self._turns = services, cycle(services)

    @staticmethod
    @cache
    def _client(service: Service, name: str, _endpoint: str) -> Any:
        return service.client(name, config=Config(retries={"total_max_attempts": 1}))

    def ask(self, name: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """What a service answers that is there and has what is asked for."""
        return self._asked(name, operation, arguments)

    def who_has_topics(self) -> Service:
        def found() -> Service | None:
            return next((service for service in self._services if has_topics(service)), None)

        return wait_until(found, 60, "somebody has topics", 0.05)

    def _asked(self, name: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Ask the next one, as a balancer would, until one answers."""

        def answered() -> dict[str, Any] | None:
            for _ in self._services:
                service = next(self._turns)
                try:
                    client = self._client(service, name, service.endpoint_url)
                    told: dict[str, Any] = getattr(client, operation)(**arguments)
                    return told
                except BotoCoreError:
                    continue
                except ClientError as error:
                    if error.response["ResponseMetadata"]["HTTPStatusCode"] != 503:
                        raise
            return None

        return wait_until(answered, 60, f"somebody answers {operation}", 0.05)

    def queue(self, name: str) -> tuple[str, str]:
        """A new queue; its URL and its ARN."""
        url = str(self.ask("sqs", "create_queue", QueueName=name)["QueueUrl"])
        asked = self.ask("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["QueueArn"])
        return url, str(asked["Attributes"]["QueueArn"])

    def received(self, url: str) -> list[Any]:
        """The messages of a queue, as JSON; taken away."""
        found = []
        for one in self.ask("sqs", "receive_message", QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            found.append(json.loads(one["Body"]))
            self.ask("sqs", "delete_message", QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return found


def has_topics(service: Service, **keys: str) -> bool:
    """Whether it answers for topics by itself."""
    client = service.client("sns", config=Config(retries={"total_max_attempts": 1}), **keys)
    client.meta.events.register("before-send.sns", _as_passed_on)
    try:
        client.list_topics()
    except BotoCoreError:
        return False
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 503:
            raise
        return False
    return True


def _as_passed_on(request: Any, **_: Any) -> None:
    request.headers[FORWARDED] = "1"


def text(number: int) -> dict[str, Any]:
    return {"source": f"pushed {number}", "truth": "cat", ID_KEY: "source"}


def check_job(lab: Lab, name: str, count: int) -> None:
    """See that a job has come to its end, with everything once."""
    description = lab.wait(name, seconds=180)
    assert description["LabelingJobStatus"] == "Completed", description
    assert description["LabelCounters"]["HumanLabeled"] == description["LabelCounters"]["TotalLabeled"] == count
    output = lab.output(description)
    assert [line["source"] for line in output] == [line["source"] for line in texts(count)]
    assert all("label-metadata" in line for line in output)
    written = lab.keys(f"out/{name}/")
    responses = [key for key in written if "/worker-response/" in key]
    assert Counter(Counter(key.split("/")[5] for key in responses).values()) == {1: count}
    for key in responses:
        workers = [answer["workerId"] for answer in json.loads(lab.get(f"s3://lab/{key}"))["answers"]]
        assert len(workers) == len(set(workers)) == 3
    asked = [
        one["datasetObjectId"]
        for key in written
        if "/consolidation-request/" in key
        for one in json.loads(lab.get(f"s3://lab/{key}"))
    ]
    assert len(asked) == len(set(asked)) == count


def check_workers(url: str) -> None:
    """See that every worker did one task at a time."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        done = sa.select(tasks.c.worker_id, tasks.c.accepted, tasks.c.due).where(tasks.c.worker_id.is_not(None))
        rows = connection.execute(done.order_by(tasks.c.accepted)).all()
    engine.dispose()
    times: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for worker, accepted, due in rows:
        times[worker].append((accepted, due))
    for own in times.values():
        assert all(ended <= began for (_, ended), (began, _) in pairwise(own))


def test_two_services_that_are_killed_again_and_again_do_each_thing_once(tmp_path: Path, postgresql_url: str) -> None:
    workforce = tmp_path / "workforce.json"
    teams = {"private-simulated": {"workers": 9, "accuracy": 1, "seconds_per_task": 0.01}}
    workforce.write_text(json.dumps({"workteams": teams, "seed": 3}))
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    s3 = Service(tmp_path / "s3")
    where = ("--database-url", postgresql_url, "--shared", "--s3-endpoint", s3.endpoint_url)
    replicas = [Service(tmp_path / name, *where, "--workforce", str(workforce), env=keys) for name in ("one", "two")]
    try:
        labs = [Lab(one, s3.client("s3")) for one in replicas]
        anyone = Anyone(replicas)
        topic, told = (anyone.ask("sns", "create_topic", Name=name)["TopicArn"] for name in ("new", "told"))
        heard, heard_arn = anyone.queue("heard")
        anyone.ask("sns", "subscribe", TopicArn=told, Protocol="sqs", Endpoint=heard_arn)
        ended, ended_arn = anyone.queue("ended")
        anyone.ask("events", "put_rule", Name="ends", EventPattern='{"source": ["aws.sagemaker"]}')
        anyone.ask("events", "put_targets", Rule="ends", Targets=[{"Id": "1", "Arn": ended_arn}])
        names = [labs[number % 2].create(texts(50), f"job-{number}", max_concurrent_objects=25) for number in range(3)]
        stream = labs[0].create(
            *(None, "stream"),
            input_topic_arn=topic,
            output_topic_arn=told,
            workers_per_object=1,
            max_concurrent_objects=10,
        )
        labs[1].wait(stream, {"InProgress"})

        def push() -> None:
            for number in range(PUSHED):
                anyone.ask("sns", "publish", TopicArn=topic, Message=json.dumps(text(number)))

        pushing, chance = threading.Thread(target=push, daemon=True), Random(5)
        pushing.start()
        for _ in range(3):
            time.sleep(chance.uniform(0.2, 0.8))  # the instant of the kill is what the test varies
            killed = anyone.who_has_topics()
            killed.kill()
            killed.start()
            labs[replicas.index(killed)].connect()
        pushing.join(60)
        lab = labs[0]
        lab.s3 = s3.client("s3")
        for name in names:
            check_job(lab, name, 50)
        wait_until(lambda: lab.describe(stream)["LabelCounters"]["TotalLabeled"] == PUSHED, 60, "all are labeled")
        lab.sagemaker.stop_labeling_job(LabelingJobName=stream)
        description = lab.wait(stream, {"Stopped"})
        sources = [f"pushed {number}" for number in range(PUSHED)]
        assert [line["source"] for line in lab.output(description)] == sources
        assert description["LabelCounters"] == {
            "TotalLabeled": PUSHED,
            "HumanLabeled": PUSHED,
            "MachineLabeled": 0,
            "FailedNonRetryableError": 0,
            "Unlabeled": 0,
        }
        labels: set[str] = set()
        ends: set[str] = set()

        def all_told() -> bool:
            labels.update(json.loads(one["Message"])["source"] for one in anyone.received(heard))
            ends.update(one["resources"][0].rpartition("/")[2] for one in anyone.received(ended))
            return labels == set(sources) and ends == {*names, stream}

        wait_until(all_told, 30, "everything was told")
        check_workers(postgresql_url)
    finally:
        for one in (*replicas, s3):
            one.stop()


def test_whichever_service_is_asked_for_topics_and_queues_answers(tmp_path: Path, postgresql_url: str) -> None:
    keys = {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "LABELING_LOCAL_ACCESS_KEY_ID": "owner",
        "LABELING_LOCAL_SECRET_ACCESS_KEY": "the owner's secret",
    }
    nowhere = f"http://127.0.0.1:{free_port()}"
    where = ("--database-url", postgresql_url, "--shared", "--s3-endpoint", nowhere)
    # The first one listens everywhere and says itself where the others reach it.
    port = str(free_port())
    first = Service(
        *(tmp_path / "first", *where, "--host", "0.0.0.0", "--port", port),
        *("--internal-url", f"http://127.0.0.1:{port}"),
        env=keys,
    )
    second = Service(tmp_path / "second", *where, env=keys)
    signed = {"aws_access_key_id": "owner", "aws_secret_access_key": "the owner's secret"}
    try:
        assert has_topics(first, **signed)
        assert not has_topics(second, **signed)
        sns, sqs, events = (second.client(name, **signed) for name in ("sns", "sqs", "events"))
        topic = sns.create_topic(Name="new")["TopicArn"]
        queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
        assert queue.startswith(second.endpoint_url)
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        large = "ä" * 100_000
        waiting: list[Any] = []
        polled = threading.Thread(
            target=lambda: waiting.extend(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"])
        )
        polled.start()
        sns.publish(TopicArn=topic, Message=large)
        polled.join(60)
        assert [one["Body"] for one in waiting] == [large]
        events.put_rule(Name="ends", EventPattern='{"source": ["aws.sagemaker"]}')
        # Errors, and who is refused, are as if there were one service.
        with pytest.raises(ClientError, match="NonExistentQueue|does not exist"):
            sqs.receive_message(QueueUrl=f"{queue}-none")
        stranger = second.client("sqs", aws_access_key_id="owner", aws_secret_access_key="guessed")
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            stranger.list_queues()
        first.kill()
        once = Config(retries={"total_max_attempts": 1})

        def kept() -> bool:
            try:
                return second.client("sqs", config=once, **signed).list_queues()["QueueUrls"] == [queue]
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 503:
                    raise
                return False

        wait_until(kept, 30, "the other one has the queue")
        assert has_topics(second, **signed)
    finally:
        second.stop()
        first.stop()
