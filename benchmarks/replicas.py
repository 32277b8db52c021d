"""``make bench-team``, of several processes: a team's service on PostgreSQL and a real S3, of one replica, then of two.

A replica is one ``labeling serve`` and one ``labeling work``, on this machine with PostgreSQL, SeaweedFS and whoever
asks, all on the same cores. With one replica and one instant worker: a job of 10,000 texts, and one of 100,000 if asked
to; another of the largest size, in whose middle all processes are killed. A small job alone, then beside 500 that wait
for people and four that are busy. With two replicas: the job of 10,000 texts again, and the process that works on
another one is killed, until the other process has labeled something. With one replica and with two: four jobs of 10,000
texts at once, and 100 people who label by HTTP. The last line is JSON: ``two_replicas_over_one`` is about people's
answers, ``two_replicas_over_one_in_jobs`` about the four jobs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from benchmarks import work
from benchmarks.local import request_for_texts
from dev.postgresql import postgresql
from dev.processes import cpu_seconds, peak_mb
from dev.replicas import Balanced, Replicas
from dev.seaweedfs import seaweedfs
from dev.stack import Service, wait_until
from labeling_provider.service.database.schema import jobs

MAX_SECONDS = 1_500
SMALL, BUSY, TOGETHER = 20, 4, 4
INSTANT, SLOW = "private-simulated", "private-slow"
TEAMS = {INSTANT: {"workers": 1, "accuracy": 1}, SLOW: {"workers": 1, "accuracy": 1, "seconds_per_task": 0.1}}
ENDED = {"Completed", "Failed", "Stopped"}


def begin(service: Balanced, name: str, objects: int, team: str = INSTANT) -> None:
    """Begin a job of so many texts."""
    request = request_for_texts(service, name, objects, team)
    service.client("sagemaker").create_labeling_job(**request)


def labeled(service: Balanced, name: str) -> int:
    """How many objects of a job have a label."""
    job = service.client("sagemaker").describe_labeling_job(LabelingJobName=name)
    return int(job["LabelCounters"]["TotalLabeled"])


def wait_for_end(service: Balanced, name: str, objects: int, pause: float = 0.1) -> None:
    """Wait until a job is complete, with a label for each of so many objects."""
    client = service.client("sagemaker")

    def ended() -> Any:
        job = client.describe_labeling_job(LabelingJobName=name)
        return job["LabelingJobStatus"] in ENDED and job

    job = wait_until(ended, MAX_SECONDS, f"{name} has ended", pause)
    assert job["LabelingJobStatus"] == "Completed", job
    assert job["LabelCounters"]["TotalLabeled"] == objects, job
    lines = service.client("s3").get_object(Bucket=name, Key=f"out/{name}/manifests/output/output.manifest")["Body"]
    assert sum(b'"class-name"' in line for line in lines.iter_lines()) == objects


def whole_job(service: Balanced, name: str, objects: int, pause: float = 0.1) -> float:
    """Seconds from create to Completed."""
    request = request_for_texts(service, name, objects)
    began = time.perf_counter()
    service.client("sagemaker").create_labeling_job(**request)
    wait_for_end(service, name, objects, pause)
    return time.perf_counter() - began


def all_cpu_seconds(processes: list[Service]) -> float:
    """CPU time of processes so far."""
    return sum(cpu_seconds(process.group.process.pid) for process in processes)


def highest_mb(processes: list[Service]) -> float:
    """Most memory that one of the processes has had, MB of a million bytes."""
    return max(peak_mb(process.group.process.pid) for process in processes)


def restart(service: Replicas, name: str, objects: int) -> tuple[float, float]:
    """Kill all processes in the middle of a job.

    :return: seconds until it says again how far the job is, and until the job is further. Leases of the killed ones
        have to run out first.
    """
    begin(service, name, objects)
    wait_until(lambda: labeled(service, name) >= objects // 2, MAX_SECONDS, f"{name} is in its middle", 0.05)
    for process in service.processes:
        process.kill()
    began = time.perf_counter()
    for process in service.serving:
        process.start()
    far = labeled(service, name)
    answers = time.perf_counter() - began
    for process in service.working:
        process.start()
    further = min(far + 1, objects)  # the smallest is done before it is killed
    wait_until(lambda: labeled(service, name) >= further, MAX_SECONDS, f"{name} goes on", 0.05)
    goes_on = time.perf_counter() - began
    wait_for_end(service, name, objects)
    return answers, goes_on


def holder(url: str, name: str) -> tuple[str | None, int]:
    """Which working process runs a job, as the database knows it, and how many of the objects have a label."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        query = sa.select(jobs.c.lease_owner, jobs.c.labeled).where(jobs.c.name == name)
        owner, count = connection.execute(query).one()
        return owner, count


def failover(service: Replicas, name: str, objects: int, team: str) -> float:
    """Kill the one of two working processes that runs a job; seconds until the other one has labeled an object."""
    first, second = service.working
    # While this one stands still, the other one takes the job: so it is known which of them the database means.
    os.killpg(second.group.process.pid, signal.SIGSTOP)
    try:
        begin(service, name, objects, team)
        wait_until(lambda: holder(service.url, name)[1] >= objects // 10, MAX_SECONDS, f"{name} is under way", 0.02)
        owner_of_first, _ = holder(service.url, name)
    finally:
        os.killpg(second.group.process.pid, signal.SIGCONT)
    owner, _ = holder(service.url, name)
    victim = first if owner == owner_of_first else second
    victim.kill()
    began, (_, before) = time.perf_counter(), holder(service.url, name)

    def goes_on() -> bool:
        owner_now, count = holder(service.url, name)
        return owner_now != owner and count > before

    wait_until(goes_on, MAX_SECONDS, f"{name} goes on in the other process", 0.02)
    seconds = time.perf_counter() - began
    victim.start()
    wait_for_end(service, name, objects)
    return seconds


def together(service: Balanced, objects: int) -> float:
    """Texts a second of several jobs that are labeled at once."""
    names = [f"together-{number}" for number in range(TOGETHER)]
    requests = [request_for_texts(service, name, objects) for name in names]
    began = time.perf_counter()
    for request in requests:
        service.client("sagemaker").create_labeling_job(**request)
    for name in names:
        wait_for_end(service, name, objects)
    return TOGETHER * objects / (time.perf_counter() - began)


def beside(service: Balanced, waiting: int, objects: int, times: int) -> tuple[float, float]:
    """Seconds that a small job takes alone, and beside jobs that wait and four that are busy; medians."""
    alone = statistics.median(whole_job(service, f"alone-{number}", SMALL, 0.02) for number in range(times))
    request, client = request_for_texts(service, "waiting", 1, "private-people"), service.client("sagemaker")
    for number in range(waiting):
        client.create_labeling_job(**{**request, "LabelingJobName": f"waiting-{number}"})
    last = f"waiting-{waiting - 1}"
    started = lambda: client.describe_labeling_job(LabelingJobName=last)["LabelingJobStatus"] == "InProgress"  # noqa: E731
    wait_until(started, MAX_SECONDS, "the jobs for people have begun")
    for number in range(BUSY):
        begin(service, f"busy-{number}", objects)
    wait_until(lambda: labeled(service, f"busy-{BUSY - 1}") > 0, MAX_SECONDS, "the others are busy", 0.05)
    among = statistics.median(whole_job(service, f"among-{number}", SMALL, 0.02) for number in range(times))
    for number in range(BUSY):
        wait_for_end(service, f"busy-{number}", objects)
    for number in range(waiting):
        client.stop_labeling_job(LabelingJobName=f"waiting-{number}")
    running = {"StatusEquals": "Stopping", "MaxResults": 1}
    stopped = lambda: not client.list_labeling_jobs(**running)["LabelingJobSummaryList"]  # noqa: E731
    wait_until(stopped, MAX_SECONDS, "nothing is left to do", 0.5)
    return alone, among


def people(service: Balanced, count: int, objects: int) -> tuple[float, float]:
    """Let people label a job with three answers each.

    :return: answers a second, and what 95 % of submissions stay below, in milliseconds.
    """
    service.client("s3").create_bucket(Bucket="bench")
    job = work.create(service, "people", objects)
    done = asyncio.run(work.label(urlsplit(service.endpoint_url).netloc, job, count, None, None))
    wait_until(lambda: work.status(service, "people") == "Completed", 300, "the job is complete")
    wrong = work.check(service, "people", objects)
    assert not any(wrong.values()), wrong
    return objects * work.ANSWERS_EACH / done["seconds"], work.p95_ms(done["times"]["submit"])


def one_replica(service: Replicas, sizes: list[int], waiting: int) -> dict[str, float]:
    """The figures of one replica that labels by itself.

    :param sizes: objects of jobs, ascending. In the middle of one more of the last size, everything is killed.
    """
    few, many = sizes[0], sizes[-1]
    whole_job(service, "warm", min(few, 500))
    figures: dict[str, float] = {}
    took = {}
    for size in sizes:
        before = all_cpu_seconds(service.processes)
        took[size] = whole_job(service, f"texts-{size}", size) * 1000 / size
        figures["cpu_ms_per_object"] = (all_cpu_seconds(service.processes) - before) * 1000 / size
    figures |= {"ms_per_object": took[many], "ms_per_object_10k": took[few]}
    if many > few:
        figures["ms_per_object_100k_over_10k"] = took[many] / took[few]
    peak = highest_mb(service.processes)
    figures["restart_s"], figures["job_goes_on_s"] = restart(service, "killed", many)
    figures["small_job_s"], figures["small_job_beside_s"] = beside(
        service, waiting, max(few // 4, 50), 5 if few > 1_000 else 1
    )
    return {**figures, "peak_mb": max(peak, highest_mb(service.processes))}


def two_replicas(service: Replicas, few: int) -> dict[str, float]:
    """The figures of two replicas that label by themselves.

    :param few: objects of the job that one of them labels alone, and of the one whose process is killed.
    """
    whole_job(service, "warm", min(few, 500))
    took = whole_job(service, f"texts-{few}", few) * 1000 / few
    # With few objects, an instant worker is done before anybody could be killed.
    return {
        "ms_per_object_10k_with_two": took,
        "failover_s": failover(service, "left", few, INSTANT if few > 1_000 else SLOW),
    }


def measure(folder: Path, sizes: list[int], waiting: int, persons: int, answered: int) -> dict[str, float]:
    """All figures."""
    figures: dict[str, float] = {}
    with postgresql() as server:
        for count in (1, 2):
            with seaweedfs(folder / f"s3-{count}") as s3:
                service = Replicas(folder / f"replicas-{count}", server, s3, count, TEAMS)
                try:
                    figures |= one_replica(service, sizes, waiting) if count == 1 else two_replicas(service, sizes[0])
                    figures[f"texts_per_s_{count}"] = together(service, sizes[0])
                    rate, p95 = people(service, persons, answered)
                    figures |= {f"answers_per_s_{count}": rate, f"submit_p95_ms_{count}": p95}
                finally:
                    service.stop()
    figures["two_replicas_over_one"] = figures["answers_per_s_2"] / figures["answers_per_s_1"]
    figures["two_replicas_over_one_in_jobs"] = figures["texts_per_s_2"] / figures["texts_per_s_1"]
    return {name: round(value, 3) for name, value in figures.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smallest", action="store_true", help="as little as runs all of it")
    parser.add_argument("--objects", type=int, nargs="+", default=[10_000], help="of the jobs, ascending")
    parser.add_argument("--waiting", type=int, default=500, help="how many jobs wait for people")
    parser.add_argument("--people", type=int, default=100, help="how many label")
    parser.add_argument("--answered", type=int, default=2_000, help="objects that they label, three answers each")
    given = parser.parse_args()
    chosen = given.objects, given.waiting, given.people, given.answered
    sizes, waiting, persons, answered = ([30, 60], 3, 3, 10) if given.smallest else chosen
    with tempfile.TemporaryDirectory(prefix="labeling-bench-", ignore_cleanup_errors=True) as name:
        figures = measure(Path(name), sizes, waiting, persons, answered)
    print(
        f"one replica: {figures['ms_per_object']:.2f} ms a text (limit 2.5), {figures['peak_mb']:.0f} MB at most in a "
        f"process (limit 350), back after {figures['restart_s']:.1f} s (limit 3)"
    )
    print(
        f"two replicas: {figures['ms_per_object_10k_with_two']:.2f} ms a text of {sizes[0]:,}, with one "
        f"{figures['ms_per_object_10k']:.2f}; a killed one's job goes on after {figures['failover_s']:.1f} s (limit "
        f"10). {TOGETHER} such jobs at once: {figures['texts_per_s_2']:.0f} texts a second, with one "
        f"{figures['texts_per_s_1']:.0f}"
    )
    print(
        f"a small job: {figures['small_job_s']:.2f} s alone, {figures['small_job_beside_s']:.2f} s beside {waiting} "
        f"that wait and {BUSY} that are busy (limit 3 times as long)"
    )
    print(
        f"{persons} people: {figures['answers_per_s_1']:.0f} answers a second with one replica, "
        f"{figures['answers_per_s_2']:.0f} with two"
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
