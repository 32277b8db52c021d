"""How fast the page with all labeling jobs is when Airflow has made 100,000, and how much memory it takes: answers of
the server on SQLite and on PostgreSQL, and the first paint.

``python -m benchmarks.ui`` fills the databases of two Airflows of its own; the last line is JSON: medians in seconds,
and by how many MB the API server has grown at most. ``--smallest`` only shows that it works, on SQLite. PostgreSQL is
left out where its programs (Debian's ``postgresql``) or its drivers are missing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from dev.browser import browser_page
from dev.postgresql import postgresql, programs
from dev.stack import ROOT, Airflow, GuardedApi, StackError, descendants, wait_until

DAGS = 20
NOWHERE = {"conn_type": "aws", "login": "x", "password": "x", "extra": {"endpoint_url": "http://127.0.0.1:9"}}
_AT_ONCE = 5_000


class Size(NamedTuple):
    """How much is measured.

    :param rounds: answers for each figure.
    :param paints: times that a browser shows the page.
    """

    jobs: int = 100_000
    rounds: int = 15
    paints: int = 5


SMALLEST = Size(200, 2, 1)


def xcoms_of(number: int, jobs: int, now: float) -> dict[str, Any]:
    """The XComs of a task that has made a job; one of ten still runs."""
    name, done = f"job-{number:06}", number % 1000
    job = {
        "job_name": name,
        "status": "InProgress",
        "created": now - 60 * (jobs - number),
        "task_type": "bounding-box",
        "workteam_arn": f"arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/team-{number % 7}",
        "workers_per_object": 3,
        "label_attribute_name": "label",
        "output_uri": f"s3://bucket/{name}",
        "estimated_cost_usd": 80.0,
        "streaming": False,
        "round": 1,
        "aws_conn_id": "aws_default",
        "region_name": "us-east-1",
        "verify": None,
    }
    counters = {
        "job_name": name,
        "status": "Completed" if number % 10 else "InProgress",
        "total": 1000,
        "labeled": done,
        "human_labeled": done,
        "machine_labeled": 0,
        "failed": 0,
        "unlabeled": 1000 - done,
    }
    links = {f"_link_{kind}": f"https://console/{name}/{kind}" for kind in ("LabelingJobLink", "LabelingLogsLink")}
    return {"labeling_job": job, "labeling_progress": counters, "return_value": {**job, **counters}, **links}


def fill(jobs: int) -> None:
    """Write DAGs, runs and XComs into the database that Airflow's settings name."""
    from airflow import settings
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.dagrun import DagRun
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import insert, text

    with create_session() as session:
        session.add(DagBundleModel(name="bundle"))
        session.flush()
        session.add_all(DagModel(dag_id=f"dag_{number}", bundle_name="bundle") for number in range(DAGS))
    now, on_sqlite = time.time(), settings.engine.dialect.name == "sqlite"
    with settings.engine.connect() as connection:
        # Nobody asks for the task instances that such rows belong to.
        connection.execute(text("PRAGMA foreign_keys=OFF" if on_sqlite else "SET session_replication_role = replica"))
        connection.commit()
        for first in range(0, jobs, _AT_ONCE):
            runs, xcoms = [], []
            for number in range(first, min(first + _AT_ONCE, jobs)):
                place = {"dag_id": f"dag_{number % DAGS}", "run_id": f"manual__{number}"}
                run = {"run_type": "manual", "state": "success", "run_after": datetime.now(UTC)}
                runs.append({"id": number + 1, **run, **place})
                row = {"dag_run_id": number + 1, "task_id": "label", "map_index": -1, **place}
                xcoms += [{**row, "key": key, "value": value} for key, value in xcoms_of(number, jobs, now).items()]
            connection.execute(insert(DagRun.__table__), runs)
            connection.execute(insert(XComModel.__table__), xcoms)
            connection.commit()
    if not on_sqlite:
        # What PostgreSQL's autovacuum does in its time.
        with settings.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


@contextmanager
def airflow_on(address: str | None, jobs: int) -> Iterator[GuardedApi]:
    """The API server of an Airflow with many jobs.

    :param address: of its database; SQLite in its own folder if it is None.
    """
    with tempfile.TemporaryDirectory(prefix="labeling-bench-") as name:
        folder = Path(name)
        settings = {} if address is None else {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address}
        airflow = Airflow(folder, folder / "dags", json.dumps(NOWHERE), settings, parts=())
        try:
            filling = [sys.executable, "-m", "benchmarks.ui", "--fill", str(jobs)]
            subprocess.run(filling, env=airflow.env, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            yield GuardedApi(airflow, {"admin": "admin"})
        finally:
            airflow.stop()


def has_postgresql() -> bool:
    """Whether PostgreSQL's programs are here, and what Airflow needs to talk to it."""
    try:
        programs()
    except StackError:
        return False
    return all(importlib.util.find_spec(name) for name in ("psycopg2", "asyncpg"))


def seconds(url: str, token: str, expected: str = "<tr>") -> float:
    """How long an answer takes."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        body = answer.read().decode()
    assert expected in body, body
    return time.perf_counter() - began


def first_paint(url: str, token: str) -> float:
    """When a browser shows something, seconds after it was asked for the page."""
    with browser_page() as page:
        page.set_extra_http_headers({"Authorization": f"Bearer {token}"})
        page.goto(url)
        script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        moment: Any = wait_until(lambda: page.evaluate(script), 30, "the page is painted", 0.05)
    return float(moment) / 1000


def megabytes(parent: int, field: str) -> float:
    """Memory of a process and of those that it has started: ``VmRSS`` now, ``VmHWM`` at most."""
    total = 0
    for process in (parent, *descendants(parent)):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
    return total / 1024


def measured(api: GuardedApi, size: Size) -> dict[str, float]:
    """Figures of one server."""
    token, url, server = api.token("admin"), f"{api.url}/labeling/", api.pid
    middle, rare = size.jobs // 2, f"job-{size.jobs * 9 // 10:06}"
    # The application is there, and no job was asked for.
    seconds(f"{url}static/labeling.js", token, "use strict")
    before = megabytes(server, "VmRSS")
    figures = {"first_answer": seconds(url, token)}
    asked: dict[str, dict[str, Any]] = {
        "answer": {},
        "part": {"part": "true"},
        "further_page": {"after_run": middle, "after_task": "label", "after_index": -1},
        "by_dag": {"dag_id": f"dag_{DAGS - 1}"},
        "by_status": {"status": "InProgress"},
        "by_team": {"workteam": "private-crowd/team-3"},
        # A tenth of all is newer.
        "by_name": {"text": rare},
    }
    for name, query in asked.items():
        address = f"{url}?{urlencode(query)}"
        figures[name] = statistics.median(seconds(address, token) for _ in range(size.rounds))
    task = urlencode({"dag_id": "dag_1", "run_id": "manual__1", "task_id": "label"})
    figures["job"] = statistics.median(seconds(f"{url}job?{task}", token, "job-000001") for _ in range(size.rounds))
    figures["grown_mb"] = megabytes(server, "VmHWM") - before
    figures["first_paint"] = statistics.median(first_paint(url, token) for _ in range(size.paints))
    return figures


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smallest", action="store_true", help="only show that it works")
    parser.add_argument("--fill", type=int, metavar="JOBS", help="only write jobs into the database of this Airflow")
    options = parser.parse_args()
    if options.fill is not None:
        fill(options.fill)
        return
    size = SMALLEST if options.smallest else Size()
    figures: dict[str, dict[str, float]] = {}
    with airflow_on(None, size.jobs) as api:
        figures["sqlite"] = measured(api, size)
    if options.smallest or not has_postgresql():
        why = "" if options.smallest else ": its programs, psycopg2 or asyncpg are missing"
        print(f"PostgreSQL is left out{why}.")
    else:
        with postgresql() as server, airflow_on(server.url(driver="psycopg2"), size.jobs) as api:
            figures["postgresql"] = measured(api, size)
    for database, values in figures.items():
        told_of = ", ".join(f"{name} {value:.2f}" for name, value in values.items())
        print(f"{size.jobs:,} jobs on {database}: {told_of}")
    rounded = {name: {key: round(value, 3) for key, value in values.items()} for name, values in figures.items()}
    print(json.dumps({"jobs": size.jobs, **rounded}))


if __name__ == "__main__":
    main()
