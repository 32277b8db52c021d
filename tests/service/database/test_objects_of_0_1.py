"""The tables of version 0.1 are read once, and gone."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from labeling_provider.service.database import objects_of_0_1
from labeling_provider.service.database.objects_of_0_1 import OldObject
from tests.service.database.rows import SCHEMA_0_1


def test_old_tables_are_read_whole_and_dropped(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'old.sqlite'}")
    with engine.begin() as connection:
        assert not objects_of_0_1.has_old_objects(connection)
        for statement in SCHEMA_0_1.split(";"):
            connection.execute(sa.text(statement))
        assert objects_of_0_1.has_old_objects(connection)
        connection.execute(sa.text("INSERT INTO buckets VALUES ('cats', 'eu-west-1')"))
        connection.execute(sa.text("INSERT INTO bucket_settings VALUES ('cats', 'acl', 'acl=', '{}', x'6162')"))
        for bucket in ("cats", "dogs"):
            row = f"('{bucket}', 'a', 1.5, 'e', NULL, '{{}}', x'6364')"
            connection.execute(sa.text(f"INSERT INTO bucket_objects VALUES {row}"))
        assert objects_of_0_1.old_buckets(connection, "us-east-1") == {"cats": "eu-west-1", "dogs": "us-east-1"}
        assert list(objects_of_0_1.old_objects(connection)) == [
            OldObject(bucket, "a", 1.5, "e", None, "{}", b"cd") for bucket in ("cats", "dogs")
        ]
        (setting,) = objects_of_0_1.old_settings(connection)
        assert (setting.name, setting.query, setting.body) == ("acl", "acl=", b"ab")
        objects_of_0_1.drop_old_objects(connection)
        assert not objects_of_0_1.has_old_objects(connection)
    engine.dispose()
