"""What is deleted of a job is gone from every table, and nothing else is."""

from __future__ import annotations

import sqlalchemy as sa

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import deleted_rows, people_rows, running, tag_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.schema import metadata, owners, tasks
from tests.service.database.rows import fill, job

WORKER = "private.us-east-1.0000000000000001"

QUEUE = "arn:aws:sqs:us-east-1:123456789012:GroundTruth-cats"


def count(connection: Connection, table: sa.Table, job_id: int) -> int:
    return int(connection.execute(sa.select(sa.func.count()).where(table.c.job_id == job_id)).scalar_one())


def test_a_job_is_deleted_bit_by_bit_with_all_that_is_of_it(connection: Connection) -> None:
    gone, kept = job(connection), job(connection, "Dogs")
    of_jobs = [table for table in metadata.tables.values() if "job_id" in table.columns]
    for table in of_jobs:
        rows = 1 if set(table.primary_key.columns.keys()) == {"job_id"} else 5
        for job_id in (gone, kept):
            fill(connection, table, job_id, rows)
    for arn in ("arn-Cats", "arn-Dogs"):
        tag_rows.put_tags(connection, arn, {"k": "v"})
        connection.execute(sa.insert(owners).values(arn=arn, requester="Ann"))
    before = {table.name: count(connection, table, kept) for table in of_jobs}
    assert deleted_rows.delete_rows(connection, gone, 3)
    while deleted_rows.delete_rows(connection, gone, 3):
        pass
    deleted_rows.delete_job(connection, gone, "arn-Cats", QUEUE)
    assert {table.name: count(connection, table, gone) for table in of_jobs} == dict.fromkeys(before, 0)
    assert {table.name: count(connection, table, kept) for table in of_jobs} == before
    assert running.find(connection, gone) is None
    assert tag_rows.read_tags(connection, "arn-Cats") == {}
    assert tag_rows.read_tags(connection, "arn-Dogs") == {"k": "v"}
    assert connection.execute(sa.select(owners.c.arn)).scalars().all() == ["arn-Dogs"]


def test_jobs_that_ended_long_ago_come_first_and_running_ones_not_at_all(connection: Connection) -> None:
    cats, dogs = job(connection), job(connection, "Dogs")
    job(connection, "Runs")
    for job_id, at in ((dogs, 1.0), (cats, 2.0)):
        running.end(connection, job_id, JobStatus.COMPLETED, None)
        connection.execute(sa.text("UPDATE jobs SET modified = :at WHERE id = :id"), {"at": at, "id": job_id})
    assert deleted_rows.ended_before(connection, 10.0**12, 9) == ["Dogs", "Cats"]
    assert deleted_rows.ended_before(connection, 10.0**12, 1) == ["Dogs"]
    assert deleted_rows.ended_before(connection, 1.5, 9) == ["Dogs"]


def test_ids_are_never_given_twice(url: str) -> None:
    database, ids = Database(url), list[int]()
    for _ in range(2):
        with database.write() as connection:
            ids.append(job(connection))
            fill(connection, tasks, ids[-1], 1)
            ids.append(int(connection.execute(sa.select(tasks.c.id)).scalar_one()))
            people_rows.insert_person(connection, name="Ann", worker_id=WORKER, sub="s")
            person = people_rows.find_person(connection, "Ann")
            assert person is not None
            ids.append(person.id)
        with database.write() as connection:
            people_rows.delete_person(connection, person.id)
            deleted_rows.delete_rows(connection, ids[-3], 9)
            deleted_rows.delete_job(connection, ids[-3], "arn-Cats", QUEUE)
    database.close()
    assert ids[:3] == [1, 1, 1]
    assert min(ids[3:]) > 1
