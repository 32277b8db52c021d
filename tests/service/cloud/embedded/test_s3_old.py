"""A data directory of version 0.1 goes on."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from labeling_provider.service.database.migrations.versions import r0001_tables
from tests.service.database.rows import SCHEMA_0_1
from tests.service.inside import ACCOUNT, Inside, same_after_a_kill


def test_a_database_of_version_0_1_0_is_taken_over(inside: Inside, caplog: pytest.LogCaptureFixture) -> None:
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}"
    inside.stop()
    file = Path(inside.url.removeprefix("sqlite:///"))
    file.unlink()
    with closing(sqlite3.connect(file)) as database:
        database.executescript(SCHEMA_0_1)
    # Topics and queues came between 0.1.0 and the first version of the tables that has a number.
    engine = sa.create_engine(inside.url)
    r0001_tables.tables.create_all(engine)
    engine.dispose()
    with closing(sqlite3.connect(file)) as database:
        database.execute("INSERT INTO buckets VALUES ('cats', 'eu-west-1')")
        versioned = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        for name, query, body in (("versioning", "versioning=", versioned), ("acl", "acl=", b"")):
            database.execute("INSERT INTO bucket_settings VALUES ('cats', ?, ?, '{}', ?)", (name, query, body))
        # The second of these buckets was made by its host name.
        for bucket in ("cats", "dogs"):
            row = (bucket, "ä b", 1700000000.25, "e1", "STANDARD", json.dumps({"content-type": "a/b"}), b"body")
            database.execute("INSERT INTO bucket_objects VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        for name, target in (("itself", "itself"), ("widow", "gone")):
            redrive = json.dumps({"deadLetterTargetArn": f"{arn}:{target}", "maxReceiveCount": 2})
            kept = json.dumps({"VisibilityTimeout": 7, "RedrivePolicy": redrive})
            database.execute("INSERT INTO queues VALUES (?, ?, ?, '{}')", (f"{arn}:{name}", name, kept))
        fields = json.dumps({"display_name": "Old", "fifo_topic": "true"})
        database.execute(
            "INSERT INTO topics VALUES (?, ?, ?)", (f"arn:aws:sns:us-east-1:{ACCOUNT}:a.fifo", "a.fifo", fields)
        )
        database.commit()
    Path(f"{file}.lock").unlink()
    inside.start()
    messages = [
        record.message.partition(":")[0]
        for record in caplog.records
        if record.name == "labeling_provider.service.cloud.embedded.restoring"
    ]
    assert messages == ["setting acl of bucket cats could not be restored"]
    seen = same_after_a_kill(inside)
    assert [bucket["Name"] for bucket in seen["s3"]["listed"]["Buckets"]] == ["cats", "dogs"]
    assert seen["s3"]["cats"]["get_bucket_versioning"]["Status"] == "Enabled"
    assert seen["s3"]["cats"]["get_bucket_location"]["LocationConstraint"] == "eu-west-1"
    restored = seen["s3"]["dogs"]["get_object ä b None"]
    assert (restored["Body"], restored["ContentType"], restored["ETag"]) == (b"body".hex(), "a/b", '"e1"')
    assert restored["headers"]["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert [url.rpartition("/")[2] for url in seen["queues"]] == ["itself", "widow"]
    assert seen[seen["queues"][0]][0]["Attributes"]["VisibilityTimeout"] == "7"
    assert [topic.rpartition(":")[2] for topic in seen["topics"]] == ["a.fifo"]
