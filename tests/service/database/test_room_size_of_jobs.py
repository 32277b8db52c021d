"""What a statement costs SQLite, counted in steps of its virtual machine, in small and in large jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labeling_provider.service.database import object_rows, task_rows
from labeling_provider.service.database.database import Connection, Database
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
    few, many = (steps(connection, lambda one=one: object_rows.finished(connection, one)) for one in (small, large))
    assert few
    assert many < 16 * few


def test_a_task_is_accepted_at_the_same_cost_in_a_job_of_any_size(connection: Connection) -> None:
    small, large = offered(connection, "small", 100), offered(connection, "large", 3_000)
    few, many = (
        steps(connection, lambda ids=ids: [task_rows.accept_this(connection, one, f"w{one}", 1, 9) for one in ids])
        for ids in ([row.id for row in task_rows.open_tasks(connection, job_id, 1, 50)] for job_id in (small, large))
    )
    assert few
    assert many < 2 * few
