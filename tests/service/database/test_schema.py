"""What the tables take, and what they never do."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from labeling_provider.service.database import deleted_rows, people_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.schema import objects, tasks
from tests.service.database.rows import fill, job

WORKER = "private.us-east-1.0000000000000001"


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


def test_a_column_of_states_takes_no_other_text_and_gives_none(opened: Database) -> None:
    row = {"job_id": 1, "object_id": 1, "line": "{}"}
    reason = "'ouch' is not a valid ObjectState"
    with pytest.raises(sa.exc.StatementError, match=reason), opened.write() as connection:
        connection.execute(sa.insert(objects), [{**row, "state": "ouch"}])
    with pytest.raises(ValueError, match=reason), opened.write() as connection:
        connection.execute(sa.text("INSERT INTO objects (job_id, object_id, line, state) VALUES (1, 1, '{}', 'ouch')"))
        connection.execute(sa.select(objects.c.state)).scalar_one()
