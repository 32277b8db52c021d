"""States are written as text that other programs read, and read as members of their enum."""

from __future__ import annotations

import sqlalchemy as sa

from labeling_provider.service.database.database import Database
from labeling_provider.service.database.schema import objects
from labeling_provider.service.database.states import ObjectState


def test_a_state_is_text_in_the_database_and_a_member_in_python(url: str) -> None:
    database = Database(url)
    row = {"job_id": 1, "object_id": 1, "line": "{}"}
    with database.write() as connection:
        connection.execute(sa.insert(objects), [{**row, "state": ObjectState.OUT}])
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT state FROM objects")).scalar_one() == "out"
        (read,) = connection.execute(sa.select(objects.c.state)).scalars()
        assert read is ObjectState.OUT
        query = sa.select(objects.c.object_id).where(objects.c.state.in_([ObjectState.OUT, ObjectState.WAITING]))
        assert connection.execute(query).scalars().all() == [1]
    database.close()
