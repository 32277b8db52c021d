"""Tags of labeling jobs and workteams."""

from __future__ import annotations

from labeling_provider.service.database import tags
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.workteams import insert_workteam
from tests.service.database.rows import job


def test_tags_are_added_replaced_and_taken_away(connection: Connection) -> None:
    tags.put_tags(connection, "a", {"k": "1", "b": "2"})
    tags.put_tags(connection, "a", {"k": "3"})
    tags.put_tags(connection, "a", {})
    tags.put_tags(connection, "other", {"k": "4"})
    assert list(tags.read_tags(connection, "a").items()) == [("b", "2"), ("k", "3")]
    tags.delete_tags(connection, "a", ["k", "none"])
    assert tags.read_tags(connection, "a") == {"b": "2"}
    tags.delete_all_tags(connection, "a")
    assert tags.read_tags(connection, "a") == {}
    assert tags.read_tags(connection, "other") == {"k": "4"}


def test_jobs_and_workteams_have_tags_and_nothing_else_has(connection: Connection) -> None:
    job(connection)
    insert_workteam(connection, name="herons", arn="team", description="", members=[], settings={})
    assert tags.is_taggable(connection, "arn-Cats")
    assert tags.is_taggable(connection, "team")
    assert not tags.is_taggable(connection, "arn-cats")
