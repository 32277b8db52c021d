"""What functions have made of objects is found by object and by task."""

from __future__ import annotations

import sqlalchemy as sa

from labeling_provider.service.database import task_inputs
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.schema import tasks
from tests.service.database.rows import fill, job


def test_an_input_is_found_by_its_object_and_by_a_task_of_it(connection: Connection) -> None:
    cats, dogs = job(connection, states="ww"), job(connection, "Dogs", states="w")
    task_inputs.put(connection, cats, {0: '{"first": 0}', 1: '{"first": 1}'})
    task_inputs.put(connection, cats, {1: '{"second": 1}'})
    task_inputs.put(connection, dogs, {})
    assert task_inputs.of_object(connection, cats, 0) == {"first": 0}
    assert task_inputs.of_object(connection, cats, 1) == {"second": 1}
    assert task_inputs.of_object(connection, dogs, 0) is None
    for job_id, object_id in ((cats, 1), (dogs, 0)):
        fill(connection, tasks, job_id, 1)
        connection.execute(sa.update(tasks).where(tasks.c.job_id == job_id).values(object_id=object_id))
    ids = {row.job_id: row.id for row in connection.execute(sa.select(tasks.c.job_id, tasks.c.id))}
    assert task_inputs.of_task(connection, ids[cats]) == {"second": 1}
    assert task_inputs.of_task(connection, ids[dogs]) is None
