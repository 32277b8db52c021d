"""What an operator's machines are told."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.error import HTTPError
from urllib.request import urlopen

import anyio
import pytest
import sqlalchemy as sa
import yaml
from botocore.exceptions import ClientError
from prometheus_client.parser import text_string_to_metric_families

from dev.stack import PATIENCE, ROOT, Service, wait_until
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.schema import workforces
from labeling_provider.service.web.monitoring import Monitoring
from labeling_provider.service.web.template_links import TEMPLATES_PATH
from tests.conftest import Lab, texts
from tests.flaky import Door
from tests.own_names import own_id
from tests.service.cloud.subscribers import silent
from tests.service.web.wire import ask

KEYS = {
    "LABELING_LOCAL_ACCESS_KEY_ID": "owner",
    "LABELING_LOCAL_SECRET_ACCESS_KEY": "the owner's secret",
    "LABELING_LOCAL_METRICS_TOKEN": "a token",
}


def metrics(service: Service) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The value of each metric, by name and labels."""
    status, body, headers = ask(service, "GET", "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def value(service: Service, name: str, **labels: str) -> float:
    return metrics(service).get((name, frozenset(labels.items())), 0.0)


def test_a_service_that_runs_is_healthy_and_ready(lab: Lab) -> None:
    assert ask(lab.service, "GET", "/healthz")[:2] == (200, b"ok")
    status, body, _ = ask(lab.service, "GET", "/readyz")
    assert (status, json.loads(body)) == (200, {"database": "ok", "objects": "ok"})
    assert ask(lab.service, "HEAD", "/readyz")[:2] == (200, b"")


def test_a_service_is_ready_once_its_s3_has_answered_and_stays_ready_without_it(lab: Lab, tmp_path: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "of-s3", "AWS_SECRET_ACCESS_KEY": "secret-of-s3"}
    with closing(Door(lab.service.endpoint_url)) as s3:
        s3.shut()
        service = Service(tmp_path, "--s3-endpoint", s3.url.replace("//", "//somebody:secret@"), env=keys)
        try:
            assert ask(service, "GET", "/healthz")[0] == 200
            away = f"S3 at {s3.url.removeprefix('http://')} does not respond (ConnectionClosedError)"
            status, body, _ = ask(service, "GET", "/readyz")
            assert (status, json.loads(body)) == (503, {"database": "ok", "objects": away})
            assert value(service, "labeling_object_store_up") == 0
            s3.open()
            wait_until(lambda: ask(service, "GET", "/readyz")[0] == 200, 10, "S3 answers", 0.05)
            assert value(service, "labeling_object_store_up") == 1
            s3.shut()
            wait_until(lambda: b"not respond" in ask(service, "GET", "/readyz")[1], 10, "S3 is away", 0.05)
            status, body, _ = ask(service, "GET", "/readyz")
            assert (status, json.loads(body)["database"], value(service, "labeling_object_store_up")) == (200, "ok", 0)
            log = service.group.log.read_text()
            assert "Check --s3-endpoint, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY." in log
            assert "secret" not in log
        finally:
            service.stop()


HANGING = {
    "/portal/sign-in": None,
    f"{TEMPLATES_PATH}/none/x": None,
    "/_labeling/workers/add": {"name": "Ada", "team": "private-people"},
    "/_labeling/keys/remove": {"key": "none"},
    "/_labeling/deletions": {"job": "none"},
    "/_labeling/audit": None,
}
"""Requests that need the database, each by its path, with the body of a POST."""


def test_a_service_whose_database_hangs_is_alive(tmp_path: Path, postgresql_url: str) -> None:
    service, engine = Service(tmp_path, "--database-url", postgresql_url), sa.create_engine(postgresql_url)
    statuses: dict[str, int] = {}

    def is_alive() -> bool:
        return urlopen(f"{service.endpoint_url}/healthz", timeout=PATIENCE * 5).read() == b"ok"

    def nobody_may_enter() -> bool:
        try:
            urlopen(f"{service.endpoint_url}/portal/static/none.js", timeout=0.5).read()
        except HTTPError:
            return False
        except TimeoutError:
            return True
        raise AssertionError("there is such a file")

    def request(path: str, body: dict[str, str] | None) -> None:
        given = b"" if body is None else json.dumps(body).encode()
        statuses[path] = ask(service, "GET" if body is None else "POST", path, body=given)[0]

    try:
        with engine.begin() as connection:
            tables = set(sa.inspect(engine).get_table_names()) - {workforces.name}
            connection.execute(sa.text(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE"))
            threads = [threading.Thread(target=request, args=arguments, daemon=True) for arguments in HANGING.items()]
            for thread in threads:
                thread.start()
                assert all(is_alive() for _ in range(5))
            # From which networks people may come is known for two seconds, even to a page that asks for nothing else.
            connection.execute(sa.text(f"LOCK TABLE {workforces.name} IN ACCESS EXCLUSIVE MODE"))
            wait_until(nobody_may_enter, 10, "the networks are asked for")
            assert is_alive()
            assert statuses == {}, "none of them was answered without the database"
        for thread in threads:
            thread.join(PATIENCE * 30)
        assert list(map(statuses.get, HANGING)) == [200, 404, 200, 400, 400, 200]
    finally:
        service.stop()
        engine.dispose()


def test_the_metrics_of_a_process_outlive_its_database(lab: Lab) -> None:
    assert value(lab.service, "labeling_database_up") == 1
    database, objects = Mock(), Mock()
    database.read.side_effect = DatabaseError("it is away")
    answer = anyio.run(Monitoring(database, objects, Mock(), None).answer, "/metrics")
    families = {
        sample.name: sample.value
        for family in text_string_to_metric_families(bytes(answer.body).decode())
        for sample in family.samples
    }
    assert (answer.status_code, families["labeling_database_up"]) == (200, 0)
    assert "labeling_step_seconds_count" in families
    assert "labeling_jobs" not in families


def test_metrics_tell_what_is_done_and_what_waits(lab: Lab) -> None:
    before = metrics(lab.service)
    lab.run(texts(4), workers_per_object=2)
    ask(lab.service, "GET", "/portal/sign-in")
    after = metrics(lab.service)

    def grown(name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return after[key] - before.get(key, 0)

    assert grown("labeling_answers_total", workers="simulated") >= 8
    assert grown("labeling_jobs", status="Completed") >= 1
    assert grown("labeling_step_seconds_count") >= 1
    assert grown("labeling_request_seconds_count", route="sagemaker CreateLabelingJob", status="2xx") == 1
    assert grown("labeling_request_seconds_count", route="portal sign_in", status="2xx") == 1
    assert after["process_resident_memory_bytes", frozenset()] > 1e7
    sqs, (dying, dead) = lab.service.client("sqs"), (own_id().hex for _ in range(2))
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in (dying, dead)}
    policy = json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:123456789012:{dead}", "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=urls[dying], Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"})
    sqs.send_message(QueueUrl=urls[dying], MessageBody="nobody understands this")
    for state in ("waiting", "dead"):
        counted = frozenset({("state", state)})
        queued = value(lab.service, "labeling_queued_messages", state=state)
        assert queued - before["labeling_queued_messages", counted] == 1
        for _ in range(2):
            sqs.receive_message(QueueUrl=urls[dying])
    sns = lab.service.client("sns")
    topic = sns.create_topic(Name=own_id().hex)["TopicArn"]
    with silent() as url:
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
        sns.publish(TopicArn=topic, Message="nobody answers")
        assert value(lab.service, "labeling_waiting_deliveries") >= 1
        assert 0 < value(lab.service, "labeling_oldest_delivery_seconds") < 86_400
        sns.delete_topic(TopicArn=topic)
    name = lab.create(texts(3), workforce=lab.spec(None).workforce.__class__(lab.team("slow")), workers_per_object=1)
    # Two workers have a task each, and one task is open; earlier tests may have left more.
    wait_until(lambda: value(lab.service, "labeling_tasks", state="accepted") >= 2, 20, "tasks are with workers")
    assert value(lab.service, "labeling_tasks", state="open") >= 1
    assert 0 < value(lab.service, "labeling_oldest_task_seconds", state="open") < 86_400
    lab.sagemaker.stop_labeling_job(LabelingJobName=name)
    lab.wait(name)


@pytest.mark.once
def test_what_the_docs_the_alerts_and_the_dashboard_name_is_there(lab: Lab) -> None:
    from promql_parser import AggregateExpr, VectorSelector, parse, walk

    # Jobs are counted by status: without any, there is no such figure.
    lab.run(texts(1))
    # Prometheus adds two labels, and makes one metric by itself.
    exposed = {"up": {"job": set[str](), "instance": set[str]()}}
    for name, labels in metrics(lab.service):
        of_metric = exposed.setdefault(name, {"job": set(), "instance": set()})
        for label, given in labels:
            of_metric.setdefault(label, set()).add(given)
    alerts = yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text())
    rules = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    dashboard = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for expression in (*rules, *panels):
        nodes: list[Any] = []
        walk(parse(expression), nodes.append)
        selectors = [node for node in nodes if isinstance(node, VectorSelector)]
        assert selectors, expression
        labels_here = set.intersection(*(set(exposed[selector.name]) for selector in selectors))
        for matcher in (matcher for selector in selectors for matcher in selector.matchers.matchers):
            assert matcher.name in labels_here, expression
            # Of other labels, not all values are there yet.
            assert matcher.name != "state" or matcher.value in exposed[selectors[0].name]["state"], expression
        for aggregate in (node for node in nodes if isinstance(node, AggregateExpr) and node.modifier):
            assert set(aggregate.modifier.labels) <= labels_here, expression
    page = (ROOT / "docs" / "monitoring.md").read_text()
    table = re.findall(r"^\| `(labeling_\w+)`", page, re.MULTILINE)
    assert len(table) == 15
    for name in table:
        assert exposed.keys() & {name, f"{name}_count"}, name
    state = json.dumps(json.loads(ask(lab.service, "GET", "/readyz")[1]), separators=(",", ":"))
    assert state in page


def test_callers_can_not_make_up_metrics(lab: Lab) -> None:
    metrics(lab.service)
    known = {labels for name, labels in metrics(lab.service) if name == "labeling_request_seconds_count"}
    for _ in range(5):
        odd = own_id().hex
        ask(lab.service, "GET", f"/{odd}/{odd}")
        ask(lab.service, "GET", f"/portal/{odd}")
        ask(lab.service, "GET", f"/_labeling/{odd}")
        ask(lab.service, "POST", "/", {"X-Amz-Target": f"SageMaker.{odd}"}, b"{}")
        ask(lab.service, "POST", "/", {"X-Amz-Target": f"AmazonSQS.{odd}"}, b"{}")
        ask(lab.service, "POST", f"/?Action={odd}&Version=2010-03-31")
    new = {labels for name, labels in metrics(lab.service) if name == "labeling_request_seconds_count"} - known
    routes = {dict(labels)["route"] for labels in new}
    assert routes <= {"none", "s3", "sns", "sqs", "sagemaker", "portal none", "pages none"}


def test_a_bucket_may_have_the_name_of_a_path(lab: Lab) -> None:
    lab.s3.create_bucket(Bucket="metrics")
    lab.s3.put_object(Bucket="metrics", Key="a", Body=b"b")
    assert [entry["Key"] for entry in lab.s3.list_objects_v2(Bucket="metrics")["Contents"]] == ["a"]
    lab.s3.head_bucket(Bucket="metrics")
    with pytest.raises(ClientError, match="Not Found"):
        lab.s3.head_bucket(Bucket="healthz")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("guarded"), "--host", "0.0.0.0", env=KEYS)
    yield service
    service.stop()


def test_anybody_may_ask_whether_a_guarded_service_is_ready(guarded: Service) -> None:
    assert ask(guarded, "GET", "/healthz")[0] == 200
    assert ask(guarded, "GET", "/readyz")[0] == 200


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("Bearer a token", 200),
        ("Bearer another", 401),
        ("Bearer ", 401),
        ("Basic " + base64.b64encode(b"owner:the owner's secret").decode(), 200),
        ("Basic " + base64.b64encode(b"owner:wrong").decode(), 401),
    ],
)
def test_the_metrics_of_a_guarded_service_are_for_its_operator(
    guarded: Service, authorization: str | None, status: int
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answered, body, _ = ask(guarded, "GET", "/metrics", headers)
    assert answered == status
    assert (b"labeling_jobs" in body) == (status == 200)
    # The token reads nothing else.
    if authorization == "Bearer a token":
        assert ask(guarded, "GET", "/_labeling/", headers)[0] == 401


def test_other_sites_can_not_read_metrics(lab: Lab) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    assert ask(lab.service, "GET", "/metrics", headers)[0] == 403
