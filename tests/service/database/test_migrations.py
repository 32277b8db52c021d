"""Databases of every version open and become what this one works with; those of later ones do not open."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from labeling_provider.service.database import job_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.job_rows import JobScope
from labeling_provider.service.database.migrations import OPTIONS, config
from labeling_provider.service.database.migrations.versions import r0001_tables
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.schema import jobs, metadata
from tests.service.database.rows import SCHEMA_0_1

OLD_S3 = {"buckets", "bucket_settings", "bucket_objects"}
"""Tables of 0.1 that embedded S3 takes over when it starts."""
SIDE_BY_SIDE_SINCE = 10
TAKES_AWAY = re.compile(
    r"\bdrop_(?!index\b)\w+|\balter_column|\brename_\w+|\b(?:DROP|RENAME|ALTER COLUMN)\b"
    r"|add_column\((?:(?!server_default).)*nullable=False(?:(?!server_default).)*$",
    re.MULTILINE,
)
"""What the code of the version before may not survive. Without an index it only takes longer."""
JOB = {
    "id": 7,
    "name": "Cats",
    "name_key": "cats",
    "arn": "a",
    "reference_code": "r",
    "workteam_arn": "w",
    "status": "Completed",
    "created": 1.0,
    "modified": 2.0,
    "request": "{}",
    "categories": "[]",
    "iteration": 1,
    "lines": 3,
    "given": 0,
    "labeled": 3,
    "failed": 0,
    "stamp": 9,
}


def differences(url: str) -> list[object]:
    """What alembic would change to make the database what the code says that it is."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        changes = compare_metadata(MigrationContext.configure(connection, opts=OPTIONS), metadata)
    engine.dispose()
    return [change for change in changes if not (change[0] == "remove_table" and change[1].name in OLD_S3)]


def make(url: str, number: str | None) -> None:
    """Make the database of a version before migrations, with a job."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        r0001_tables.tables.create_all(connection)
        connection.execute(sa.insert(r0001_tables.tables.tables["jobs"]), JOB)
        if number:
            connection.execute(sa.text("CREATE TABLE database_information (name VARCHAR(32) PRIMARY KEY, value TEXT)"))
            connection.execute(sa.text("INSERT INTO database_information VALUES ('schema', :it)"), {"it": number})
    engine.dispose()


def opened(url: str) -> list[str]:
    """Open a database; the names of its jobs."""
    database = Database(url)
    with database.read() as connection:
        names = list(connection.execute(sa.select(jobs.c.name)).scalars())
    database.close()
    return names


def tables(url: str) -> set[str]:
    engine = sa.create_engine(url)
    names = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_migrations_make_what_the_code_works_with(url: str) -> None:
    assert opened(url) == []
    assert differences(url) == []
    # Once more, with nothing to do.
    assert opened(url) == []


def test_migrations_follow_each_other() -> None:
    script = ScriptDirectory.from_config(config())
    revisions = [known.revision for known in script.walk_revisions()]
    assert revisions == [f"{number:04}" for number in range(len(revisions), 0, -1)]
    files = sorted(Path(script.versions).glob("r*.py"))
    assert [file.name[1:5] for file in files] == revisions[::-1]


def test_migrations_say_whether_they_only_add_and_do_no_more_than_they_say() -> None:
    script = ScriptDirectory.from_config(config())
    for file in sorted(Path(script.versions).glob("r*.py")):
        if int(file.name[1:5]) <= SIDE_BY_SIDE_SINCE:
            continue
        content = file.read_text()
        takes_away = TAKES_AWAY.findall(content)
        if "ONLY_ADDS = True" in content or "ONLY_ADDS: Final = True" in content:
            assert takes_away == [], f"{file.name} takes away what the version before works with"
        else:
            assert "oldest code" in content, f"{file.name} does not say ONLY_ADDS, nor which code can still work"


@pytest.mark.parametrize(
    ("does", "is_said"),
    [
        ('op.drop_column("jobs", "x")', True),
        ('batch.alter_column("x", new_column_name="y")', True),
        ('op.rename_table("a", "b")', True),
        ('op.execute("ALTER TABLE a DROP COLUMN b")', True),
        ('op.add_column("jobs", sa.Column("x", sa.Text, nullable=False))', True),
        ('op.add_column("jobs", sa.Column("x", sa.Text))', False),
        ('op.add_column("jobs", sa.Column("x", sa.Text, nullable=False, server_default=""))', False),
        ('op.create_index("i", "jobs", ["x"])', False),
        ('op.drop_index("i", "jobs")', False),
    ],
)
def test_what_takes_away_is_seen(does: str, is_said: bool) -> None:
    assert bool(TAKES_AWAY.findall(does)) == is_said


def test_a_data_directory_of_0_1_opens(tmp_path: Path) -> None:
    file = tmp_path / "labeling.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.executescript(SCHEMA_0_1)
        database.execute(f"INSERT INTO jobs ({', '.join(JOB)}) VALUES ({', '.join('?' * len(JOB))})", [*JOB.values()])
        database.execute("INSERT INTO bucket_objects VALUES ('cats', 'k', 1, 'e', 'STANDARD', '{}', 'body')")
        database.commit()
    assert opened(f"sqlite:///{file}") == ["Cats"]
    assert differences(f"sqlite:///{file}") == []
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT body FROM bucket_objects").fetchall() == [("body",)]


@pytest.mark.parametrize("number", [None, "2"])
def test_a_database_from_before_migrations_opens(url: str, number: str | None) -> None:
    make(url, number)
    assert opened(url) == ["Cats"]
    assert differences(url) == []


def test_whose_jobs_are_is_noted_with_those_of_0011_and_with_those_that_its_processes_make_meanwhile(url: str) -> None:
    engine = sa.create_engine(url)

    def add(*names: str) -> None:
        job = {name: value for name, value in JOB.items() if name not in {"id", "categories"}}
        rows = [{**job, "name": name, "name_key": name, "arn": f"arn/{name}"} for name in names]
        with engine.begin() as connection:
            table = sa.Table("jobs", sa.MetaData(), autoload_with=connection)
            # SQLite gives them the administrator, but no process of 0011 is beside one of this version there.
            unknown = {"requester": None} if "requester" in table.c and url.startswith("sqlite") else {}
            connection.execute(sa.insert(table), [{**row, **unknown} for row in rows])
            connection.execute(sa.text("INSERT INTO owners VALUES (:arn, 'Ann')"), {"arn": rows[0]["arn"]})

    with engine.begin() as connection:
        configuration = config()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0011")
    add("a", "b")
    database = Database(url)
    requesters = sa.select(jobs.c.requester).order_by(jobs.c.name)
    with database.read() as connection:
        assert connection.execute(requesters).scalars().all() == ["Ann", ""]
    add("c", "d")
    with database.read() as connection:
        assert connection.execute(requesters).scalars().all() == ["Ann", "", None, None]
    job_rows.note_requesters(database)
    with database.read() as connection:
        assert connection.execute(requesters).scalars().all() == ["Ann", "", "Ann", ""]
        assert [job.name for job in job_rows.latest_jobs(connection, 9, JobScope("Ann", frozenset(), {}))] == ["c", "a"]
    database.close()
    engine.dispose()


def test_a_numbered_database_that_lacks_something_is_left_as_it_is(url: str) -> None:
    make(url, "2")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE messages"))
    engine.dispose()
    before = tables(url)
    with pytest.raises(
        DatabaseError, match="does not belong to the labeling service, or is damaged: it has no table messages"
    ):
        Database(url)
    assert tables(url) == before


@pytest.mark.parametrize(
    ("newer", "version"),
    [
        (
            "UPDATE schema_version SET version_num = '9999'; "
            "UPDATE revisions SET number = 9998 WHERE name = 'oldest code'",
            "9999",
        ),
        ("UPDATE schema_version SET version_num = 'abc'", "abc"),
        ("DELETE FROM schema_version", "none"),
    ],
)
def test_a_database_of_a_newer_service_is_not_opened(url: str, newer: str, version: str) -> None:
    opened(url)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in newer.split("; "):
            connection.execute(sa.text(statement))
    engine.dispose()
    reason = (
        f"tables of version {version}, but this labeling service only knows versions up to [0-9]+: "
        "use the newer service that created it"
    )
    with pytest.raises(DatabaseError, match=reason):
        Database(url)


def test_a_number_from_before_migrations_that_never_was_is_refused(url: str) -> None:
    make(url, "99")
    with pytest.raises(DatabaseError, match="tables of version 99"):
        Database(url)


def test_what_a_migration_that_fails_has_done_is_undone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make(url, "2")
    before = tables(url)
    monkeypatch.setattr("alembic.operations.Operations.drop_table", None)
    with pytest.raises(TypeError):
        Database(url)
    assert tables(url) == before
    monkeypatch.undo()
    assert opened(url) == ["Cats"]
