"""Brings a database to the tables that this version of the service works with."""

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
from labeling_provider.service.database.schema import State, metadata

OPTIONS: Final[dict[str, Any]] = {
    # Alembic's own name for it is what Airflow's database has.
    "version_table": "schema_version",
    # SQLite changes a column by making its table anew.
    "render_as_batch": True,
    # What a state was called then is no matter of the code of today.
    "render_item": lambda _kind, item, _context: f"sa.String({item.length})" if isinstance(item, State) else False,
}
_NUMBERS: Final = sa.table("database_information", sa.column("name"), sa.column("value"))
"""Where the tables' number stood before there were migrations. Those of 0.1 had none."""
_LAST_NUMBER: Final = "2"


class UnknownSchema(Exception):
    """The tables are not the service's, or not of a version that it knows. Its text goes on after a database's name."""


def config() -> Config:
    """Where alembic finds the migrations."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return made


class Schema:
    """The tables of a database, looked at and changed within a transaction of the caller's."""

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
        """The last migration that the database has seen; None if there were none when it was made."""
        if OPTIONS["version_table"] not in self._present:
            return None
        seen = MigrationContext.configure(self._connection, opts=OPTIONS).get_current_heads()
        return " and ".join(sorted(seen)) or "none"

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to change."""
        return self._version == self._script.get_current_head()

    def check(self) -> None:
        """See that the tables are of this version of the service, or of an earlier one.

        :raises UnknownSchema: if they are not.
        """
        if self._version is None:
            self._check_unversioned()
        elif self._version not in {known.revision for known in self._script.walk_revisions()}:
            raise self._newer(self._version)

    def _check_unversioned(self) -> None:
        baseline, number = r0001_tables.tables, None
        if _NUMBERS.name in self._present:
            kept = sa.select(_NUMBERS.c.value).where(_NUMBERS.c.name == "schema")
            number = self._connection.execute(kept).scalar_one_or_none() or "none"
        if number not in {None, _LAST_NUMBER}:
            raise self._newer(number)
        # Before they had a number tables came one by one, so some may be missing, but none may be another's.
        self._check_whole(baseline, self._present if number is None else set(baseline.tables))

    def upgrade(self) -> None:
        """Do all migrations that the database has not seen.

        :raises UnknownSchema: if what comes of it is not what the service works with.
        """
        if not self.is_current:
            done = config()
            done.attributes["connection"] = self._connection
            command.upgrade(done, "head")
        self._check_whole(metadata, set(metadata.tables))

    def _check_whole(self, tables: sa.MetaData, names: set[str]) -> None:
        columns = sa.inspect(self._connection).get_multi_columns()
        present = {name: {column["name"] for column in found} for (_, name), found in columns.items()}
        for table in tables.sorted_tables:
            have = present.get(table.name, set())
            if table.name in names and (lost := set(table.columns.keys()) - have):
                what = f"its table {table.name} has no column {min(lost)}" if have else f"it has no table {table.name}"
                raise UnknownSchema(f"is not one of the labeling service, or damaged: {what}")

    def _newer(self, version: str) -> UnknownSchema:
        return UnknownSchema(
            f"has tables of version {version}, this labeling service knows up to {self._script.get_current_head()}: "
            "use the newer one that made it"
        )
