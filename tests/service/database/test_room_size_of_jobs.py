"""What a statement costs SQLite: in steps of its virtual machine, in small and in large jobs, and by its plan."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import object_rows, people_rows, queue_rows, task_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.job_rows import JobFilter, JobOrder, JobScope, jobs_of_teams, list_jobs
from labeling_provider.service.database.paging import Between, PageRequest
from labeling_provider.service.database.schema import owners
from tests.service.database.rows import job


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    database = Database(f"sqlite:///{tmp_path / 'labeling.sqlite'}")
    with database.read() as connection:
        yield connection
    database.close()


def steps(connection: Connection, act: Callable[[], Any]) -> int:
    """Steps of SQLite's virtual machine, in hundreds."""
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 1

    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(count, 100)
    act()
    driver.set_progress_handler(None, 0)
    return counted


def offered(connection: Connection, name: str, objects: int) -> int:
    job_id = job(connection, name, states="o" * objects)
    task_rows.offer(connection, job_id, range(objects), 3, 100.0)
    return job_id


def test_objects_that_are_over_are_found_in_proportion_to_those_with_workers(connection: Connection) -> None:
    small, large = offered(connection, "small", 100), offered(connection, "large", 800)
    few, many = (
        steps(connection, lambda job_id=job_id: object_rows.finished(connection, job_id)) for job_id in (small, large)
    )
    assert few
    assert many < 16 * few


def test_a_task_is_accepted_at_the_same_cost_in_a_job_of_any_size(connection: Connection) -> None:
    small, large = offered(connection, "small", 100), offered(connection, "large", 3_000)
    few, many = (
        steps(
            connection,
            lambda ids=ids: [task_rows.accept_this(connection, task_id, f"w{task_id}", 1, 9) for task_id in ids],
        )
        for ids in ([row.id for row in task_rows.open_tasks(connection, job_id, 1, 50)] for job_id in (small, large))
    )
    assert few
    assert many < 2 * few


def plan(connection: Connection, act: Callable[[], Any]) -> list[str]:
    """How SQLite does the last statement."""
    seen: list[tuple[str, Any]] = []
    sa.event.listen(connection, "before_cursor_execute", lambda *call: seen.append((call[2], call[3])))
    act()
    statement, parameters = seen[-1]
    return [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]


MINE = JobScope("Ann", frozenset(), {})
TAGGED = JobScope("Ann", frozenset(), {"project": "pets"})


def own(connection: Connection, count: int) -> None:
    """Let the requester of these scopes own so many jobs."""
    rows = [{"arn": f"arn:aws:sagemaker:::labeling-job/own-{number}", "requester": "Ann"} for number in range(count)]
    connection.execute(sa.insert(owners), rows)


@pytest.mark.parametrize(
    ("order", "which"),
    [
        *itertools.product(
            ("Name", "CreationTime", "Status"),
            (
                JobFilter(),
                JobFilter(modified=Between(after=1.0)),
                JobFilter(name_contains="a"),
                JobFilter(status=JobStatus.COMPLETED),
                JobFilter(name_contains="a", scope=MINE),
            ),
        ),
        ("CreationTime", JobFilter(workteam_arn="w", reference_code_contains="r", scope=MINE)),
    ],
)
def test_only_the_jobs_on_a_page_are_looked_at(connection: Connection, order: JobOrder, which: JobFilter) -> None:
    for number in range(5):
        job(connection, f"job-{number}")
    own(connection, 1_001)
    page, *rest = plan(connection, lambda: list_jobs(connection, which, order, PageRequest(2)))[1:]
    assert "USING COVERING INDEX" in page
    assert [step for step in rest if "TEMP B-TREE" not in step][:2] == [
        "SCAN page",
        "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)",
    ]


@pytest.mark.parametrize(("owned", "scope"), [(1_000, MINE), (1_001, TAGGED)])
def test_few_jobs_of_a_requester_or_with_a_tag_are_looked_up_one_by_one(
    connection: Connection, owned: int, scope: JobScope
) -> None:
    own(connection, owned)
    asked = lambda: list_jobs(connection, JobFilter(scope=scope), "CreationTime", PageRequest(2))  # noqa: E731
    assert "SEARCH jobs USING INDEX sqlite_autoindex_jobs_1 (name_key=?)" in plan(connection, asked)


def test_those_with_a_tag_are_found_by_the_tag(connection: Connection) -> None:
    own(connection, 1_001)
    [step] = plan(connection, lambda: TAGGED.few(connection))
    assert "tags_by_value (key=? AND value=?)" in step


def test_the_jobs_of_a_team_that_run_are_found_among_those_that_run(connection: Connection) -> None:
    assert "jobs_by_status (status=?)" in plan(connection, lambda: jobs_of_teams(connection, ["w"]))[0]


def test_what_a_person_has_done_is_found_by_the_persons_answers(connection: Connection) -> None:
    [step] = plan(connection, lambda: people_rows.work_done(connection, "me", 1.0))
    assert "answers_by_worker (worker_id=? AND due>?)" in step


def test_a_repeated_message_is_found_by_its_deduplication_id(connection: Connection) -> None:
    [step] = plan(connection, lambda: queue_rows.repeats(connection, "q", "a", 0))
    assert "messages_by_deduplication_id (queue=? AND deduplication_id=?)" in step
