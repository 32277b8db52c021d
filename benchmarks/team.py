"""``make bench-team``: what a data object costs a team's service in small and in large jobs, and how soon it is back.

A job of 10,000 and one of 100,000 texts with one instant worker each. In the middle of the large one the service is
killed and started again. Times per object are CPU time of the service's process, so that they do not depend on what
else the machine does. Then there are 100,000 jobs, and pages of their list are asked for; and 100 clients ask for a
job once a second each, while 200 others wait for messages. A service of its own stores 5,000 pictures and gives them
back; with ``--together 10``, another one labels ten of the large jobs at once. All of this on SQLite, or on PostgreSQL
with ``--database postgresql``. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from botocore.config import Config

from benchmarks.local import request_for_texts
from benchmarks.work import p95_ms
from dev.postgresql import PostgreSQL, postgresql
from dev.processes import cpu_seconds, peak_mb
from dev.stack import Service, wait_until
from labeling_provider.cli.asking import KEYS, ask

MAX_SECONDS = 3_000
TEAM = "private-simulated"
OFTEN, SELDOM = "often", "seldom"
"""Requesters, and values of a tag: half of all jobs are the one's, one in a thousand the other's."""
GUARDED = {**dict.fromkeys(KEYS, "local"), "LABELING_LOCAL_ENCRYPTION_KEY": "of-this-benchmark-and-of-nothing-else"}
"""A team's service looks at signatures, and requesters have keys."""


def create(service: Service, name: str, objects: int) -> None:
    """Begin a job of so many texts."""
    service.client("sagemaker").create_labeling_job(**request_for_texts(service, name, objects))


def status(service: Service, name: str) -> dict[str, Any]:
    """What the service says about a job that has not failed."""
    job: dict[str, Any] = service.client("sagemaker").describe_labeling_job(LabelingJobName=name)
    assert job["LabelingJobStatus"] in {"Initializing", "InProgress", "Completed"}, job
    return job


def wait_for(service: Service, name: str, labeled: int) -> None:
    """Wait until so many objects of a job have a label."""
    enough = lambda: status(service, name)["LabelCounters"]["TotalLabeled"] >= labeled  # noqa: E731
    wait_until(enough, MAX_SECONDS, f"{labeled} objects of {name} have a label", 0.5)


def wait_for_end(service: Service, name: str, objects: int) -> None:
    """Wait until a job has ended, with a label for each of so many objects."""
    wait_until(lambda: status(service, name)["LabelingJobStatus"] == "Completed", MAX_SECONDS, f"{name} has ended", 0.2)
    counters = status(service, name)["LabelCounters"]
    assert counters["TotalLabeled"] == objects, counters
    lines = service.client("s3").get_object(Bucket=name, Key=f"out/{name}/manifests/output/output.manifest")["Body"]
    assert sum(b'"class-name"' in line for line in lines.iter_lines()) == objects


def cost(service: Service, name: str, objects: int) -> float:
    """CPU milliseconds per object of a whole job."""
    before = cpu_seconds(service.group.process.pid)
    create(service, name, objects)
    wait_for_end(service, name, objects)
    return (cpu_seconds(service.group.process.pid) - before) * 1000 / objects


def restart(service: Service, name: str, objects: int) -> float:
    """Kill the service in the middle of a job; seconds until it says again how far the job is."""
    create(service, name, objects)
    wait_for(service, name, objects // 2)
    service.kill()
    started = time.perf_counter()
    service.start()
    status(service, name)
    seconds = time.perf_counter() - started
    wait_for_end(service, name, objects)
    return seconds


def costs(service: Service, few: int, many: int) -> dict[str, float]:
    """What objects cost, and a restart."""
    small = cost(service, "small", few)
    large = cost(service, "large", many)
    peak = peak_mb(service.group.process.pid)
    seconds = restart(service, "killed", many)
    return {
        "ms_per_object": large,
        "ms_per_object_100k_over_10k": large / small,
        "peak_mb": max(peak, peak_mb(service.group.process.pid)),
        "restart_s": seconds,
    }


def pictures(service: Service, count: int, size: int) -> None:
    """Store so many pictures of so many bytes, and read them again."""
    client, threads = service.client("s3", config=Config(max_pool_connections=4)), 4
    client.create_bucket(Bucket="pictures")
    body = os.urandom(size)

    def store(number: int) -> None:
        client.put_object(Bucket="pictures", Key=f"{number}.jpg", Body=number.to_bytes(4, "big") + body)

    def read(number: int) -> None:
        got = client.get_object(Bucket="pictures", Key=f"{number}.jpg")["Body"].read()
        assert got == number.to_bytes(4, "big") + body

    with ThreadPoolExecutor(threads) as pool:
        for done in (pool.map(store, range(count)), pool.map(read, range(count))):
            list(done)


def together(service: Service, count: int, objects: int) -> None:
    """Let a service label several jobs at once."""
    for number in range(count):
        create(service, f"together-{number}", objects)
    for number in range(count):
        wait_for_end(service, f"together-{number}", objects)


def peak_of(server: PostgreSQL | None, name: str, work: Callable[[Service], None]) -> float:
    """Highest memory, in MB, of a new service that does something."""
    with tempfile.TemporaryDirectory(prefix="labeling-bench-") as folder:
        service = Service(Path(folder), *(["--database-url", server.create(name)] if server else []))
        try:
            work(service)
            return peak_mb(service.group.process.pid)
        finally:
            service.stop()


def add_jobs(url: str, count: int) -> None:
    """Add jobs like the first one, as if one had been made each minute. The service must not run."""
    engine, known = sa.create_engine(url), sa.MetaData()
    jobs, owners, tags = (sa.Table(name, known, autoload_with=engine) for name in ("jobs", "owners", "tags"))
    with engine.begin() as connection:
        first = connection.execute(sa.select(jobs).order_by(jobs.c.id)).mappings().first()
        assert first is not None
        states = ("Completed",) * 8 + ("Failed", "Stopped")
        rows = [
            {
                **first,
                "id": 1_000_000 + number,
                "status": states[number % len(states)],
                **dict.fromkeys(("name", "name_key"), f"listed-{number:06}"),
                "arn": first["arn"].replace(first["name"], f"listed-{number:06}"),
                **dict.fromkeys(("created", "modified"), first["created"] - 60 * number),
                "requester": OFTEN if number % 2 == 0 else SELDOM if number % 1_000 == 1 else "",
            }
            for number in range(count)
        ]
        connection.execute(sa.insert(jobs), rows)
        owned = [{"arn": row["arn"], "requester": row["requester"]} for row in rows if row["requester"]]
        connection.execute(sa.insert(owners), owned)
        tagged = [
            {"arn": row["arn"], "key": "project", "value": SELDOM if number % 1_000 == 0 else OFTEN}
            for number, row in enumerate(rows)
        ]
        connection.execute(sa.insert(tags), tagged)
    engine.dispose()


def with_key(service: Service, requester: str, **scope: Any) -> Any:
    """A client with a new key of a requester, which does no more than its scope says."""
    key = ask(service.endpoint_url, "/keys/add", {"requester": requester, "scope": scope})
    pair = {f"aws_{name}": key[name] for name in ("access_key_id", "secret_access_key")}
    return service.client("sagemaker", **pair)


def page_ms(service: Service, count: int, times: int) -> dict[str, float]:
    """What 95 % of pages of 100 jobs stay below, in milliseconds, by what is asked for."""
    client = service.client("sagemaker")
    middle = client.describe_labeling_job(LabelingJobName=f"listed-{count // 2:06}")["CreationTime"]
    asked: dict[str, dict[str, Any]] = {
        "newest": {"SortBy": "CreationTime", "SortOrder": "Descending"},
        "middle": {"SortBy": "CreationTime", "CreationTimeBefore": middle},
        "by_name": {"SortBy": "Name", "NameContains": "99"},
        "rare_name": {"NameContains": f"-{count - 1:06}"},
        "failed": {"SortBy": "Status", "StatusEquals": "Failed"},
        "changed": {"LastModifiedTimeAfter": middle, "SortOrder": "Descending"},
        "unchanged": {"LastModifiedTimeAfter": datetime.now(UTC)},
    }
    keys = {
        "half": with_key(service, OFTEN),
        "few": with_key(service, SELDOM),
        "team": with_key(service, OFTEN, teams=[TEAM]),
        "tag": with_key(service, OFTEN, tags={"project": OFTEN}),
        "rare_tag": with_key(service, OFTEN, tags={"project": SELDOM}),
    }
    calls = [(what, client, filters) for what, filters in asked.items()]
    calls += [
        (f"{whose}_by_{order}", key, {"SortBy": order})
        for whose, key in keys.items()
        for order in ("CreationTime", "Name", "Status")
    ]
    taken = {}
    for what, asking, filters in calls:
        seconds = []
        for _ in range(times):
            began = time.perf_counter()
            page = asking.list_labeling_jobs(MaxResults=100, **filters)
            seconds.append(time.perf_counter() - began)
            assert bool(page["LabelingJobSummaryList"]) != what.endswith("unchanged"), what
        taken[what] = p95_ms(seconds)
    return taken


def describe_p95_ms(service: Service, polls: int, clients: int, seconds: float) -> float:
    """What 95 % of Describe calls stay below, in milliseconds: each client's once a second, while others wait."""
    waiting = service.client("sqs", config=Config(max_pool_connections=polls))
    asking = service.client("sagemaker", config=Config(max_pool_connections=clients))
    queues = [waiting.create_queue(QueueName=f"queue-{number}")["QueueUrl"] for number in range(min(polls, 10))]
    end = time.monotonic() + seconds
    taken: list[float] = []

    def poll(number: int) -> None:
        while (left := end - time.monotonic()) > 0:
            waiting.receive_message(QueueUrl=queues[number % len(queues)], WaitTimeSeconds=min(20, math.ceil(left)))

    def ask(number: int) -> None:
        time.sleep(number / clients)
        while time.monotonic() < end:
            began = time.perf_counter()
            asking.describe_labeling_job(LabelingJobName="small")
            taken.append(time.perf_counter() - began)
            time.sleep(max(1 - taken[-1], 0))

    with ThreadPoolExecutor(polls + clients) as pool:
        for done in (pool.map(poll, range(polls)), pool.map(ask, range(clients))):
            list(done)
    return p95_ms(taken)


def measure(server: PostgreSQL | None, chosen: argparse.Namespace) -> dict[str, float]:
    """The figures of a service."""
    os.environ.update(GUARDED)
    with tempfile.TemporaryDirectory(prefix="labeling-bench-") as name:
        url = server.create("team") if server else f"sqlite:///{name}/data/labeling.sqlite"
        service = Service(Path(name), *(["--database-url", url] if server else []))
        try:
            cost(service, "warm", min(chosen.objects[0], 500))
            if chosen.requests_only:
                cost(service, "small", 100)
                figures = {}
            else:
                figures = costs(service, *chosen.objects)
            service.kill()
            add_jobs(url, chosen.jobs)
            if server:
                # As its own vacuum does within a minute.
                server.execute("VACUUM ANALYZE", "team")
            service.start()
            figures["describe_p95_ms"] = describe_p95_ms(service, chosen.polls, chosen.clients, chosen.seconds)
            pages = page_ms(service, chosen.jobs, 40 if chosen.seconds > 1 else 2)
        finally:
            service.stop()
    if not chosen.requests_only:
        figures["pictures_peak_mb"] = peak_of(server, "pictures", lambda service: pictures(service, *chosen.pictures))
    if chosen.together:
        many = chosen.objects[1]
        figures["together_peak_mb"] = peak_of(
            server, "together", lambda service: together(service, chosen.together, many)
        )
    print("95 % of pages within", ", ".join(f"{taken} ms ({what.replace('_', ' ')})" for what, taken in pages.items()))
    return {**figures, "list_page_p95_ms": max(pages.values())}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smallest", action="store_true", help="as little as runs all of it, on SQLite only")
    parser.add_argument("--objects", type=int, nargs=2, default=(10_000, 100_000), help="of the two jobs")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--together", type=int, default=0, help="how many of the large jobs are labeled at once")
    parser.add_argument("--pictures", type=int, nargs=2, default=(5_000, 200_000), help="how many, of how many bytes")
    parser.add_argument("--jobs", type=int, default=100_000, help="in the list")
    parser.add_argument("--polls", type=int, default=200, help="how many wait for messages")
    parser.add_argument("--clients", type=int, default=100, help="how many ask for a job, once a second")
    parser.add_argument("--seconds", type=float, default=20, help="for how long they do")
    parser.add_argument("--requests-only", action="store_true", help="leave out what objects cost")
    options = parser.parse_args()
    if options.smallest:
        vars(options).update(
            objects=(50, 100), together=2, pictures=(10, 1_000), jobs=200, polls=5, clients=3, seconds=1
        )
    with postgresql() if options.database == "postgresql" else nullcontext() as server:
        figures = measure(server, options)
    if not options.requests_only:
        few, many = options.objects
        print(
            f"{options.database}, {many:,} texts, one instant worker each: {figures['ms_per_object']:.2f} ms CPU an "
            f"object (limit {2 if server else 1.5}), {figures['ms_per_object_100k_over_10k']:.2f} times that of "
            f"{few:,} (limit 1.15), {figures['peak_mb']:.0f} MB (limit 350), back after {figures['restart_s']:.1f} s "
            f"(limit 3). {options.pictures[0]:,} pictures of {options.pictures[1] / 1000:.0f} kB: "
            f"{figures['pictures_peak_mb']:.0f} MB (limit 250)"
        )
    if options.together:
        together_mb = figures["together_peak_mb"]
        print(f"{options.together} jobs of {options.objects[1]:,} at once: {together_mb:.0f} MB (limit 500)")
    print(
        f"{options.database}: 95 % of Describe calls of {options.clients} clients within "
        f"{figures['describe_p95_ms']} ms beside {options.polls} long polls (limit 100); of pages of {options.jobs:,} "
        f"jobs within {figures['list_page_p95_ms']} ms (limit 25)"
    )
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
