"""A database of each kind that is opened once; what a test writes into it is gone after the test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from dev.postgresql import PostgreSQL
from labeling_provider.service.database.database import Connection, Database


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An empty database, on each kind of database."""
    url = f"sqlite:///{tmp_path_factory.mktemp('opened') / 'labeling.sqlite'}"
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgres")
        url = server.create(f"labeling_{uuid.uuid4().hex}")
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def connection(opened: Database) -> Iterator[Connection]:
    """A transaction in it, which is rolled back."""
    with opened.read() as connection:
        yield connection
