"""Which jobs a page finds, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from labeling_provider.ui import catalog
from labeling_provider.ui.catalog import JobPlace, find_job, find_jobs
from labeling_provider.ui.task_jobs import TaskJob, TaskKey
from tests.ui.conftest import Jobs

DAGS = ("birds", "texts")


@pytest.fixture
def many(jobs: Jobs) -> list[str]:
    """Names of forty jobs of two DAGs in the order of pages; some runs have none, some have mapped tasks."""
    names: list[tuple[int, str, int, str]] = []
    for run in range(20):
        dag = ("birds", "texts", "secret")[run % 3]
        if run % 4 == 1:
            jobs.add("x", dag=dag, key="return_value")
            continue
        last = ""
        for task, index in (("b", 2), ("b", 10), ("a", -1), ("c", -1))[: 1 + run % 4]:
            name = f"{dag}-{run}-{task}-{index + 1}"
            facts = {"job_name": name, "aws_conn_id": None, "status": ("Completed", "InProgress")[run % 2]}
            progress = {"job_name": name, "total": run}
            last = jobs.add(facts, progress, dag=dag, task=task, index=index, run=last)["run_id"]
            if dag in DAGS:
                names.append((-run, task, index, name))
        jobs.add("x", dag=dag, task="z", run=last, key="return_value")
    return [name for *_, name in sorted(names)]


def pages_of(size: int, **options: Any) -> Iterator[list[TaskJob]]:
    after: JobPlace | None = None
    for _ in range(200):
        page = find_jobs(DAGS, size, after=after, **options)
        assert len(page.jobs) <= size
        yield page.jobs
        if page.after is None:
            return
        assert page.after != after
        after = page.after
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("size", [1, 3, 50])
@pytest.mark.parametrize(
    "limits", [{}, {"MAX_SORTED_JOBS": 0}, {"MAX_SORTED_JOBS": 0, "MAX_RUNS": 3, "MAX_SEARCHED_JOBS": 2}]
)
def test_pages_follow_each_other_however_jobs_are_found(
    many: list[str], monkeypatch: pytest.MonkeyPatch, size: int, limits: dict[str, int]
) -> None:
    for name, value in {"_ROWS_AT_ONCE": (1, 2), "_RUNS_AT_ONCE": (2, 5), **limits}.items():
        monkeypatch.setattr(catalog, name, value)
    pages = list(pages_of(size))
    assert [job.name for page in pages for job in page] == many
    assert [job.name for page in pages_of(size, matches=lambda job: job.status == "InProgress") for job in page] == [
        name for name in many if int(name.split("-")[1]) % 2
    ]
    assert all(job.count("total") == int(job.name.split("-")[1]) for page in pages for job in page)


def test_jobs_are_counted_while_they_are_few(many: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_jobs(DAGS, 5).total == len(many)
    assert find_jobs(["birds"], 5).total == sum(name.startswith("birds") for name in many)
    monkeypatch.setattr(catalog, "MAX_SORTED_JOBS", 5)
    assert find_jobs(DAGS, 5).total is None


def test_a_job_is_found_by_its_task(many: list[str], jobs: Jobs) -> None:
    task = jobs.add({"job_name": "this", "aws_conn_id": "x"}, {"job_name": "earlier", "total": 7}, index=3)
    newest = find_job(TaskKey(**task))
    assert newest is not None
    assert (newest.name, newest.count("total")) == ("this", 0), "counters of an earlier job are not this one's"
    assert find_job(TaskKey(**{**task, "map_index": 4})) is None
