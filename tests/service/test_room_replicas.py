"""Services on one PostgreSQL and one S3, killed in the middle, do each thing once."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import cycle, pairwise
from pathlib import Path
from random import Random
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import sqlalchemy as sa
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from dev.moved_clock import MovedClock
from dev.postgresql import PostgreSQL
from dev.stack import Service, StackError, wait_until
from labeling_provider.cli.database_commands import main as database
from labeling_provider.service.database.schema import tasks
from tests.conftest import Lab, texts
from tests.service.cloud.subscribers import answering

ID_KEY = "dataset-objectid-attribute-name"
PUSHED = 60
CONNECTIONS = 5
"""As few as a process can do with."""
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
)


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[Any]]]:
    """The URL of a subscriber over HTTP, and what it has heard."""
    with answering(lambda _: 200) as subscriber:
        yield subscriber


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

    def _asked(self, name: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Ask the next one, as a balancer would, until one answers."""

        def answered() -> dict[str, Any] | None:
            for _ in self._services:
                service = next(self._turns)
                try:
                    client = self._client(service, name, service.endpoint_url)
                    answer: dict[str, Any] = getattr(client, operation)(**arguments)
                    return answer
                except (BotoCoreError, ResponseParserError):
                    # A process that is killed may end in the middle of its answer.
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
        messages = []
        for message in self.ask("sqs", "receive_message", QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            messages.append(json.loads(message["Body"]))
            self.ask("sqs", "delete_message", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return messages


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
        entry["datasetObjectId"]
        for key in written
        if "/consolidation-request/" in key
        for entry in json.loads(lab.get(f"s3://lab/{key}"))
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


def restricted(postgres: PostgreSQL, url: str, connections: int) -> str:
    """A database's address for somebody who owns it and may have a few connections."""
    address = sa.make_url(url)
    name = str(address.database)
    postgres.execute(f'CREATE ROLE "{name}" LOGIN CONNECTION LIMIT {connections}')
    postgres.execute(f'ALTER DATABASE "{name}" OWNER TO "{name}"')
    return address.set(username=name).render_as_string()


def look_at_once(services: Sequence[Service]) -> None:
    """See that many people get their page although each service has few connections to the database."""
    pages = [
        f"{replica.endpoint_url}{path}" for replica in services for path in ("/_labeling/", "/portal/sign-in")
    ] * 25
    with ThreadPoolExecutor(len(pages)) as people:
        assert set(people.map(lambda page: urlopen(page, timeout=60).status, pages)) == {200}


def test_services_that_are_killed_again_and_again_do_each_thing_once(
    tmp_path: Path, postgres: PostgreSQL, postgresql_url: str, endpoint: tuple[str, list[Any]]
) -> None:
    workforce = tmp_path / "workforce.json"
    teams = {"private-simulated": {"workers": 9, "accuracy": 1, "seconds_per_task": 0.01}}
    workforce.write_text(json.dumps({"workteams": teams, "seed": 3}))
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    s3 = Service(tmp_path / "s3")
    # Those of a process that was killed may be there for another moment.
    url = restricted(postgres, postgresql_url, 5 * CONNECTIONS)
    upgrade(url)
    few = ("--database-connections", str(CONNECTIONS))
    where = ("--database-url", url, *few, "--s3-endpoint", s3.endpoint_url, "--workforce", str(workforce))
    serving, working = (
        [Service(tmp_path / f"{part}-{number}", *where, env=keys, part=part) for number in range(2)]
        for part in ("serve", "work")
    )
    try:
        labs = [Lab(replica, s3.client("s3")) for replica in serving]
        anyone = Anyone(serving)
        topic, labels_topic = (anyone.ask("sns", "create_topic", Name=name)["TopicArn"] for name in ("new", "told"))
        heard, heard_arn = anyone.queue("heard")
        anyone.ask("sns", "subscribe", TopicArn=labels_topic, Protocol="sqs", Endpoint=heard_arn)
        anyone.ask("sns", "subscribe", TopicArn=labels_topic, Protocol="http", Endpoint=endpoint[0])
        ended, ended_arn = anyone.queue("ended")
        anyone.ask("events", "put_rule", Name="ends", EventPattern='{"source": ["aws.sagemaker"]}')
        anyone.ask("events", "put_targets", Rule="ends", Targets=[{"Id": "1", "Arn": ended_arn}])
        anyone.ask("iam", "create_role", RoleName="ours", AssumeRolePolicyDocument="{}")
        role = anyone.ask("iam", "get_role", RoleName="ours")["Role"]["Arn"]
        names = [
            labs[number % 2].create(texts(50), f"job-{number}", max_concurrent_objects=25, role_arn=role)
            for number in range(3)
        ]
        stream = labs[0].create(
            *(None, "stream"),
            input_topic_arn=topic,
            output_topic_arn=labels_topic,
            workers_per_object=1,
            max_concurrent_objects=10,
        )
        labs[1].wait(stream, {"InProgress"})

        def push() -> None:
            for number in range(PUSHED):
                anyone.ask("sns", "publish", TopicArn=topic, Message=json.dumps(text(number)))

        pushing, chance = threading.Thread(target=push, daemon=True), Random(5)
        pushing.start()
        for number in range(4):
            time.sleep(chance.uniform(0.2, 0.8))  # the instant of the kill is what the test varies
            killed = (working, serving)[number % 2][chance.randrange(2)]
            killed.kill()
            killed.start()
        for lab in labs:
            lab.connect()
            lab.s3 = s3.client("s3")
        pushing.join(60)
        look_at_once(serving)
        lab = labs[0]
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
        labels: dict[str, set[str]] = defaultdict(set)
        ends: set[str] = set()

        def all_told() -> bool:
            for message in anyone.received(heard):
                labels[json.loads(message["Message"])["source"]].add(message["MessageId"])
            ends.update(message["resources"][0].rpartition("/")[2] for message in anyone.received(ended))
            return labels.keys() == set(sources) and ends == {*names, stream}

        wait_until(all_told, 30, "everything was told")
        assert {len(ids) for ids in labels.values()} == {1}, "whoever hears of a label twice knows it by its id"

        def over_http() -> dict[str, set[str]]:
            ids = defaultdict(set)
            for message in endpoint[1]:
                ids[json.loads(message["Message"])["source"]].add(message["MessageId"])
            return ids

        wait_until(lambda: over_http() == labels, 30, "everything was told over HTTP, with the same ids")
        check_workers(postgresql_url)
        for replica in (*serving, *working):
            log = replica.group.log.read_text()
            assert "too many connections" not in log
            assert "--database-connections" not in log
    finally:
        for replica in (*serving, *working, s3):
            replica.stop()


class Clients:
    """Clients of one of the services."""

    def __init__(self, service: Service, signed: dict[str, str]) -> None:
        self.iam, self.events, self.sns = (service.client(name, **signed) for name in ("iam", "events", "sns"))


def check_what_both_change(both: Sequence[Clients]) -> None:
    """See that nothing is lost of a role, a rule and a topic that two services change at once."""
    first = both[0]
    topic = first.sns.create_topic(Name="common")["TopicArn"]
    first.iam.create_role(RoleName="common", AssumeRolePolicyDocument="{}")
    first.events.put_rule(Name="common", ScheduleExpression="rate(5 minutes)")
    first.events.put_targets(Rule="common", Targets=[{"Id": "gone", "Arn": topic}])
    names = [f"{who}-{number}" for number in range(8) for who in range(2)]

    def change(who: int) -> None:
        mine = both[who]
        for name in names[who::2]:
            mine.events.put_targets(Rule="common", Targets=[{"Id": name, "Arn": topic}])
            mine.iam.put_role_policy(RoleName="common", PolicyName=name, PolicyDocument=POLICY)
            mine.sns.tag_resource(ResourceArn=topic, Tags=[{"Key": name, "Value": name}])
        mine.events.remove_targets(Rule="common", Ids=["gone"])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(change, range(2)))
    for mine in both:
        targets = mine.events.list_targets_by_rule(Rule="common")["Targets"]
        assert sorted(target["Id"] for target in targets) == sorted(names)
        assert sorted(mine.iam.list_role_policies(RoleName="common")["PolicyNames"]) == sorted(names)
        assert sorted(tag["Key"] for tag in mine.sns.list_tags_for_resource(ResourceArn=topic)["Tags"]) == sorted(names)
    first.events.remove_targets(Rule="common", Ids=names)
    first.events.delete_rule(Name="common")


def check_subscriber(both: Sequence[Any]) -> None:
    """See that a subscriber over HTTP gets what both publish once, and once more what it has failed to take."""
    topic = both[0].create_topic(Name="told-over-http")["TopicArn"]
    with answering(lambda count: 503 if count == 5 else 200) as (url, heard):
        both[0].subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
        sent = [both[number % 2].publish(TopicArn=topic, Message="hello")["MessageId"] for number in range(30)]
        wait_until(lambda: len(heard) > len(sent), 30, "all are told", 0.05)
        both[1].delete_topic(TopicArn=topic)
    assert [message["MessageId"] for message in heard] == [*sent[:5], *sent[4:]]


def check_clock(folder: Path, where: Sequence[str], env: dict[str, str]) -> None:
    """See that a process says so if its machine's clock is not that of the database."""
    clock = MovedClock(folder / "clock")
    clock.move(5)
    ahead = Service(folder / "ahead", *where, env={**env, **clock.env}, part="serve")
    try:
        warning = "s ahead of the database's"
        wait_until(lambda: warning in ahead.group.log.read_text(), 10, "it warns of its clock", 0.02)
    finally:
        ahead.stop()


def upgrade(url: str) -> None:
    """Prepare an empty database."""
    assert database(["--database-url", url, "upgrade"]) == 0


def test_jobs_of_a_process_that_died_go_on_in_another_and_everybody_answers_for_queues(
    tmp_path: Path, postgresql_url: str
) -> None:
    workforce = tmp_path / "workforce.json"
    teams = {"private-simulated": {"workers": 2, "accuracy": 1, "seconds_per_task": 0.05}}
    workforce.write_text(json.dumps({"workteams": teams, "seed": 3}))
    env = {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "LABELING_LOCAL_ACCESS_KEY_ID": "owner",
        "LABELING_LOCAL_SECRET_ACCESS_KEY": "the owner's secret",
    }
    s3 = Service(tmp_path / "s3")
    where = ("--database-url", postgresql_url, "--s3-endpoint", s3.endpoint_url, "--workforce", str(workforce))
    with pytest.raises(StackError, match="has no tables yet, but this service works with .* labeling database upgrade"):
        Service(tmp_path / "early", *where, env=env, part="work")
    upgrade(postgresql_url)
    check_clock(tmp_path, where, env)
    serving = [Service(tmp_path / f"serve-{number}", *where, env=env, part="serve") for number in range(2)]
    working = [Service(tmp_path / "work-0", *where, env=env, part="work")]
    signed = {"aws_access_key_id": "owner", "aws_secret_access_key": "the owner's secret"}
    try:
        sqs = [replica.client("sqs", **signed) for replica in serving]
        queue = sqs[0].create_queue(QueueName="heard")["QueueUrl"]
        waiting: list[Any] = []
        where_asked = queue.replace(serving[0].endpoint_url, serving[1].endpoint_url)
        polled = threading.Thread(
            target=lambda: waiting.extend(sqs[1].receive_message(QueueUrl=where_asked, WaitTimeSeconds=20)["Messages"])
        )
        polled.start()
        large = "ä" * 100_000
        sqs[0].send_message(QueueUrl=queue, MessageBody=large)
        polled.join(60)
        assert [message["Body"] for message in waiting] == [large]
        assert "Messages" not in sqs[0].receive_message(QueueUrl=queue), "it is with a receiver"
        sqs[0].delete_message(QueueUrl=queue, ReceiptHandle=waiting[0]["ReceiptHandle"])
        check_what_both_change([Clients(replica, signed) for replica in serving])
        # Who only works has no API.
        probes = working[0].ready["probes_url"]
        assert urlopen(f"{probes}/readyz").status == 200
        for path, status in (("/metrics", 401), ("/_labeling", 404), ("/", 404)):
            with pytest.raises(HTTPError) as refused:
                urlopen(probes + path)
            assert refused.value.code == status

        lab = Lab(serving[0], s3.client("s3"))
        lab.sagemaker = serving[1].client("sagemaker", **signed)
        name = lab.create(texts(400), "long", workers_per_object=1, max_concurrent_objects=20)

        def labeled() -> int:
            return int(lab.describe(name)["LabelCounters"]["TotalLabeled"])

        wait_until(lambda: labeled() > 20, 60, "it is under way", 0.1)
        working.append(Service(tmp_path / "work-1", *where, env=env, part="work"))
        check_subscriber([replica.client("sns", **signed) for replica in serving])
        working[0].kill()
        before = labeled()
        wait_until(lambda: labeled() > before, 10, "it goes on", 0.1)
        lab.sagemaker.stop_labeling_job(LabelingJobName=name)
        lab.wait(name, {"Stopped"})
    finally:
        for replica in (*serving, *working, s3):
            replica.stop()
