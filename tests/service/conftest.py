"""Databases for the service: SQLite, and a PostgreSQL of the tests' own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.postgresql import PostgreSQL, postgresql


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """A PostgreSQL server."""
    with postgresql() as server:
        yield server


@pytest.fixture
def postgresql_url(postgres: PostgreSQL) -> str:
    """An empty database on PostgreSQL."""
    return postgres.create(f"labeling_{uuid.uuid4().hex}")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, on each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'labeling.sqlite'}"
    found: str = request.getfixturevalue("postgresql_url")
    return found
