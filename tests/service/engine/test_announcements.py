"""The end of every job is told at least once, by the process that has the event rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.cloud.embedded.moto_messaging import EmbeddedMessaging
from labeling_provider.service.database import announcements
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.schema import jobs
from labeling_provider.service.engine.announcements import Announcements
from tests.service.in_process import ACCOUNT, REGION


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A database with two jobs that have just ended."""
    one = Database(url)
    made = {"reference_code": "r", "workteam_arn": "w", "created": 1.0, "request": "{}"}
    with one.write() as connection:
        for number, status in ((1, JobStatus.STOPPED), (2, JobStatus.COMPLETED)):
            name = f"job-{number}"
            row = {**made, "id": number, "name": name, "name_key": name, "arn": name, "modified": 9.0 - number}
            connection.execute(sa.insert(jobs).values(status=status, **row))
            announcements.add(connection, number)
    yield one
    one.close()


def test_whoever_is_killed_before_it_was_told_tells_it_after(database: Database) -> None:
    told: list[tuple[str, str]] = []

    def announce(arn: str, status: str, /) -> None:
        told.append((arn, status))
        if len(told) == 2:
            raise Killed

    tell = Announcements(database, EmbeddedMessaging(database, ACCOUNT, REGION), announce).tell
    with pytest.raises(Killed):
        tell()
    tell()
    tell()
    assert told == [("job-2", "Completed"), ("job-1", "Stopped"), ("job-1", "Stopped")]


def test_who_does_not_have_the_rules_leaves_it_to_who_has(database: Database) -> None:
    told: list[str] = []
    messaging = EmbeddedMessaging(database, ACCOUNT, REGION)
    messaging.is_here = lambda: False  # type: ignore[method-assign]
    Announcements(database, messaging, lambda arn, _: told.append(arn)).tell()
    assert told == []
    with database.read() as connection:
        assert [one.id for one in announcements.pending(connection)] == [2, 1]
