"""A database for stages of jobs that are tested alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labeling_provider.service.database.database import Database


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database on SQLite, opened once, in which each test makes jobs of its own."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('common') / 'labeling.sqlite'}")
    yield database
    database.close()
