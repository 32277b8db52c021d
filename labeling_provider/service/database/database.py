"""The service's state, in one database: SQLite in the data directory, or any database SQLAlchemy can reach.

Every change that must not be lost is one transaction. SQLite runs with a write-ahead log and
``synchronous=NORMAL``: a killed process loses nothing that was committed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.opening import DatabaseError, OpenDatabase, told

_metadata: Final = sa.MetaData()

jobs: Final = sa.Table(
    "jobs",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("name_key", sa.String(63), nullable=False, unique=True),
    sa.Column("arn", sa.String(300), nullable=False),
    sa.Column("reference_code", sa.String(28), nullable=False),
    sa.Column("workteam_arn", sa.String(256), nullable=False, index=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("failure_reason", sa.String(1024)),
    sa.Column("created", sa.Float, nullable=False, index=True),
    sa.Column("modified", sa.Float, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("categories", sa.Text),
    sa.Column("iteration", sa.Integer, nullable=False, default=0),
    sa.Column("lines", sa.Integer, nullable=False, default=0),
    sa.Column("given", sa.Integer, nullable=False, default=0),
    sa.Column("labeled", sa.Integer, nullable=False, default=0),
    sa.Column("failed", sa.Integer, nullable=False, default=0),
    sa.Column("stamp", sa.Integer, nullable=False, default=0),
    sa.Index("jobs_by_status", "status", "id"),
)
objects: Final = sa.Table(
    "objects",
    _metadata,
    sa.Column("job_id", sa.Integer, primary_key=True),
    sa.Column("object_id", sa.Integer, primary_key=True),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("iteration", sa.Integer),
    sa.Column("answered", sa.Float),
    sa.Column("stamp", sa.Integer),
    sa.Column("line", sa.Text, nullable=False),
    sa.Column("result", sa.Text),
    sa.Index("objects_by_state", "job_id", "state", "object_id"),
)
tasks: Final = sa.Table(
    "tasks",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.Integer, nullable=False),
    sa.Column("object_id", sa.Integer, nullable=False),
    sa.Column("state", sa.String(9), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("worker_id", sa.String(100)),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Column("accepted", sa.Float),
    sa.Column("due", sa.Float),
    sa.Column("answer", sa.Text),
    # One worker answers an object once, whatever crashes in between.
    sa.UniqueConstraint("job_id", "object_id", "worker_id"),
    sa.Index("tasks_by_state", "job_id", "state"),
)
arrivals: Final = sa.Table(
    # Objects of streaming jobs that came with a message.
    "arrivals",
    _metadata,
    sa.Column("job_id", sa.Integer, primary_key=True),
    sa.Column("object_id", sa.Integer, primary_key=True),
    # SHA-256 of the deduplication id, which may have more characters than a database indexes.
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("published", sa.Boolean, nullable=False),
    sa.UniqueConstraint("job_id", "digest"),
    sa.Index("arrivals_by_published", "job_id", "published", "object_id"),
)
learning: Final = sa.Table(
    # What automated labeling knows of the objects of its jobs.
    "learning",
    _metadata,
    sa.Column("job_id", sa.Integer, primary_key=True),
    sa.Column("object_id", sa.Integer, primary_key=True),
    # What it went to people for: train or validate; none if it did not.
    sa.Column("role", sa.String(8)),
    # How sure the last model was.
    sa.Column("score", sa.Float),
    # A validation object stands for those without a label until one like it gets its label: in this iteration,
    sa.Column("left", sa.Integer),
    # and if it is by machine, with this agreement with people.
    sa.Column("agreement", sa.Float),
    sa.Index("learning_by_role", "job_id", "role"),
)
trainings: Final = sa.Table(
    # The trainings of automated labeling and what came of them.
    "trainings",
    _metadata,
    sa.Column("job_id", sa.Integer, primary_key=True),
    sa.Column("iteration", sa.Integer, primary_key=True),
    sa.Column("examples", sa.Integer, nullable=False),
    sa.Column("agreement", sa.Float),
    sa.Column("threshold", sa.Float),
    sa.Column("labeled", sa.Integer, nullable=False),
    sa.Column("model_arn", sa.String(256)),
)
models: Final = sa.Table(
    "models",
    _metadata,
    sa.Column("name_key", sa.String(63), primary_key=True),
    sa.Column("arn", sa.String(256), nullable=False, unique=True),
    sa.Column("algorithm", sa.String(63), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    # The answer of DescribeModel.
    sa.Column("description", sa.Text, nullable=False),
)
events: Final = sa.Table(
    "events",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.Integer, nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)
workteams: Final = sa.Table(
    "workteams",
    _metadata,
    sa.Column("name_key", sa.String(63), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("arn", sa.String(256), nullable=False, unique=True),
    sa.Column("description", sa.String(200), nullable=False),
    sa.Column("members", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("updated", sa.Float, nullable=False),
)
tags: Final = sa.Table(
    "tags",
    _metadata,
    sa.Column("arn", sa.String(256), primary_key=True),
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("value", sa.String(256), nullable=False),
)
s3_buckets: Final = sa.Table(
    "s3_buckets",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, unique=True),
    # Its settings, as JSON.
    sa.Column("state", sa.Text, nullable=False),
)
s3_objects: Final = sa.Table(
    # Every version of every object, oldest first, and the markers of deletions among them.
    "s3_objects",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("bucket", sa.String(63), nullable=False),
    sa.Column("key", sa.String(1024), nullable=False),
    sa.Column("version", sa.String(64), nullable=False),
    # What belongs to it besides its bytes, as JSON.
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("bucket", "key", "version"),
)
topics: Final = sa.Table(
    "topics",
    _metadata,
    sa.Column("arn", sa.String(400), primary_key=True),
    sa.Column("name", sa.String(256), nullable=False),
    sa.Column("fields", sa.Text, nullable=False),
)
subscriptions: Final = sa.Table(
    "subscriptions",
    _metadata,
    sa.Column("arn", sa.String(500), primary_key=True),
    sa.Column("topic", sa.String(400), nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("protocol", sa.String(20), nullable=False),
    sa.Column("attributes", sa.Text, nullable=False),
)
queues: Final = sa.Table(
    "queues",
    _metadata,
    sa.Column("arn", sa.String(200), primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
)
messages: Final = sa.Table(
    "messages",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("queue", sa.String(200), nullable=False, index=True),
    sa.Column("message_id", sa.String(100), nullable=False, unique=True),
    sa.Column("sent", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
)


information: Final = sa.Table(
    # What the database is: the version of its tables, under "schema".
    "database_information",
    _metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)


def now() -> float:
    """Epoch seconds as Amazon gives them out: to the millisecond."""
    return round(time.time(), 3)


class Store:
    """The database, for this process alone.

    :param url: SQLAlchemy database URL.
    :raises DatabaseInUse: if another service has it.
    :raises DatabaseError: if it can't be reached, is not one of ours, or is damaged.
    """

    def __init__(self, url: str) -> None:
        self._open = OpenDatabase(url, _metadata)
        # SQLite takes one writer at a time; waiting here is fair and never times out.
        self._writing = threading.RLock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading.

        :raises DatabaseError: if the database doesn't answer.
        """
        with self._told(), self._open.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed at the end of the block, rolled back if it raises.

        :raises DatabaseError: if the database can't be written, because its disk is full for one.
        """
        with self._told(), self._writing, self._open.engine.begin() as connection:
            yield connection

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other thread write before the end of the block."""
        with self._writing:
            yield

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Give a database that fails one kind of exception; a row that breaks a rule keeps its own."""
        try:
            yield
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError, sa.exc.TimeoutError) as error:
            raise self._failed(error) from error
        except sa.exc.DatabaseError as error:
            if type(error) is not sa.exc.DatabaseError:
                raise
            raise self._failed(error) from error

    def _failed(self, error: BaseException) -> DatabaseError:
        return DatabaseError(f"the database {self._open.name} fails: {told(error, self._open.url)}")

    def upsert(self, connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows, replacing those of the same primary key."""
        if not rows:
            return
        keys = [column.name for column in table.primary_key]
        same = sa.and_(*(table.c[key] == sa.bindparam(f"key_{key}") for key in keys))
        connection.execute(sa.delete(table).where(same), [{f"key_{key}": row[key] for key in keys} for row in rows])
        connection.execute(sa.insert(table), rows)

    def close(self) -> None:
        """Close every connection and let another service in."""
        self._open.close()
