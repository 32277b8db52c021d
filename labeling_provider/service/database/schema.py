"""The tables of the service's database."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database.states import LearningRole, ObjectState, TaskState


class State(sa.types.TypeDecorator[StrEnum]):
    """One value of an enum: text in the database, a member in Python. Nothing else is written.

    :param states: the enum.
    :param length: most characters that the database holds.
    """

    impl = sa.String
    cache_ok = True

    def __init__(self, states: type[StrEnum], length: int) -> None:
        super().__init__(length)
        self.states = states

    @property
    def python_type(self) -> type[str]:
        """What members are when they leave Python, such as in a paging token."""
        return str

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """:raises ValueError: if there is no such state."""
        return None if value is None else self.states(value).value

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> StrEnum | None:
        """:raises ValueError: if there is no such state."""
        return None if value is None else self.states(value)


metadata: Final = sa.MetaData()

jobs: Final = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("name_key", sa.String(63), nullable=False, unique=True),
    sa.Column("arn", sa.String(300), nullable=False),
    sa.Column("reference_code", sa.String(28), nullable=False),
    sa.Column("workteam_arn", sa.String(256), nullable=False, index=True),
    sa.Column("status", State(JobStatus, 16), nullable=False),
    sa.Column("failure_reason", sa.String(1024)),
    sa.Column("created", sa.Float, nullable=False, index=True),
    sa.Column("modified", sa.Float, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("iteration", sa.Integer, nullable=False, default=0),
    sa.Column("lines", sa.Integer, nullable=False, default=0),
    sa.Column("given", sa.Integer, nullable=False, default=0),
    sa.Column("labeled", sa.Integer, nullable=False, default=0),
    sa.Column("failed", sa.Integer, nullable=False, default=0),
    sa.Column("stamp", sa.Integer, nullable=False, default=0),
    # Whose turn it is to go on with the job, until when, and how often it has changed hands.
    sa.Column("lease_owner", sa.String(32)),
    sa.Column("lease_until", sa.Float, nullable=False, server_default="0"),
    sa.Column("lease_number", sa.Integer, nullable=False, server_default="0"),
    # When it is to be looked at next; 0 if somebody has asked for it.
    sa.Column("due", sa.Float, nullable=False, server_default="0"),
    sa.Index("jobs_by_status", "status", "id"),
)
objects: Final = sa.Table(
    "objects",
    metadata,
    sa.Column("job_id", sa.Integer, primary_key=True),
    sa.Column("object_id", sa.Integer, primary_key=True),
    sa.Column("state", State(ObjectState, 8), nullable=False),
    sa.Column("iteration", sa.Integer),
    sa.Column("answered", sa.Float),
    sa.Column("stamp", sa.Integer),
    sa.Column("line", sa.Text, nullable=False),
    sa.Column("result", sa.Text),
    sa.Index("objects_by_state", "job_id", "state", "object_id"),
)
tasks: Final = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.Integer, nullable=False),
    sa.Column("object_id", sa.Integer, nullable=False),
    sa.Column("state", State(TaskState, 9), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("worker_id", sa.String(100)),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Column("accepted", sa.Float),
    # Until when its worker is at it; of one that is done with, when that was.
    sa.Column("due", sa.Float),
    # Of an accepted task a draft.
    sa.Column("answer", sa.Text),
    # One worker answers an object once, whatever crashes in between.
    sa.UniqueConstraint("job_id", "object_id", "worker_id"),
    sa.Index("tasks_by_state", "job_id", "state"),
)
workers: Final = sa.Table(
    # The simulated workers who take time for their tasks.
    "workers",
    metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    # Until when a worker is, or was, at the last task.
    sa.Column("busy_until", sa.Float, nullable=False),
)
arrivals: Final = sa.Table(
    # Objects of streaming jobs that came with a message.
    "arrivals",
    metadata,
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
    metadata,
    sa.Column("job_id", sa.Integer, primary_key=True),
    sa.Column("object_id", sa.Integer, primary_key=True),
    # What it went to people for; none if it did not.
    sa.Column("role", State(LearningRole, 8)),
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
    metadata,
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
    metadata,
    sa.Column("name_key", sa.String(63), primary_key=True),
    sa.Column("arn", sa.String(256), nullable=False, unique=True),
    sa.Column("algorithm", sa.String(63), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    # The answer of DescribeModel.
    sa.Column("description", sa.Text, nullable=False),
)
events: Final = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.Integer, nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)
announcements: Final = sa.Table(
    # The jobs whose end is still to be told.
    "announcements",
    metadata,
    sa.Column("job_id", sa.Integer, primary_key=True, autoincrement=False),
)
event_rules: Final = sa.Table(
    # Of EventBridge's default bus.
    "event_rules",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    # What the rule is, as JSON.
    sa.Column("state", sa.Text, nullable=False),
)
workteams: Final = sa.Table(
    "workteams",
    metadata,
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
    metadata,
    sa.Column("arn", sa.String(256), primary_key=True),
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("value", sa.String(256), nullable=False),
)
s3_buckets: Final = sa.Table(
    "s3_buckets",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, unique=True),
    # Its settings, as JSON.
    sa.Column("state", sa.Text, nullable=False),
)
s3_objects: Final = sa.Table(
    # Every version of every object, oldest first, and the markers of deletions among them.
    "s3_objects",
    metadata,
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
    metadata,
    sa.Column("arn", sa.String(400), primary_key=True),
    sa.Column("name", sa.String(256), nullable=False),
    sa.Column("fields", sa.Text, nullable=False),
)
subscriptions: Final = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("arn", sa.String(500), primary_key=True),
    sa.Column("topic", sa.String(400), nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("protocol", sa.String(20), nullable=False),
    sa.Column("attributes", sa.Text, nullable=False),
)
queues: Final = sa.Table(
    "queues",
    metadata,
    sa.Column("arn", sa.String(200), primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
)
messages: Final = sa.Table(
    "messages",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("queue", sa.String(200), nullable=False, index=True),
    sa.Column("message_id", sa.String(100), nullable=False, unique=True),
    sa.Column("sent", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
)
