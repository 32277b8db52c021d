"""``make bench-waiting``: what it costs to wait for many labeling jobs, beside the amazon provider's own trigger.

Both kinds of trigger wait in one event loop, as in a triggerer, for jobs that do not end, at the same stub server, for
the same time. Memory is what the process has grown by since its imports; a stall is how late the loop was to wake a
sleeper. What the imports have left is frozen, as Airflow's executor does, so that no collection of it counts as a
trigger's stall. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from dev.processes import resident_mb

SIZES: tuple[int, ...] = (50, 200, 1_000)
MAX_JOBS = 10_000
INTERVAL = 30
SECONDS = 100
COUNTED = 60
NAP = 0.01


def stub(port: int) -> None:
    """A server that knows jobs without end: labeling jobs for ours, training jobs for the peer."""
    from aiohttp import web

    requests = 0
    began = time.time()

    def summary(number: int) -> dict[str, Any]:
        counters = {"TotalLabeled": number, "HumanLabeled": number, "Unlabeled": 1000, "FailedNonRetryableError": 0}
        arn = "arn:aws:sagemaker:us-east-1:123456789012"
        return {
            "LabelingJobName": f"job-{number}",
            "LabelingJobArn": f"{arn}:labeling-job/job-{number}",
            "LabelingJobStatus": "InProgress",
            "CreationTime": began,
            "LastModifiedTime": began,
            "LabelCounters": {**counters, "MachineLabeled": 0},
            "WorkteamArn": f"{arn}:workteam/private-crowd/team",
            "PreHumanTaskLambdaArn": "arn:aws:lambda:us-east-1:432418664414:function:PRE-TextMultiClass",
            "LabelingJobOutput": {
                "OutputDatasetS3Uri": f"s3://bucket/out/job-{number}/manifests/output/output.manifest"
            },
            "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": "s3://bucket/in.manifest"}}},
        }

    async def answer(request: web.Request) -> web.Response:
        nonlocal requests
        if request.path == "/count":
            return web.json_response(requests)
        requests += 1
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        body = await request.json()
        if operation == "DescribeTrainingJob":
            content: Any = {"TrainingJobName": body["TrainingJobName"], "TrainingJobStatus": "InProgress"}
        elif operation == "DescribeLabelingJob":
            content = summary(int(body["LabelingJobName"].rpartition("-")[2]))
        else:
            first, size = int(body.get("NextToken", 0)), body["MaxResults"]
            last = min(first + size, MAX_JOBS)
            content = {"LabelingJobSummaryList": [summary(number) for number in range(first, last)]}
            if last < MAX_JOBS:
                content["NextToken"] = str(last)
        return web.Response(body=json.dumps(content), content_type="application/x-amz-json-1.1")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


@contextmanager
def serving() -> Iterator[str]:
    """The stub in a process of its own; its URL."""
    from dev.stack import free_port, wait_until

    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.waiting", "--stub", str(port)])
    url = f"http://127.0.0.1:{port}"

    def up() -> bool:
        try:
            count(url)
        except OSError:
            return False
        return True

    try:
        wait_until(up, 30, "the stub listens")
        yield url
    finally:
        process.terminate()
        process.wait()


def count(url: str) -> int:
    """Requests that the stub has answered."""
    with urllib.request.urlopen(f"{url}/count", timeout=10) as answer:
        return int(json.load(answer))


def triggers(who: str, jobs: int) -> list[Any]:
    """As many triggers, each for a job of its own."""
    if who == "peer":
        from airflow.providers.amazon.aws.triggers.sagemaker import SageMakerTrigger

        return [
            SageMakerTrigger(job_name=f"job-{number}", job_type="training", waiter_delay=INTERVAL)
            for number in range(jobs)
        ]
    from labeling_provider.triggers.labeling_job import LabelingJobTrigger

    return [
        LabelingJobTrigger(
            f"job-{number}",
            created=time.time(),
            targets=[],
            poll_interval=INTERVAL,
            deadline=None,
            outage=900,
            stop_job_on_kill=True,
            aws_conn_id="aws_default",
            region_name=None,
            verify=None,
            botocore_config=None,
        )
        for number in range(jobs)
    ]


async def wait(waiting: list[Any], url: str) -> dict[str, float]:
    """Let triggers wait, and measure."""
    longest = 0.0

    async def nap() -> None:
        nonlocal longest
        before = time.perf_counter()
        while True:
            await asyncio.sleep(NAP)
            now = time.perf_counter()
            longest = max(longest, now - before - NAP)
            before = now

    async def run(trigger: Any) -> None:
        async for event in trigger.run():
            raise AssertionError(f"a trigger has fired: {event}")

    gc.collect()
    gc.freeze()
    imported, cpu = resident_mb(os.getpid()), time.process_time()
    loop = asyncio.get_running_loop()
    began = loop.time()
    napping = asyncio.create_task(nap())
    await asyncio.sleep(0.1)
    tasks = [asyncio.create_task(run(trigger)) for trigger in waiting]
    await asyncio.sleep(SECONDS - COUNTED)
    before, at = await asyncio.to_thread(count, url), loop.time()
    await asyncio.sleep(max(began + SECONDS - loop.time(), INTERVAL))
    requests, counted = await asyncio.to_thread(count, url) - before, loop.time() - at
    figures = {
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3 * 1.024 - imported,
        "cpu_s": time.process_time() - cpu,
        "requests_per_minute": requests * 60 / counted,
        "stall_ms": longest * 1000,
    }
    napping.cancel()
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(napping, *tasks, return_exceptions=True)
    return figures


def measure(who: str, jobs: int, url: str) -> None:
    """One measurement in this process; prints it as JSON."""
    waiting = triggers(who, jobs)
    if who == "peer":
        import_module("airflow.providers.amazon.aws.hooks.sagemaker")
    else:
        import_module("labeling_provider.hooks.labeling")
    print(json.dumps(asyncio.run(wait(waiting, url))))


def measured(who: str, jobs: int, url: str) -> dict[str, float]:
    """One measurement in a fresh process."""
    extra = {"endpoint_url": url, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "airflow", "password": "airflow", "extra": extra}
    with tempfile.TemporaryDirectory() as home:
        env = {
            **os.environ,
            "AIRFLOW_HOME": home,
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        }
        command = [sys.executable, "-m", "benchmarks.waiting", "--measure", who, str(jobs), url, *sys.argv[1:]]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{who:>5} {jobs:>7,} {figures['memory_mb']:>11,.1f} {figures['cpu_s']:>8.2f} "
        f"{figures['requests_per_minute']:>13,.1f} {figures['stall_ms']:>10,.0f}",
        flush=True,
    )
    return figures


def main() -> None:
    """Measure everything, print a table and the ratios."""
    print(f"{'who':>5} {'jobs':>7} {'memory, MB':>11} {'CPU, s':>8} {'requests/min':>13} {'stall, ms':>10}")
    with serving() as url:
        for jobs in SIZES:
            peer, ours = measured("peer", jobs, url), measured("ours", jobs, url)
        largest = measured("ours", MAX_JOBS, url)
    # Where the smallest form runs beside much else, the counted time may pass without a request.
    asked = max(ours["requests_per_minute"], 1.0)
    result = {
        "jobs": SIZES[-1],
        "requests_ratio": round(peer["requests_per_minute"] / asked, 1),
        "cpu_ratio": round(peer["cpu_s"] / ours["cpu_s"], 1),
        "memory_ratio": round(peer["memory_mb"] / ours["memory_mb"], 1),
        "longest_stall_ms": round(ours["stall_ms"], 1),
        "growth_mb_at_10000": round(largest["memory_mb"], 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--smallest", action="store_true", help="as little as runs all of it")
    parser.add_argument("--stub", type=int)
    parser.add_argument("--measure", nargs=3, metavar=("WHO", "JOBS", "URL"))
    options = parser.parse_args()
    if options.smallest:
        SIZES, MAX_JOBS, INTERVAL, SECONDS, COUNTED = (3,), 6, 1, 3, 2
    if options.stub:
        stub(options.stub)
    elif options.measure:
        measure(options.measure[0], int(options.measure[1]), options.measure[2])
    else:
        main()
