"""A database that is prepared, backed up and restored, as an operator does it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from dev.postgresql import PostgreSQL
from labeling_provider.service.database import upkeep
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.migrations import config
from labeling_provider.service.database.opening import DatabaseError, DatabaseInUse, Migrate
from tests.service.database.test_locks import put

ADDS = '''"""Adds a table."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{last}"
ONLY_ADDS = {adds}


def upgrade():
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE revisions SET number = {oldest} WHERE name = 'oldest code'")
'''


def head() -> str:
    return str(ScriptDirectory.from_config(config()).get_current_head())


def make_earlier(url: str, version: str) -> None:
    """Make the tables of an earlier version."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        configuration = config()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, version)
    engine.dispose()


def test_a_service_that_shares_says_what_to_do_with_tables_that_are_not_its_own(url: str) -> None:
    with pytest.raises(DatabaseError, match=r"has no tables yet, .* works with version \d+: run labeling database upg"):
        Database(url, shared=True, migrate=Migrate.NEVER)
    make_earlier(url, "0009")
    with pytest.raises(DatabaseError, match="has tables of version 0009, .*: run labeling database upgrade first"):
        Database(url, shared=True, migrate=Migrate.NEVER)
    assert upkeep.upgrade(url) == upkeep.upgrade(url) == f"The database has tables of version {head()}."
    Database(url, shared=True, migrate=Migrate.NEVER).close()


@pytest.mark.parametrize("adds", [True, False])
def test_two_versions_work_side_by_side_while_the_newer_one_only_adds(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adds: bool
) -> None:
    upkeep.upgrade(postgresql_url)
    older = Database(postgresql_url, shared=True, migrate=Migrate.NEVER)
    # A later version of the service, as its migrations make it.
    newer = tmp_path / "r9999_later.py"
    newer.write_text(ADDS.format(last=head(), adds=adds, oldest=int(head()) if adds else 9999))
    own = config()
    own.set_main_option(
        "version_locations", f"{Path(own.get_main_option('script_location') or '') / 'versions'} {tmp_path}"
    )
    own.set_main_option("path_separator", "space")
    monkeypatch.setattr("labeling_provider.service.database.migrations.config", lambda: own)
    if not adds:
        with pytest.raises(DatabaseInUse, match="by another labeling service with an earlier version; stop it"):
            upkeep.upgrade(postgresql_url)
        older.close()
    assert upkeep.upgrade(postgresql_url) == "The database has tables of version 9999."
    monkeypatch.undo()
    if adds:
        assert put(older, "v") == ["v"]
        older.close()
        # It can be started again, too.
        Database(postgresql_url, shared=True, migrate=Migrate.NEVER).close()
    else:
        with pytest.raises(DatabaseError, match="tables of version 9999.*use the newer service that created it"):
            Database(postgresql_url, shared=True, migrate=Migrate.NEVER)


def test_what_was_backed_up_while_a_service_works_is_restored(url: str, tmp_path: Path, postgres: PostgreSQL) -> None:
    database = Database(url, shared=True)
    assert put(database, "kept") == ["kept"]
    file = tmp_path / "backup"
    upkeep.back_up(url, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert put(database, "later") == ["later"]
    with pytest.raises(DatabaseError, match="already exists: choose another file"):
        upkeep.back_up(url, file)
    with pytest.raises(DatabaseError, match="backup/below can't be written: Not a directory"):
        upkeep.back_up(url, file / "below")
    with pytest.raises(DatabaseError, match="already exists: first move it away|is not empty: restore into a new one"):
        upkeep.restore(url, file)
    database.close()
    if url.startswith("sqlite"):
        empty = f"sqlite:///{tmp_path / 'restored' / 'labeling.sqlite'}"
    else:
        empty = postgres.create(f"restored_{sa.make_url(url).database}")
    upkeep.restore(empty, file)
    restored = Database(empty, migrate=Migrate.NEVER)
    with restored.read() as connection:
        assert connection.execute(sa.text("SELECT value FROM tags")).scalars().all() == ["kept"]
    restored.close()


def test_what_is_no_backup_is_not_taken(url: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    with pytest.raises(DatabaseError, match="there is no file"):
        upkeep.restore(url, file)
    file.write_bytes(b"nothing of the kind" * 1000)
    with pytest.raises(DatabaseError, match="can't be used|pg_restore failed: .*input file"):
        upkeep.restore(url, file)
    assert not list(tmp_path.glob("labeling.sqlite*"))
    with pytest.raises(DatabaseError, match="there is no database|pg_dump failed: .*does not exist"):
        upkeep.back_up(url.replace("labeling", "none") if url.startswith("sqlite") else f"{url}_none", tmp_path / "b")
    assert not (tmp_path / "b").exists()
