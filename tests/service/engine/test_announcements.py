"""The end of every job is told at least once, and by one process at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.clock import Clock
from labeling_provider.service.database import announcement_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.schema import jobs
from labeling_provider.service.engine import announcements as timing
from labeling_provider.service.engine.announcements import Announcements


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A database with two jobs that have just ended."""
    made = Database(url)
    fill(made)
    yield made
    made.close()


def fill(database: Database, *numbers: int) -> None:
    made = {"reference_code": "r", "workteam_arn": "w", "created": 1.0, "request": "{}"}
    with database.write() as connection:
        for number in numbers or (1, 2):
            status = JobStatus.COMPLETED if number % 2 == 0 else JobStatus.STOPPED
            name = f"job-{number}"
            row = {
                **made,
                "id": number,
                "name": name,
                "name_key": name,
                "arn": name,
                "modified": 9.0 - number if number < 3 else 9.0,
            }
            connection.execute(sa.insert(jobs).values(status=status, **row))
            announcement_rows.add(connection, number)


def test_whoever_is_killed_before_it_was_told_tells_it_after(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "CLAIM_SECONDS", 0.0)
    announced: list[tuple[str, str]] = []

    def announce(arn: str, status: str, /) -> None:
        announced.append((arn, status))
        if len(announced) == 2:
            raise Killed

    tell = Announcements(database, announce, Clock()).tell
    with pytest.raises(Killed):
        tell()
    tell()
    tell()
    assert announced == [("job-2", "Completed"), ("job-1", "Stopped"), ("job-1", "Stopped")]


def test_what_somebody_tells_nobody_else_tells_meanwhile(postgresql_url: str) -> None:
    first, second = (Database(postgresql_url, shared=True) for _ in range(2))
    fill(first)
    announced: list[str] = []
    other = Announcements(second, lambda arn, _: announced.append(f"the other: {arn}"), Clock())

    def announce(arn: str, _: str, /) -> None:
        announced.append(arn)
        # Another thread must be able to write: it may have what is needed to tell it.
        thread = threading.Thread(target=lambda: fill(first, 3), daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
        other.tell()

    Announcements(first, announce, Clock()).tell()
    assert announced == ["job-2", "the other: job-1", "the other: job-3"]
    first.close()
    second.close()
