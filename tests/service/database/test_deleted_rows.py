"""What is deleted of a job or a person is gone from every table, and nothing else is."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import audit_rows, deleted_rows, people_rows, running, tag_rows
from labeling_provider.service.database.audit_rows import AuditRow
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.schema import audit_trail, jobs, metadata, owners, remarks, tasks
from labeling_provider.service.database.states import RemarkKind, TaskState
from tests.service.database.rows import job

WORKER, OTHER = "private.us-east-1.0000000000000001", "private.us-east-1.0000000000000002"


def count(connection: Connection, table: sa.Table, job_id: int) -> int:
    return int(connection.execute(sa.select(sa.func.count()).where(table.c.job_id == job_id)).scalar_one())


def fill(connection: Connection, table: sa.Table, job_id: int, rows: int) -> None:
    """Some rows of a job, whatever a table holds."""
    for number in range(rows):
        row: dict[str, Any] = {}
        for column in table.columns:
            if column.nullable or column.server_default is not None:
                continue
            if isinstance(column.type, sa.types.TypeDecorator):
                row[column.name] = next(iter(column.type.states))  # type: ignore[attr-defined]
            elif column.type.python_type is bool:
                row[column.name] = False
            elif column.type.python_type is str:
                row[column.name] = str(number)
            elif column.name != "id":
                row[column.name] = number
        connection.execute(sa.insert(table).values({**row, "job_id": job_id}))


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
    deleted_rows.delete_job(connection, gone, "arn-Cats")
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


def test_a_person_is_erased_and_nobody_else(connection: Connection) -> None:
    job_id = job(connection)
    for name, worker in (("Ann", WORKER), ("Ben", OTHER)):
        own = job(connection, f"job of {name}")
        connection.execute(sa.update(jobs).where(jobs.c.id == own).values(requester=worker))
        connection.execute(sa.insert(owners).values(arn=f"arn-job of {name}", requester=worker))
        people_rows.insert_person(connection, name=name, worker_id=worker, sub=worker)
        row = {"job_id": job_id, "object_id": 1, "state": TaskState.SUBMITTED, "expires": 1.0}
        connection.execute(sa.insert(tasks).values(worker_id=worker, **row))
        said = {"job_id": job_id, "object_id": 1, "at": 1.0, "kind": next(iter(RemarkKind)), "text": "so"}
        connection.execute(sa.insert(remarks).values(worker_id=worker, **said))
    acts = [
        (WORKER, "worker", "sign in", "Ann"),
        ("ANN", "nobody", "sign in", ""),
        ("Ann", "requester", "CreateLabelingJob", "Ann"),
        ("owner", "administrator", "workers add", "Ann team"),
        ("owner", "administrator", "workers sign-out", "ann"),
        ("owner", "administrator", "AdminDisableUser", WORKER),
        ("owner", "administrator", "workers add", "Annabel team"),
    ]
    for who, role, what, target in acts:
        audit_rows.insert(connection, AuditRow(1.0, who, role, "192.0.2.7", what, target, "ok"))
    person = people_rows.find_person(connection, "Ann")
    assert person is not None
    deleted_rows.erase_person(connection, person, "nobody-1")
    assert [person.name for person in people_rows.list_people(connection)] == ["Ben"]
    for table in (tasks, remarks):
        worker_ids = connection.execute(sa.select(table.c.worker_id).order_by(table.c.id)).scalars().all()
        assert worker_ids == ["nobody-1", OTHER]
    of_requesters = sa.select(jobs.c.requester, owners.c.requester).join(owners, owners.c.arn == jobs.c.arn)
    assert connection.execute(of_requesters.order_by(jobs.c.name)).all() == [("nobody-1",) * 2, (OTHER,) * 2]
    kept = connection.execute(sa.select(audit_trail.c.who, audit_trail.c.address, audit_trail.c.target))
    assert sorted(tuple(row) for row in kept) == sorted(
        [
            ("nobody-1", "", "(erased)"),
            ("nobody-1", "", "(erased)"),
            ("Ann", "192.0.2.7", "Ann"),
            *[("owner", "192.0.2.7", "(erased)")] * 3,
            ("owner", "192.0.2.7", "Annabel team"),
        ]
    )


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
            deleted_rows.delete_job(connection, ids[-3], "arn-Cats")
    database.close()
    assert ids[:3] == [1, 1, 1]
    assert min(ids[3:]) > 1
