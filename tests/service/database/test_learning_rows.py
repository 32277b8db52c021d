"""What automated labeling keeps, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from labeling_provider.service.database import learning_rows, object_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.job_rows import TrainingRow, insert_job
from labeling_provider.service.database.learning_rows import Leaving
from labeling_provider.service.database.object_rows import WaitingObject
from labeling_provider.service.database.schema import objects
from labeling_provider.service.database.states import LearningRole, ObjectState


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def fill(database: Database, states: str) -> int:
    """Make a job with an object in each of some states, by first letter; its id."""
    by_letter = {state.value[0]: state for state in ObjectState}
    with database.write() as connection:
        job_id = insert_job(connection, name="Cats", arn="a", reference_code="r", workteam_arn="w", request={})
        rows = [
            {"job_id": job_id, "object_id": number, "state": by_letter[letter], "line": f'"{number}"', "result": "{}"}
            for number, letter in enumerate(states)
        ]
        connection.execute(sa.insert(objects), rows)
        learning_rows.take_in(connection, job_id, range(len(states)))
    return job_id


def test_where_objects_are_that_went_to_people(database: Database) -> None:
    job_id = fill(database, "wlllfo")
    train, validate = LearningRole.TRAIN, LearningRole.VALIDATE
    with database.write() as connection:
        learning_rows.send(connection, job_id, [1, 4], train)
        learning_rows.send(connection, job_id, [2, 3, 5], validate)
    with database.read() as connection:
        assert learning_rows.count_sent(connection, job_id) == {
            (train, ObjectState.LABELED): 1,
            (train, ObjectState.FAILED): 1,
            (validate, ObjectState.LABELED): 2,
            (validate, ObjectState.OUT): 1,
        }
        assert object_rows.waiting(connection, job_id) == [WaitingObject(0, '"0"')]
        material = learning_rows.material(connection, job_id)
    assert [(row.object_id, row.state.value, row.role) for row in material] == [
        *((0, "waiting", None), (1, "labeled", train), (2, "labeled", validate), (3, "labeled", validate))
    ]


def test_a_training_counts_with_all_that_came_of_it(database: Database) -> None:
    job_id = fill(database, "wwwwll")
    with database.write() as connection:
        learning_rows.send(connection, job_id, [4, 5], LearningRole.VALIDATE)
    training = TrainingRow(1, 9, 0.75, None, 1, "arn")
    with database.write() as connection:
        leaving = [Leaving(4, 0.5, 1.0), Leaving(5, 0.25, None)]
        learning_rows.record_training(connection, job_id, training, {1: '{"x": 1}'}, {0: 0.9, 2: 0.1}, leaving)
    with database.read() as connection:
        assert learning_rows.trainings_of(connection, job_id) == [training]
        # The one that no model has seen comes first, then those of which it was least sure.
        assert [row.object_id for row in learning_rows.least_certain(connection, job_id, 2)] == [3, 2]
        material = {row.object_id: row for row in learning_rows.material(connection, job_id)}
        machine = connection.execute(sa.select(objects.c.result).where(objects.c.state == ObjectState.MACHINE))
        assert machine.scalars().all() == ['{"x": 1}']
    assert set(material) == {0, 2, 3, 4, 5}
    assert [(material[4].left, material[4].score, material[4].agreement)] == [(1, 0.5, 1.0)]
    assert [(material[5].left, material[5].score, material[5].agreement)] == [(1, 0.25, None)]
