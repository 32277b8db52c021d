"""How fast the page with all labeling jobs is when Airflow has made 10,000: answers of the server, and the first paint.

``python -m benchmarks.ui`` fills the database of an Airflow of its own; the last line is JSON, medians in seconds.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from dev.browser import browser_page
from dev.stack import BIN, GuardedApi, RestApi, wait_until

JOBS = 10_000
ROUNDS = 15


def filled(folder: Path) -> RestApi:
    """An Airflow, not running, with many jobs in its database."""
    airflow = RestApi(folder, folder / "dags", '{"conn_type": "aws"}')
    subprocess.run([str(BIN / "airflow"), "db", "migrate"], env=airflow.env, check=True, capture_output=True)
    known = (
        "from airflow.models.dag import DagModel; from airflow.models.dagbundle import DagBundleModel;"
        "from airflow.utils.session import create_session\n"
        "with create_session() as session:\n"
        "    session.add(DagBundleModel(name='bundle')); session.flush()\n"
        "    session.add_all(DagModel(dag_id=f'dag_{number}', bundle_name='bundle') for number in range(20))\n"
    )
    subprocess.run([sys.executable, "-c", known], env=airflow.env, check=True, capture_output=True)
    database = sqlite3.connect(folder / "airflow/airflow.db")
    now = time.time()
    rows = []
    for number in range(JOBS):
        name, done = f"job-{number:05}", number % 1000
        job = {
            "job_name": name,
            "status": "InProgress",
            "created": now - 60 * number,
            "workteam_arn": f"arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/team-{number % 7}",
            "workers_per_object": 3,
            "label_attribute_name": "label",
            "output_uri": f"s3://bucket/{name}",
            "estimated_cost_usd": 80.0,
            "aws_conn_id": "aws_default",
            "region_name": "us-east-1",
        }
        counters = {"job_name": name, "status": "Completed", "total": 1000, "labeled": done, "human_labeled": done}
        for key, value in (("labeling_job", job), ("labeling_progress", {**counters, "unlabeled": 1000 - done})):
            place = (number, "label", -1, key, f"dag_{number % 20}", f"manual__{number}")
            rows.append((*place, json.dumps(value), "2026-01-01 00:00:00.000000"))
    # A connection of its own does not ask for the task instances that such rows belong to.
    database.executemany(
        "INSERT INTO xcom (dag_run_id, task_id, map_index, key, dag_id, run_id, value, timestamp) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    database.commit()
    database.close()
    return airflow


def seconds(url: str, token: str) -> float:
    """How long an answer takes."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        body = answer.read().decode()
    assert f"{JOBS:,} jobs" in body
    return time.perf_counter() - began


def first_paint(url: str, token: str) -> float:
    """When a browser shows something, seconds after it was asked for the page."""
    with browser_page() as page:
        page.set_extra_http_headers({"Authorization": f"Bearer {token}"})
        page.goto(url)
        script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        found: Any = wait_until(lambda: page.evaluate(script), 30, "the page is painted", 0.05)
    return float(found) / 1000


def main() -> None:
    """Measure."""
    with tempfile.TemporaryDirectory(prefix="labeling-bench-") as name:
        api = GuardedApi(filled(Path(name)), {"admin": "admin"})
        try:
            token, url = api.token("admin"), f"{api.url}/labeling/"
            cold = seconds(url, token)
            warm = statistics.median(seconds(f"{url}?page={number}", token) for number in range(1, ROUNDS + 1))
            text = statistics.median(seconds(url, token) for _ in range(ROUNDS))
            paint = statistics.median(first_paint(url, token) for _ in range(5))
        finally:
            api.stop()
    print(f"{JOBS:,} jobs: first answer {cold:.2f} s, page {warm:.2f} s, first paint {paint:.2f} s")
    found = {"jobs": JOBS, "first_answer": cold, "answer": warm, "newest_page": text, "first_paint": paint}
    print(json.dumps({key: round(value, 3) for key, value in found.items()}))


if __name__ == "__main__":
    main()
