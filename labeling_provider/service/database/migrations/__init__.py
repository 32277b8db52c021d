"""Migrates a database to the tables of this version of the service."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from labeling_provider.service.database.migrations.versions import r0001_tables
from labeling_provider.service.database.revisions import OLDEST_CODE
from labeling_provider.service.database.schema import State, metadata, revisions

OPTIONS: Final[dict[str, Any]] = {
    # Alembic's default name is already used in Airflow's database.
    "version_table": "schema_version",
    # SQLite can change a column only by creating its table again.
    "render_as_batch": True,
    # Migrations must not depend on the states in today's code.
    "render_item": lambda _kind, item, _context: f"sa.String({item.length})" if isinstance(item, State) else False,
}
_NUMBERS: Final = sa.table("database_information", sa.column("name"), sa.column("value"))
"""The table with the schema's number, from before there were migrations. Version 0.1 did not have it."""
_LAST_NUMBER: Final = "2"


class UnknownSchema(Exception):
    """The tables are not the service's, or their version is unknown. The text completes "the database NAME …"."""


def config() -> Config:
    """Alembic's configuration, with the path to the migrations."""
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return configuration


class Schema:
    """The tables of a database, checked and migrated within the caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._script = ScriptDirectory.from_config(config())
        self._present = set(sa.inspect(connection).get_table_names())

    @property
    def is_empty(self) -> bool:
        """Whether the database has none of the service's tables."""
        own = {*metadata.tables, *r0001_tables.tables.tables, OPTIONS["version_table"], _NUMBERS.name}
        return not self._present & own

    @cached_property
    def _version(self) -> str | None:
        """The database's last migration; None if it is older than migrations."""
        if OPTIONS["version_table"] not in self._present:
            return None
        seen = MigrationContext.configure(self._connection, opts=OPTIONS).get_current_heads()
        return " and ".join(sorted(seen)) or "none"

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to migrate."""
        return self._version == self._script.get_current_head() or self._is_newer

    @property
    def only_grows(self) -> bool:
        """Whether a service of the database's version can keep running while it is migrated to this one's."""
        pending = [revision.module for revision in self._script.iterate_revisions("head", self._version or "base")]
        return not self.is_empty and all(getattr(module, "ONLY_ADDS", False) for module in pending)

    @property
    def version(self) -> str:
        """The database's last migration, in words."""
        return "no tables yet" if self.is_empty else f"tables of version {self._version or '0'}"

    @property
    def wanted(self) -> str:
        """The last migration that this service knows."""
        return str(self._script.get_current_head())

    @cached_property
    def _is_newer(self) -> bool:
        """Whether the tables are of a later version that has kept everything that this one works with."""
        if self._version is None or self._version in {known.revision for known in self._script.walk_revisions()}:
            return False
        if not (self._version.isdigit() and self._version > self.wanted and "revisions" in self._present):
            return False
        oldest = sa.select(revisions.c.number).where(revisions.c.name == OLDEST_CODE)
        number: int | None = self._connection.execute(oldest).scalar_one_or_none()
        return number is not None and number <= int(self.wanted)

    def check(self) -> None:
        """Check that the tables belong to this version of the service, an earlier one, or a later one that allows it.

        :raises UnknownSchema: if they do not.
        """
        if self._version is None:
            self._check_unversioned()
        elif not self._is_newer and self._version not in {known.revision for known in self._script.walk_revisions()}:
            raise self._newer(self._version)

    def _check_unversioned(self) -> None:
        baseline, number = r0001_tables.tables, None
        if _NUMBERS.name in self._present:
            kept = sa.select(_NUMBERS.c.value).where(_NUMBERS.c.name == "schema")
            number = self._connection.execute(kept).scalar_one_or_none() or "none"
        if number not in {None, _LAST_NUMBER}:
            raise self._newer(number)
        # Before there was a number, tables were added one by one, so some may be missing. The others must be right.
        self._check_whole(baseline, self._present if number is None else set(baseline.tables))

    def upgrade(self) -> None:
        """Run the missing migrations.

        :raises UnknownSchema: if tables or columns are missing afterwards.
        """
        if not self.is_current:
            configuration = config()
            configuration.attributes["connection"] = self._connection
            command.upgrade(configuration, "head")
        self._check_whole(metadata, set(metadata.tables))

    def _check_whole(self, tables: sa.MetaData, names: set[str]) -> None:
        inspected = sa.inspect(self._connection).get_multi_columns()
        present = {name: {column["name"] for column in columns} for (_, name), columns in inspected.items()}
        for table in tables.sorted_tables:
            have = present.get(table.name, set())
            if table.name in names and (lost := set(table.columns.keys()) - have):
                what = f"its table {table.name} has no column {min(lost)}" if have else f"it has no table {table.name}"
                raise UnknownSchema(f"does not belong to the labeling service, or is damaged: {what}")

    def _newer(self, version: str) -> UnknownSchema:
        return UnknownSchema(
            f"has tables of version {version}, but this labeling service only knows versions up to "
            f"{self.wanted}: use the newer service that created it"
        )
