"""Tags of labeling jobs and workteams."""

from __future__ import annotations

from labeling_provider.service.database import tag_rows, workteam_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.job_rows import insert_job


def test_tags_are_added_replaced_and_taken_away(connection: Connection) -> None:
    tag_rows.put_tags(connection, "a", {"k": "1", "b": "2"})
    tag_rows.put_tags(connection, "a", {"k": "3"})
    tag_rows.put_tags(connection, "a", {})
    tag_rows.put_tags(connection, "other", {"k": "4"})
    assert list(tag_rows.read_tags(connection, "a").items()) == [("b", "2"), ("k", "3")]
    tag_rows.delete_tags(connection, "a", ["k", "none"])
    assert tag_rows.read_tags(connection, "a") == {"b": "2"}
    tag_rows.delete_all_tags(connection, "a")
    assert tag_rows.read_tags(connection, "a") == {}
    assert tag_rows.read_tags(connection, "other") == {"k": "4"}


def test_jobs_and_workteams_have_tags_and_nothing_else_has(connection: Connection) -> None:
    insert_job(connection, name="Cats", arn="job/Cats", reference_code="r", workteam_arn="w", request={})
    workteam_rows.insert(connection, name="herons", arn="team", description="", members=[], settings={})
    assert tag_rows.is_taggable(connection, "job/Cats")
    assert tag_rows.is_taggable(connection, "team")
    assert not tag_rows.is_taggable(connection, "job/cats")
