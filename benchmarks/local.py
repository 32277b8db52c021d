"""``make bench-local``: how fast and how large the local service is.

10,000 text objects with one instant worker each, from create to Completed, with the peak memory of the service; then
every page of ListLabelingJobs over 10,000 jobs, in each order. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dev.processes import peak_mb
from dev.replicas import Balanced
from dev.stack import Service, wait_until
from labeling_provider.client.list_pages import pages
from labeling_provider.request import LabelingJobSpec, PrivateWorkteam
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.schema import jobs

OBJECTS = 10_000
JOBS = 10_000
LABELS = ["bill", "letter", "advertisement", "report"]


def request_for_texts(
    service: Service | Balanced, name: str, objects: int, team: str = "private-simulated"
) -> dict[str, Any]:
    """The request for a job of so many texts, whose files are in a bucket of its name."""
    s3 = service.client("s3")
    lines = (
        json.dumps({"source": f"document number {number}", "truth": LABELS[number % len(LABELS)]}) + "\n"
        for number in range(objects)
    )
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="in.manifest", Body="".join(lines).encode())
    draft = LabelingJobSpec(
        task_type="text-classification",
        manifest_uri=f"s3://{name}/in.manifest",
        output_uri=f"s3://{name}/out",
        labels=LABELS,
        workforce=PrivateWorkteam(service.ready["workteams"][team]),
        role_arn=service.ready["role_arn"],
        title="What is it?",
        instructions="Choose one.",
        workers_per_object=1,
    ).draft(name, "us-east-1")
    for uri, text in draft.files.items():
        s3.put_object(Bucket=name, Key=uri.removeprefix(f"s3://{name}/"), Body=text.encode())
    return draft.request


def label_texts(service: Service) -> float:
    """Seconds from create to Completed for all objects."""
    sagemaker = service.client("sagemaker")
    request = request_for_texts(service, "bench", OBJECTS)
    started = time.perf_counter()
    sagemaker.create_labeling_job(**request)

    def ended() -> dict[str, Any] | None:
        job = sagemaker.describe_labeling_job(LabelingJobName="bench")
        return job if job["LabelingJobStatus"] not in {"Initializing", "InProgress"} else None

    job = wait_until(ended, 300, "the job ends", 0.1)
    seconds = time.perf_counter() - started
    assert job["LabelingJobStatus"] == "Completed", job
    assert job["LabelCounters"]["TotalLabeled"] == OBJECTS
    return seconds


def add_jobs(folder: Path) -> None:
    """Fill the database with ended jobs like the one that ran."""
    store = Database(f"sqlite:///{folder / 'data' / 'labeling.sqlite'}")
    with store.write() as connection:
        row = dict(connection.execute(sa.select(jobs)).one()._mapping)
        del row["id"]
        for number in range(JOBS - 1):
            name = f"{(number * 7919) % JOBS:05}-job"
            arn = row["arn"].replace("/bench", f"/{name}")
            own = {"name": name, "name_key": name, "arn": arn, "created": row["created"] + number / 1000}
            connection.execute(sa.insert(jobs).values({**row, **own}))
    store.close()


def list_pages(service: Service) -> list[float]:
    """Milliseconds of every page of 100 jobs, in each order."""
    sagemaker, taken = service.client("sagemaker"), list[float]()

    def ask(**request: Any) -> dict[str, Any]:
        started = time.perf_counter()
        page: dict[str, Any] = sagemaker.list_labeling_jobs(**request)
        taken.append((time.perf_counter() - started) * 1000)
        return page

    for column in ("CreationTime", "Name", "Status"):
        for order in ("Ascending", "Descending"):
            listed = pages(ask, SortBy=column, SortOrder=order, MaxResults=100)
            seen = sum(len(page["LabelingJobSummaryList"]) for page in listed)
            assert seen == JOBS, seen
    return taken


def main() -> None:
    """Measure and print."""
    global OBJECTS, JOBS
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--smallest", action="store_true", help="as little as runs all of it")
    if options.parse_args().smallest:
        OBJECTS, JOBS = 50, 150
    with tempfile.TemporaryDirectory(prefix="labeling-bench-") as name:
        folder = Path(name)
        service = Service(folder)
        try:
            seconds, peak = label_texts(service), peak_mb(service.group.process.pid)
        finally:
            service.stop()
        add_jobs(folder)
        service = Service(folder)
        try:
            pages = list_pages(service)
        finally:
            service.stop()
    median, slowest = statistics.median(pages), max(pages)
    print(f"{OBJECTS:,} text objects, one instant worker each: {seconds:.1f} s (limit 30), {peak:.0f} MB (limit 600)")
    print(
        f"{len(pages)} pages of 100 out of {JOBS:,} jobs: median {median:.1f} ms (limit 50), slowest {slowest:.1f} ms"
    )
    result = {"objects": OBJECTS, "seconds": round(seconds, 2), "peak_mb": round(peak, 1)}
    print(json.dumps({**result, "list_page_ms": round(median, 2)}))


if __name__ == "__main__":
    main()
