"""A machine whose clock differs from the database's says so."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from dev.stack import wait_until
from labeling_provider.service.clock import Clock
from labeling_provider.service.clock_watch import ClockWatch
from labeling_provider.service.database.database import Database
from labeling_provider.service.measures import REGISTRY


class Wrong(Clock):
    """A clock that differs, and that stands still for a moment.

    :param ahead: by how many seconds, one reading after the other; the last one stays.
    """

    def __init__(self, *ahead: float) -> None:
        super().__init__()
        self.ahead = list(ahead)

    def now(self) -> float:
        return time.time() + (self.ahead.pop(0) if len(self.ahead) > 1 else self.ahead[0])


def measured() -> float | None:
    return REGISTRY.get_sample_value("labeling_clock_difference_seconds")


@pytest.fixture
def shared(postgresql_url: str) -> Iterator[Database]:
    database = Database(postgresql_url, shared=True)
    yield database
    database.close()


def test_a_clock_that_differs_is_measured_and_warned_of(shared: Database, caplog: pytest.LogCaptureFixture) -> None:
    for ahead, words in ((5.0, "ahead of"), (-5.0, "behind")):
        caplog.clear()
        # However slow this machine is, an answer takes less than 4 s.
        assert 1 < ClockWatch(shared, Wrong(ahead)).look() / (ahead / 5) <= 5
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert f"s {words} the database's" in record.message
        assert 1 < (measured() or 0) / (ahead / 5) <= 5


def test_a_clock_that_is_right_is_nothing_to_warn_of_even_if_the_database_answers_late(
    shared: Database, caplog: pytest.LogCaptureFixture
) -> None:
    ClockWatch(shared, Wrong(5)).look()
    caplog.clear()
    assert ClockWatch(shared, Wrong(0.0)).look() == 0.0
    assert measured() == 0.0
    # It was asked 3 s ago, and has answered just now; or long ago, and the answer came just now.
    assert ClockWatch(shared, Wrong(-3.0, 0.0)).look() == 0.0
    assert ClockWatch(shared, Wrong(0.0, 3.0)).look() == 0.0
    assert caplog.records == []


def test_clocks_are_compared_at_the_start_by_whoever_shares_the_database(
    shared: Database, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    ClockWatch(shared, Wrong(0.0)).look()
    alone = ClockWatch(database, Wrong(50.0))
    alone.start()
    watch = ClockWatch(shared, Wrong(5.0))
    watch.start()
    try:
        wait_until(lambda: caplog.records and (measured() or 0) > 1, 10, "the clocks are compared", 0.02)
        assert [record.levelname for record in caplog.records] == ["WARNING"], "SQLite has no clock of its own"
    finally:
        watch.stop()
        alone.stop()
