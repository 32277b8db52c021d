"""What the columns of states take, and which ids are never given again."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.schema import metadata, objects


def test_a_column_of_states_takes_no_other_text_and_gives_none(opened: Database) -> None:
    row = {"job_id": 1, "object_id": 1, "line": "{}"}
    reason = "'ouch' is not a valid ObjectState"
    with pytest.raises(sa.exc.StatementError, match=reason), opened.write() as connection:
        connection.execute(sa.insert(objects), [{**row, "state": "ouch"}])
    with pytest.raises(ValueError, match=reason), opened.write() as connection:
        connection.execute(sa.text("INSERT INTO objects (job_id, object_id, line, state) VALUES (1, 1, '{}', 'ouch')"))
        connection.execute(sa.select(objects.c.state)).scalar_one()


def never_again(connection: Connection) -> set[str]:
    """The tables whose ids are never reused; SQLAlchemy's comparison of tables does not look at this."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"
    return set(connection.execute(sa.text(query)).scalars())


def test_the_tables_that_reuse_no_id_are_those_that_migrations_make_so(database: Database) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as own, database.read() as migrated:
        metadata.create_all(own)
        assert never_again(own) == never_again(migrated) != set()
    engine.dispose()
