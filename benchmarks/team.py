"""``make bench-team``: what a data object costs a team's service in small and in large jobs, and how soon it is back.

A job of 10,000 and one of 100,000 texts with one instant worker each. In the middle of the large one the service is
killed and started again. Times per object are CPU time of the service's process, so that they do not depend on what
else the machine does. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.local import request_for_texts
from dev.postgresql import postgresql
from dev.stack import Service, wait_until

MAX_SECONDS = 3_000


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


def cpu_seconds(service: Service) -> float:
    """CPU time of the service's process so far."""
    fields = Path(f"/proc/{service.group.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(service: Service) -> float:
    """Highest resident memory of the service's process so far, in MB of a million bytes."""
    text = Path(f"/proc/{service.group.process.pid}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def cost(service: Service, name: str, objects: int) -> float:
    """CPU milliseconds per object of a whole job."""
    before = cpu_seconds(service)
    create(service, name, objects)
    wait_for_end(service, name, objects)
    return (cpu_seconds(service) - before) * 1000 / objects


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


def measure(options: list[str], few: int, many: int) -> dict[str, float]:
    """The figures of a service with options of its own."""
    with tempfile.TemporaryDirectory(prefix="labeling-bench-") as name:
        service = Service(Path(name), *options)
        try:
            cost(service, "warm", min(few, 500))
            small = cost(service, "small", few)
            large = cost(service, "large", many)
            peak = peak_mb(service)
            seconds = restart(service, "killed", many)
            peak = max(peak, peak_mb(service))
        finally:
            service.stop()
    return {
        "ms_per_object": round(large, 3),
        "ms_per_object_100k_over_10k": round(large / small, 3),
        "peak_mb": round(peak, 1),
        "restart_s": round(seconds, 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smallest", action="store_true", help="as little as runs all of it, on SQLite only")
    parser.add_argument("--objects", type=int, nargs=2, default=(10_000, 100_000), help="of the two jobs")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args()
    few, many = (50, 100) if options.smallest else options.objects
    with postgresql() if options.database == "postgresql" else nullcontext() as server:
        used = ["--database-url", server.create("team")] if server else []
        figures = measure(used, few, many)
    print(
        f"{options.database}, {many:,} texts, one instant worker each: {figures['ms_per_object']:.2f} ms CPU an object "
        f"(limit {2 if used else 1.5}), {figures['ms_per_object_100k_over_10k']:.2f} times that of {few:,} (limit "
        f"1.15), {figures['peak_mb']:.0f} MB (limit 350), back after {figures['restart_s']:.1f} s (limit 3)"
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
