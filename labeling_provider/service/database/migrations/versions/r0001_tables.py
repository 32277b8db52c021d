"""Creates the tables as they were before migrations. Version 0.1 and later added them one by one, so some may exist."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None

tables: Final = sa.MetaData()

sa.Table(
    "jobs",
    tables,
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
sa.Table(
    "objects",
    tables,
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
sa.Table(
    "tasks",
    tables,
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
    sa.UniqueConstraint("job_id", "object_id", "worker_id"),
    sa.Index("tasks_by_state", "job_id", "state"),
)
sa.Table(
    "arrivals",
    tables,
    sa.Column("job_id", sa.Integer, primary_key=True),
    sa.Column("object_id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("published", sa.Boolean, nullable=False),
    sa.UniqueConstraint("job_id", "digest"),
    sa.Index("arrivals_by_published", "job_id", "published", "object_id"),
)
sa.Table(
    "learning",
    tables,
    sa.Column("job_id", sa.Integer, primary_key=True),
    sa.Column("object_id", sa.Integer, primary_key=True),
    sa.Column("role", sa.String(8)),
    sa.Column("score", sa.Float),
    sa.Column("left", sa.Integer),
    sa.Column("agreement", sa.Float),
    sa.Index("learning_by_role", "job_id", "role"),
)
sa.Table(
    "trainings",
    tables,
    sa.Column("job_id", sa.Integer, primary_key=True),
    sa.Column("iteration", sa.Integer, primary_key=True),
    sa.Column("examples", sa.Integer, nullable=False),
    sa.Column("agreement", sa.Float),
    sa.Column("threshold", sa.Float),
    sa.Column("labeled", sa.Integer, nullable=False),
    sa.Column("model_arn", sa.String(256)),
)
sa.Table(
    "models",
    tables,
    sa.Column("name_key", sa.String(63), primary_key=True),
    sa.Column("arn", sa.String(256), nullable=False, unique=True),
    sa.Column("algorithm", sa.String(63), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
)
sa.Table(
    "events",
    tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.Integer, nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)
sa.Table(
    "workteams",
    tables,
    sa.Column("name_key", sa.String(63), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("arn", sa.String(256), nullable=False, unique=True),
    sa.Column("description", sa.String(200), nullable=False),
    sa.Column("members", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("updated", sa.Float, nullable=False),
)
sa.Table(
    "tags",
    tables,
    sa.Column("arn", sa.String(256), primary_key=True),
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("value", sa.String(256), nullable=False),
)
sa.Table(
    "s3_buckets",
    tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, unique=True),
    sa.Column("state", sa.Text, nullable=False),
)
sa.Table(
    "s3_objects",
    tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("bucket", sa.String(63), nullable=False),
    sa.Column("key", sa.String(1024), nullable=False),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("bucket", "key", "version"),
)
sa.Table(
    "topics",
    tables,
    sa.Column("arn", sa.String(400), primary_key=True),
    sa.Column("name", sa.String(256), nullable=False),
    sa.Column("fields", sa.Text, nullable=False),
)
sa.Table(
    "subscriptions",
    tables,
    sa.Column("arn", sa.String(500), primary_key=True),
    sa.Column("topic", sa.String(400), nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("protocol", sa.String(20), nullable=False),
    sa.Column("attributes", sa.Text, nullable=False),
)
sa.Table(
    "queues",
    tables,
    sa.Column("arn", sa.String(200), primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
)
sa.Table(
    "messages",
    tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("queue", sa.String(200), nullable=False, index=True),
    sa.Column("message_id", sa.String(100), nullable=False, unique=True),
    sa.Column("sent", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
)


def upgrade() -> None:
    """Create the missing tables."""
    tables.create_all(op.get_bind())
