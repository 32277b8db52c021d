"""``make bench-night``: 72 hours of a team's service, shortened by its clock; what it keeps must not grow.

One replica on PostgreSQL with SeaweedFS. In each hour a job is labeled by simulated workers, who take a minute for a
task, and in every sixth a stream; each is deleted once it has ended. After each third of the time, memory of the
processes is looked at, and the size of tables. They are vacuumed each hour: PostgreSQL does so by itself, but its clock
is not shortened. The audit trail is for growing, so it is told apart. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.local import LABELS, request_for_texts
from dev.postgresql import postgresql
from dev.replicas import Replicas
from dev.seaweedfs import seaweedfs
from dev.stack import wait_until
from labeling_provider.cli.asking import ask

HOURS, SPEED, OBJECTS, THIRDS = 72, 1_000.0, 50, 3
STREAM_EVERY = 6
MAX_SECONDS = 120
_SIZES = """
    SELECT relname, pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = 'public' AND relkind = 'r'
"""


class Night:
    """What happens in it.

    :param objects: how many texts are labeled in an hour.
    """

    def __init__(self, service: Replicas, objects: int) -> None:
        self.service, self.objects = service, objects
        self.sagemaker, self.sns, self.sqs = (service.client(name) for name in ("sagemaker", "sns", "sqs"))
        new, labels = (self.sns.create_topic(Name=name)["TopicArn"] for name in ("new", "told"))
        self.heard = self.sqs.create_queue(QueueName="heard")["QueueUrl"]
        asked = self.sqs.get_queue_attributes(QueueUrl=self.heard, AttributeNames=["QueueArn"])
        self.sns.subscribe(TopicArn=labels, Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"])
        self.new = new
        # The files of all jobs.
        self.request = request_for_texts(service, "night", objects)
        source = {"SnsDataSource": {"SnsTopicArn": new}}
        self.stream_request = {
            **self.request,
            "InputConfig": {"DataSource": source},
            "OutputConfig": {**self.request["OutputConfig"], "SnsTopicArn": labels},
        }

    def hour(self, number: int) -> None:
        """Label, and delete what has ended."""
        name = f"hour-{number}"
        self.sagemaker.create_labeling_job(**{**self.request, "LabelingJobName": name})
        if number % STREAM_EVERY == 0:
            self.stream(f"stream-{number}")
        self.wait(name, "Completed")
        self.delete(name)

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
        self.sagemaker.stop_labeling_job(LabelingJobName=name)
        self.wait(name, "Stopped")
        self.delete(name)

    def wait(self, name: str, wanted: str) -> None:
        """Wait for a status of a job."""

        def reached() -> bool:
            status = self.sagemaker.describe_labeling_job(LabelingJobName=name)["LabelingJobStatus"]
            assert status == wanted or status not in {"Failed", "Completed", "Stopped"}, f"{name} is {status}"
            return bool(status == wanted)

        wait_until(reached, MAX_SECONDS, f"{name} is {wanted}", 0.1)

    def delete(self, name: str) -> None:
        """Delete a job with everything that belongs to it."""
        ask(self.service.endpoint_url, "/deletions", {"job": name, "with_output": True})

    def memory_mb(self) -> float:
        """Memory of all processes, MB of a million bytes."""
        kilobytes = 0
        for process in self.service.processes:
            status = Path(f"/proc/{process.group.process.pid}/status").read_text()
            kilobytes += int(re.findall(r"VmRSS:\s+(\d+)", status)[0])
        return kilobytes * 1024 / 1e6

    def tables(self) -> dict[str, int]:
        """Bytes of each table after a vacuum, with its indexes."""
        engine = sa.create_engine(self.service.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.execute(sa.text("VACUUM"))
            return {row[0]: int(row[1]) for row in connection.execute(sa.text(_SIZES))}


def measure(folder: Path, hours: int, speed: float, objects: int) -> dict[str, float]:
    """The figures of a night."""
    figures: dict[str, float] = {}
    sizes: list[dict[str, int]] = []
    team: dict[str, Any] = {"workers": 5, "accuracy": 1, "seconds_per_task": 60}
    with postgresql() as server, seaweedfs(folder / "s3") as s3:
        service = Replicas(folder / "night", server, s3, 1, team, ["--speed", str(speed)])
        try:
            night, began = Night(service, objects), time.monotonic()
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
        finally:
            service.stop()
    for table, size in sizes[-1].items():
        if size > sizes[-2].get(table, 0):
            print(f"{table} has grown in the last third, from {sizes[-2].get(table, 0):,} to {size:,} bytes")
    for what in ("memory", "tables"):
        figures[f"{what}_last_over_middle"] = round(figures[f"{what}_mb_3"] / figures[f"{what}_mb_2"], 3)
    return figures


def main() -> None:
    """Measure and print."""
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
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
