"""Who did what is kept, and refusals only so far."""

from __future__ import annotations

from dataclasses import replace

from labeling_provider.service.database import audit_rows
from labeling_provider.service.database.audit_rows import AuditRow
from labeling_provider.service.database.database import Connection

ROW = AuditRow(100.0, "Ann", "requester", "::1", "CreateLabelingJob", "cats", "ok")
REFUSED = replace(ROW, who="LABK1", role="nobody", outcome="AccessDenied")


def test_the_latest_come_first_and_texts_are_cut(connection: Connection) -> None:
    for at, who in ((100.0, "Ann"), (101.0, "Ben"), (102.0, "Ann")):
        audit_rows.insert(connection, replace(ROW, at=at, who=who))
    audit_rows.insert(connection, replace(ROW, at=103.0, target="x" * 9_000))
    assert [row.at for row in audit_rows.latest(connection, 2, None, 0.0)] == [103.0, 102.0]
    assert [row.at for row in audit_rows.latest(connection, 9, "Ann", 101.0)] == [103.0, 102.0]
    assert 0 < len(audit_rows.latest(connection, 1, None, 0.0)[0].target) < 9_000
    assert audit_rows.forget(connection, 102.0) == 2
    assert [row.at for row in audit_rows.latest(connection, 9, None, 0.0)] == [103.0, 102.0]


def test_a_refusal_is_added_unless_its_like_or_many_others_are_there(connection: Connection) -> None:
    def add(row: AuditRow, since: float = 90.0) -> bool:
        return audit_rows.insert_refusal(connection, row, since, 3)

    audit_rows.insert(connection, ROW)
    assert add(REFUSED)
    assert not add(replace(REFUSED, at=105.0, target="dogs")), "what it was done to makes no difference"
    assert add(replace(REFUSED, who="LABK2"))
    assert add(replace(REFUSED, outcome="ExpiredToken"))
    assert not add(replace(REFUSED, who="LABK3")), "there are three"
    assert add(replace(REFUSED, at=200.0), since=150.0)
