"""What several processes of a service share, and their clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labeling_provider.service.clock import Clock
from labeling_provider.service.database.database import Database


class SetClock(Clock):
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1_800_000_000.0

    def now(self) -> float:
        """As it was set."""
        return self.at


@pytest.fixture
def clock() -> SetClock:
    """A clock that stands still."""
    return SetClock()


@pytest.fixture
def processes(url: str) -> Iterator[list[Database]]:
    """The databases of two processes on one PostgreSQL; with SQLite there is one process, of which both are parts."""
    first = Database(url, shared=True)
    second = first if url.startswith("sqlite") else Database(url, shared=True)
    yield [first, second]
    first.close()
    second.close()
