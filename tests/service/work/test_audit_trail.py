"""The audit trail is bounded, whoever writes to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labeling_provider.service.database import audit_rows
from labeling_provider.service.database.audit_rows import AuditRow
from labeling_provider.service.database.database import Database, now
from labeling_provider.service.work.audit_trail import MAX_REFUSALS, AuditTrail


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'labeling.sqlite'}")
    yield database
    database.close()


def test_what_is_older_is_forgotten(database: Database) -> None:
    with database.write() as connection:
        for days in (40, 20):
            row = AuditRow(now() - days * 86_400, "Ann", "requester", "::1", f"{days} days ago", "", "ok")
            audit_rows.insert(connection, row)
    trail = AuditTrail(database, days=30)
    trail.record("Ann", "requester", "::1", "now")
    assert [row["what"] for row in trail.latest(10, None, 0.0)] == ["now", "20 days ago"]
    assert [row["what"] for row in trail.latest(10, "Ann", now() - 60)] == ["now"]
    assert trail.latest(10, "Ben", 0.0) == []


def test_refusals_can_t_fill_the_database(database: Database) -> None:
    trail = AuditTrail(database)
    for number in range(2 * MAX_REFUSALS):
        for _ in range(2):
            trail.record(f"LABK{number}", "nobody", "::1", "request", outcome="InvalidClientTokenId")
    trail.record("Ann", "requester", "::1", "CreateLabelingJob", "job")
    entries = trail.latest(1_000, None, 0.0)
    assert len(entries) == MAX_REFUSALS + 1
    assert entries[0]["target"] == "job"


def test_texts_of_strangers_are_cut_and_plain(database: Database) -> None:
    trail = AuditTrail(database)
    trail.record("x" * 5_000, "nobody", "::1", "a\0b\x1b[31m\u202e", outcome="no")
    row = trail.latest(1, None, 0.0)[0]
    assert (len(row["who"]), row["what"]) == (255, "a?b?[31m?")
