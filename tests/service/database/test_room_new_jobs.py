"""What statements on a new job cost PostgreSQL, whose statistics know only the large jobs from before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from dev.stack import wait_until
from labeling_provider.service.database import arrival_rows, learning_rows, object_rows, task_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.migrations import config
from labeling_provider.service.database.schema import metadata
from labeling_provider.service.database.states import LearningRole, ObjectState
from tests.service.database.rows import job

FIFTY = dict.fromkeys(range(50), "{}")
OLD, NEW = 10_000, 1_000
OBJECTS = "INSERT INTO objects (job_id, object_id, state, line) SELECT :job, n, :state, '{}' FROM numbers"
ANSWERED = (
    "INSERT INTO tasks (job_id, object_id, state, tries, worker_id, expires, accepted, due, answer) "
    "SELECT :job, n, 'submitted', 0, 'w' || n % 50, 9, 1, 1, '{}' FROM numbers"
)
ARRIVALS = (
    "INSERT INTO arrivals (job_id, object_id, digest, published) SELECT :job, n, 'd' || n, :published FROM numbers"
)
LEARNING = "INSERT INTO learning (job_id, object_id, role) SELECT :job, n, 'pool' FROM numbers"


def fill(connection: Connection, count: int, statement: str, **values: Any) -> None:
    numbers = f"WITH numbers AS (SELECT generate_series(0, {count - 1}) AS n) "
    connection.execute(sa.text(numbers + statement), values)


@pytest.fixture(scope="module")
def beside_a_large_job(postgres: Any) -> Iterator[tuple[Database, int]]:
    """A database with a labeled job, which PostgreSQL has analyzed, and a new one; and the number of that."""
    database = Database(postgres.create("new_jobs"))
    with database.write() as connection:
        old = job(connection, "old")
        fill(connection, OLD, OBJECTS, job=old, state="labeled")
        fill(connection, OLD, ANSWERED, job=old)
        fill(connection, OLD, ARRIVALS, job=old, published=True)
        fill(connection, OLD, LEARNING, job=old)
        connection.execute(sa.text("ANALYZE"))
        new = job(connection, "new")
        fill(connection, NEW, OBJECTS, job=new, state="out")
        fill(connection, NEW, ARRIVALS, job=new, published=False)
        fill(connection, NEW, LEARNING, job=new)
        task_rows.offer(connection, new, range(NEW), 1, 9.0)
    yield database, new
    database.close()


def rows_read(connection: Connection, act: Callable[[], Any]) -> int:
    """How many rows PostgreSQL looks at."""
    query = sa.text("SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables")
    before = connection.execute(query).scalar_one()
    act()
    return int(connection.execute(query).scalar_one() - before)


def by_job(table: sa.Table) -> int:
    """How many indexes of a table begin with the job."""
    unique = [key for key in table.constraints if isinstance(key, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
    return sum(
        next(iter(columns), None) is table.c.job_id
        for columns in (*(key.columns for key in unique), *(index.columns for index in table.indexes))
    )


def label(connection: Connection, job_id: int, times: int) -> None:
    for _ in range(times):
        task = task_rows.accept_next(connection, job_id, "me", 1, 9)
        assert task is not None
        task_rows.submit(connection, [{"task": task.id, "worker": "me", "at": 2, "answer": "{}", "spent": None}])


@pytest.mark.parametrize(
    ("act", "max_rows"),
    [
        (lambda connection, job_id: label(connection, job_id, 50), 50 * 50),
        (lambda connection, job_id: task_rows.count_open(connection, job_id, "w", 1), NEW * 2),
        (lambda connection, job_id: task_rows.open_with_lines(connection, job_id, 1, NEW, 100), NEW * 4),
        (task_rows.with_workers, NEW * 4),
        (object_rows.finished, NEW * 4),
        (lambda connection, job_id: object_rows.decide(connection, job_id, ObjectState.LABELED, FIFTY), 50 * 20),
        (lambda connection, job_id: arrival_rows.mark_published(connection, job_id, FIFTY), 50 * 4),
        (lambda connection, job_id: learning_rows.send(connection, job_id, FIFTY, LearningRole.VALIDATE), 50 * 4),
    ],
)
def test_it_is_in_proportion_to_its_results(
    beside_a_large_job: tuple[Database, int], act: Callable[[Connection, int], Any], max_rows: int
) -> None:
    database, job_id = beside_a_large_job
    with database.write() as connection:
        assert 0 < rows_read(connection, lambda: act(connection, job_id)) < max_rows
        connection.rollback()


def test_no_table_with_a_choice_of_indexes_by_job_has_statistics_of_it(
    beside_a_large_job: tuple[Database, int],
) -> None:
    tables = {table.name for table in metadata.sorted_tables if "job_id" in table.c and by_job(table) > 1}
    query = sa.text("SELECT tablename FROM pg_stats WHERE attname = 'job_id'")
    never = sa.text("SELECT attrelid::regclass::text FROM pg_attribute WHERE attname = 'job_id' AND attstattarget = 0")
    with beside_a_large_job[0].read() as connection:
        assert tables & set(connection.execute(query).scalars()) == set()
        assert tables == set(connection.execute(never).scalars())


def of_0014(url: str) -> sa.Engine:
    """A database of the version before."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        configuration = config()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0014")
    return engine


def test_the_statistics_of_an_older_version_go(postgresql_url: str) -> None:
    engine = of_0014(postgresql_url)
    with engine.begin() as connection:
        fill(connection, OLD, OBJECTS, job=1, state="labeled")
        connection.execute(sa.text("ANALYZE"))
    known = sa.text("SELECT attname FROM pg_stats WHERE tablename = 'objects'")
    with engine.connect() as connection:
        assert {"job_id", "object_id"} <= set(connection.execute(known).scalars())
    Database(postgresql_url).close()
    with engine.begin() as connection:
        connection.execute(sa.text("ANALYZE"))
        assert {"job_id", "object_id"} & set(connection.execute(known).scalars()) == {"object_id"}
    engine.dispose()


def test_an_upgrade_lets_those_go_on_who_use_one_table_after_the_other(postgresql_url: str) -> None:
    engine = of_0014(postgresql_url)
    waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with ThreadPoolExecutor(1) as threads, engine.connect() as watching:
        with engine.begin() as at_work:
            at_work.execute(sa.text("UPDATE tasks SET tries = 0"))
            upgrade = threads.submit(lambda: Database(postgresql_url).close())
            wait_until(lambda: watching.execute(waits).scalar_one(), 30, "the upgrade waits for the tasks", 0.02)
            # Both would wait for each other for ever.
            assert at_work.execute(sa.text("SELECT count(*) FROM objects")).scalar_one() == 0
            assert not upgrade.done()
        upgrade.result(60)
    engine.dispose()
