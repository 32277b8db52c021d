"""The audit trail is bounded, whoever writes to it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from labeling_provider.service.database import audit_rows
from labeling_provider.service.database.audit_rows import AuditRow
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.states import Role
from labeling_provider.service.work.audit_trail import MAX_REFUSALS, AuditTrail
from tests.service.work.conftest import SetClock


def test_what_is_older_is_forgotten(database: Database, clock: SetClock) -> None:
    with database.write() as connection:
        for days in (40, 20):
            row = AuditRow(clock.at - days * 86_400, "Ann", Role.REQUESTER, "::1", f"{days} days ago", "", "ok")
            audit_rows.insert(connection, row)
    trail = AuditTrail(database, clock, days=30)
    trail.record("Ann", Role.REQUESTER, "::1", "now")
    assert [row["what"] for row in trail.latest(10, None, 0.0)] == ["now", "20 days ago"]
    assert [row["what"] for row in trail.latest(10, "Ann", clock.at - 60)] == ["now"]
    assert trail.latest(10, "Ben", 0.0) == []


def test_refusals_can_t_fill_the_database_from_any_process_nor_after_a_restart(
    processes: list[Database], clock: SetClock
) -> None:
    statements: list[str] = []
    for database in set(processes):
        sa.event.listen(database._open.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))

    def flood(trail: AuditTrail) -> None:
        for number in range(2 * MAX_REFUSALS):
            for _ in range(20):
                trail.record(f"LABK{number}", Role.NOBODY, "::1", "request", outcome="InvalidClientTokenId")

    both = [AuditTrail(database, clock) for database in processes]
    for _ in range(2):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(flood, both * 2))
        flooded = both[0].latest(1_000, None, clock.at)
        assert Counter(row["who"] for row in flooded).most_common(1)[0][1] == 1, "each kind once"
        assert len(flooded) == MAX_REFUSALS
        both[0].record("Ann", Role.REQUESTER, "::1", "CreateLabelingJob", "job")
        assert both[1].latest(1_000, None, clock.at)[0]["target"] == "job"
        flood(AuditTrail(processes[1], clock))
        assert len(both[0].latest(1_000, None, clock.at)) == MAX_REFUSALS + 1, "not after a restart either"
        clock.at += 60.0
    inserted = [statement for statement in statements if statement.startswith("INSERT")]
    # 19,200 refusals by two processes, a restarted one, and what is no refusal; in each of two minutes.
    assert len(inserted) == 2 * (3 * MAX_REFUSALS + 1)


def test_texts_of_strangers_are_cut_and_plain_and_known_like_that_after_a_restart(
    database: Database, clock: SetClock
) -> None:
    for _ in range(2):
        trail = AuditTrail(database, clock)
        trail.record("x" * 5_000, Role.NOBODY, "::1", "a\0b\x1b[31m\u202e", outcome="no")
    (row,) = trail.latest(9, None, 0.0)
    assert (len(row["who"]), row["what"]) == (255, "a?b?[31m?")
