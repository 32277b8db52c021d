"""Databases for the service: SQLite, and a PostgreSQL of the tests' own; an engine; and a provider of identities."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dev.identity_provider import IdentityProvider
from dev.postgresql import PostgreSQL, postgresql
from labeling_provider.service.database.database import Connection, Database
from tests.own_names import own_id
from tests.service.in_process import InProcess


class _Undone(Exception):
    """Ends a transaction without its changes."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """A PostgreSQL server."""
    with postgresql() as server:
        yield server


@pytest.fixture
def postgresql_url(postgres: PostgreSQL) -> str:
    """An empty database on PostgreSQL."""
    return postgres.create(f"labeling_{own_id().hex}")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, on each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'labeling.sqlite'}"
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[InProcess]:
    """An engine of the test's own, in this process."""
    made = InProcess(tmp_path)
    yield made
    made.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database on SQLite, opened."""
    database = Database(f"sqlite:///{tmp_path / 'labeling.sqlite'}")
    yield database
    database.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database that is opened once, on each kind of database."""
    url = f"sqlite:///{tmp_path_factory.mktemp('opened') / 'labeling.sqlite'}"
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgres")
        url = server.create(f"labeling_{own_id().hex}")
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def connection(opened: Database) -> Iterator[Connection]:
    """A transaction in it, which is rolled back after the test."""
    with suppress(_Undone), opened.write() as connection:
        yield connection
        raise _Undone


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    """An OpenID Connect provider."""
    provider = IdentityProvider(tmp_path_factory.mktemp("provider"))
    yield provider
    provider.stop()
