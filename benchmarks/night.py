"""``make bench-night``: 72 hours of a team's service, shortened by its clock; what it keeps must not grow.

One replica on PostgreSQL with SeaweedFS. In each hour a job is labeled by simulated workers, who take a minute for a
task, and another by two people who sign in and label by HTTP; retention deletes both four hours after their end. In
every sixth hour there is a stream, whose labels a queue and a subscriber over HTTP hear of; it is deleted on request.
The ages of jobs and of sessions are real time at any speed: jobs are kept for as many seconds as four hours take here,
and sessions outlive the night.

After each third of the time, memory of the processes is looked at, and the size of tables. They are vacuumed each hour:
PostgreSQL does so by itself, but its clock is not shortened. The audit trail is for growing, so it is told apart. If
memory or tables have grown too much in the last third, the exit status is 1. The last line of the output is JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.local import LABELS, request_for_texts
from dev.portal import OVER, Browser
from dev.postgresql import postgresql
from dev.processes import resident_mb
from dev.replicas import Replicas
from dev.seaweedfs import seaweedfs
from dev.stack import wait_until
from labeling_provider.cli.asking import AskError, ask

HOURS, SPEED, OBJECTS, THIRDS = 72, 1_000.0, 50, 3
STREAM_EVERY, KEEP_HOURS = 6, 4
TEAM = {"workers": 5, "accuracy": 1, "seconds_per_task": 60}
PEOPLE = ("Ada", "Bo")
MAX_TASK_SECONDS = 8 * 3_600
"""Amazon's limit for one task: people here take no time, but the machine may."""
MAX_GROWTH = {"memory": 1.05, "tables": 1.25}
"""How many times as large something may be after the last third as before it. A table from which nothing is deleted is
1.5 times as large then: half of that. Most of the memory is there from the start: a twentieth is 20 MB in a day."""
MAX_GROWTH_OF_SMALLEST = {"memory": 1.5, "tables": 2.0}
"""In its few seconds, the processes still import, and each table has a page or two."""
MAX_SECONDS = 120
_SIZES = """
    SELECT relname, pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = 'public' AND relkind = 'r'
"""


class Night:
    """What happens in it.

    :param objects: how many texts simulated workers label in an hour, and how many people do.
    :param subscriber: the URL of an HTTP endpoint.
    :param over_http: the sources of labels that it has heard of.
    """

    def __init__(self, service: Replicas, objects: int, subscriber: str, over_http: set[str]) -> None:
        self.service, self.objects, self.over_http = service, objects, over_http
        self.sagemaker, self.sns, self.sqs = (service.client(name) for name in ("sagemaker", "sns", "sqs"))
        new, labels = (self.sns.create_topic(Name=name)["TopicArn"] for name in ("new", "told"))
        self.heard = self.sqs.create_queue(QueueName="heard")["QueueUrl"]
        asked = self.sqs.get_queue_attributes(QueueUrl=self.heard, AttributeNames=["QueueArn"])
        self.sns.subscribe(TopicArn=labels, Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"])
        self.sns.subscribe(TopicArn=labels, Protocol="http", Endpoint=subscriber)
        self.new = new
        # The files of all jobs.
        self.request = request_for_texts(service, "night", objects)
        self.people_request = request_for_texts(service, "people", objects, "private-people")
        source = {"SnsDataSource": {"SnsTopicArn": new}}
        self.stream_request = {
            **self.request,
            "InputConfig": {"DataSource": source},
            "OutputConfig": {**self.request["OutputConfig"], "SnsTopicArn": labels},
        }

    def hour(self, number: int) -> None:
        """Label; retention deletes the jobs."""
        name = f"hour-{number}"
        self.sagemaker.create_labeling_job(**{**self.request, "LabelingJobName": name})
        self.label(f"people-{number}")
        if number % STREAM_EVERY == 0:
            self.stream(f"stream-{number}")
        self.wait(name, "Completed")

    def label(self, name: str) -> None:
        """Let people sign in and label a job."""
        task = {**self.people_request["HumanTaskConfig"], "TaskTitle": name, "TaskTimeLimitInSeconds": MAX_TASK_SECONDS}
        request = {**self.people_request, "LabelingJobName": name, "HumanTaskConfig": task}
        self.sagemaker.create_labeling_job(**request)
        self.wait(name, "InProgress")
        with ThreadPoolExecutor(len(PEOPLE)) as pool:
            answers = sum(pool.map(lambda person: self.answer(person, name), PEOPLE))
        assert answers == self.objects, f"{answers} answers to the {self.objects} texts of {name}"
        self.wait(name, "Completed")

    def answer(self, person: str, name: str) -> int:
        """Sign in and label until nothing is left; how many answers were accepted."""
        browser, answers = Browser(self.service.endpoint_url).sign_in(person), 0
        link = re.search(rf'/portal/jobs/(\d+)"><bdi>{name}<', browser.page("/"))
        if link is None:
            # The other one has done everything already.
            return 0
        job = int(link[1])
        handed = browser.next(job, wait=1)
        while handed.get("waiting") not in OVER:
            if not handed["task"]:
                handed = browser.next(job, wait=1)
                continue
            status, _, page = browser.ask("GET", handed["task"]["frame"])
            assert status == 200, page
            handed = browser.submit(job, handed["task"]["id"], LABELS[answers % len(LABELS)])
            answers += 1
        browser.connection.close()
        return answers

    def stream(self, name: str) -> None:
        """Label what is pushed, and hear of it."""
        self.sagemaker.create_labeling_job(**{**self.stream_request, "LabelingJobName": name})
        self.wait(name, "InProgress")
        for number in range(self.objects):
            line = {"source": f"{name} {number}", "truth": LABELS[0], "dataset-objectid-attribute-name": "source"}
            self.sns.publish(TopicArn=self.new, Message=json.dumps(line))
        heard: set[str] = set()

        def all_heard() -> bool:
            answer = self.sqs.receive_message(QueueUrl=self.heard, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                heard.add(json.loads(json.loads(message["Body"])["Message"])["source"])
                self.sqs.delete_message(QueueUrl=self.heard, ReceiptHandle=message["ReceiptHandle"])
            return len(heard) == self.objects

        wait_until(all_heard, MAX_SECONDS, f"all of {name} is labeled", 0.0)
        wait_until(lambda: self.over_http == heard, MAX_SECONDS, f"all of {name} is heard of over HTTP", 0.05)
        self.over_http.clear()
        self.sagemaker.stop_labeling_job(LabelingJobName=name)
        self.wait(name, "Stopped")
        self.delete(name)

    def wait_for_retention(self, seconds: float) -> None:
        """See that it deletes all jobs.

        :param seconds: how long that takes at most.
        """

        def all_are_deleted() -> bool:
            return not self.sagemaker.list_labeling_jobs()["LabelingJobSummaryList"]

        wait_until(all_are_deleted, seconds, "retention has deleted all jobs")

    def wait(self, name: str, wanted: str) -> None:
        """Wait for a status of a job.

        :param wanted: if it is ``Completed`` or ``Stopped``, it is enough that retention has deleted the job, which it
            does with jobs that have ended only: on a busy machine, seeing the end may take longer than the job is kept.
        """

        def reached() -> bool:
            status = self.status(name)
            assert status == wanted or status not in {"Failed", "Completed", "Stopped"}, f"{name} is {status}"
            assert status or wanted != "InProgress", f"{name} is gone"
            return status in {wanted, None}

        wait_until(reached, MAX_SECONDS, f"{name} is {wanted}", 0.1)

    def status(self, name: str) -> str | None:
        """The status of a job; None if it has been deleted."""
        try:
            return str(self.sagemaker.describe_labeling_job(LabelingJobName=name)["LabelingJobStatus"])
        except self.sagemaker.exceptions.ResourceNotFound:
            return None

    def delete(self, name: str) -> None:
        """Delete a job with everything that belongs to it, unless retention has."""
        try:
            ask(self.service.endpoint_url, "/deletions", {"job": name, "with_output": True})
        except AskError:
            if self.status(name) is not None:
                raise

    def memory_mb(self) -> float:
        """Memory of all processes, MB of a million bytes."""
        return sum(resident_mb(process.group.process.pid) for process in self.service.processes)

    def tables(self) -> dict[str, int]:
        """Bytes of each table after a vacuum, with its indexes."""
        engine = sa.create_engine(self.service.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.execute(sa.text("VACUUM"))
            return {row[0]: int(row[1]) for row in connection.execute(sa.text(_SIZES))}


@contextmanager
def subscribed() -> Iterator[tuple[str, set[str]]]:
    """The URL of an HTTP endpoint, and the sources of the labels that it hears of."""
    sources: set[str] = set()

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            sources.add(json.loads(body["Message"])["source"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/labels", sources
    finally:
        server.shutdown()
        server.server_close()


def measure(folder: Path, hours: int, speed: float, objects: int) -> dict[str, float]:
    """The figures of a night."""
    figures: dict[str, float] = {}
    sizes: list[dict[str, int]] = []
    kept = KEEP_HOURS * 3_600 / speed
    options = ["--speed", str(speed), "--keep-jobs-days", f"{kept / 86_400:.9f}"]
    with postgresql() as server, seaweedfs(folder / "s3") as s3, subscribed() as (subscriber, over_http):
        service = Replicas(folder / "night", server, s3, 1, {"private-simulated": TEAM}, options)
        try:
            night, began = Night(service, objects, subscriber, over_http), time.monotonic()
            for third in range(1, THIRDS + 1):
                for number in range((third - 1) * hours // THIRDS, third * hours // THIRDS):
                    night.hour(number)
                    night.tables()
                    time.sleep(max(began + (number + 1) * 3600 / speed - time.monotonic(), 0))
                sizes.append(night.tables())
                figures[f"memory_mb_{third}"] = round(night.memory_mb(), 1)
                audit = sizes[-1].pop("audit_trail")
                figures[f"tables_mb_{third}"] = round(sum(sizes[-1].values()) / 1e6, 3)
            figures["audit_mb"] = round(audit / 1e6, 3)
            figures["service_hours"] = round((time.monotonic() - began) * speed / 3600, 1)
            night.wait_for_retention(2 * kept)
        finally:
            service.stop()
    for table, size in sizes[-1].items():
        if size > sizes[-2].get(table, 0):
            print(f"{table} has grown in the last third, from {sizes[-2].get(table, 0):,} to {size:,} bytes")
    for what in MAX_GROWTH:
        figures[f"{what}_last_over_middle"] = round(figures[f"{what}_mb_3"] / figures[f"{what}_mb_2"], 3)
    return figures


def grown(figures: Mapping[str, float], limits: Mapping[str, float]) -> list[str]:
    """A sentence on each thing that has grown too much in the last third.

    :param limits: how many times as large it may be at its end.
    """
    return [
        f"The service's {what} grew in the last third from {figures[f'{what}_mb_2']} to {figures[f'{what}_mb_3']} MB, "
        f"by {figures[f'{what}_last_over_middle']:.2f} times; the limit is {limit}."
        for what, limit in limits.items()
        if figures[f"{what}_last_over_middle"] > limit
    ]


def main() -> int:
    """Measure and print.

    :return: the exit status: 1 if something has grown too much.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smallest", action="store_true", help="as little as runs all of it")
    parser.add_argument("--hours", type=int, default=HOURS, help="of service time")
    parser.add_argument("--speed", type=float, default=SPEED, help="how many times faster than real time")
    given = parser.parse_args()
    hours, speed, objects = (3, 3_600.0, 5) if given.smallest else (given.hours, given.speed, OBJECTS)
    with tempfile.TemporaryDirectory(prefix="labeling-bench-", ignore_cleanup_errors=True) as name:
        figures = measure(Path(name), hours, speed, objects)
    print(
        f"{figures['service_hours']:.0f} hours: memory {figures['memory_last_over_middle']:.2f} times, tables "
        f"{figures['tables_last_over_middle']:.2f} times as large at their end as after two thirds of them"
    )
    problems = grown(figures, MAX_GROWTH_OF_SMALLEST if given.smallest else MAX_GROWTH)
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    print(json.dumps(figures))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
