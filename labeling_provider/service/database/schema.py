"""The tables of the service's database."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database.states import LearningRole, ObjectState, RemarkKind, TaskState


class State(sa.types.TypeDecorator[StrEnum]):
    """A column of enum members, stored as strings. Other values are refused.

    :param states: the enum.
    :param length: the maximum number of characters.
    """

    impl = sa.String
    cache_ok = True

    def __init__(self, states: type[StrEnum], length: int) -> None:
        super().__init__(length)
        self.states = states

    @property
    def python_type(self) -> type[str]:
        """The type of members outside Python, such as in a paging token."""
        return str

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """A state as the table holds it: a string.

        :raises ValueError: if it is not a member.
        """
        return None if value is None else self.states(value).value

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> StrEnum | None:
        """The member for a string in the table.

        :raises ValueError: if it is not a member.
        """
        return None if value is None else self.states(value)


metadata: Final = sa.MetaData()

NEVER_AGAIN: Final[dict[str, Any]] = {"sqlite_autoincrement": True}
"""For tables whose ids are never reused, although rows are deleted. PostgreSQL never reuses them anyway."""

jobs: Final = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("name_key", sa.String(63), nullable=False, unique=True),
    sa.Column("arn", sa.String(300), nullable=False),
    sa.Column("reference_code", sa.String(28), nullable=False),
    sa.Column("workteam_arn", sa.String(256), nullable=False),
    sa.Column("status", State(JobStatus, 16), nullable=False),
    sa.Column("failure_reason", sa.String(1024)),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("modified", sa.Float, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("iteration", sa.Integer, nullable=False, default=0),
    sa.Column("lines", sa.Integer, nullable=False, default=0),
    sa.Column("given", sa.Integer, nullable=False, default=0),
    sa.Column("labeled", sa.Integer, nullable=False, default=0),
    sa.Column("failed", sa.Integer, nullable=False, default=0),
    sa.Column("stamp", sa.Integer, nullable=False, default=0),
    # The process that runs the job, until when, and the fencing number.
    sa.Column("lease_owner", sa.String(32)),
    sa.Column("lease_until", sa.Float, nullable=False, server_default="0"),
    sa.Column("lease_number", sa.Integer, nullable=False, server_default="0"),
    # When the next step is due; 0 if somebody has woken the job.
    sa.Column("due", sa.Float, nullable=False, server_default="0"),
    # When somebody woke the job, if nobody has run a step since.
    sa.Column("woken", sa.Float),
    # Whose it is, as in `owners`; empty if it is the administrator's. Null if a process of version 0011 has made it.
    sa.Column("requester", sa.String(64)),
    # One for each order of a list, with what that list may ask for and no more: no job is looked at that is not on the
    # page, and where a filter finds few, the whole index is read.
    sa.Index("jobs_by_created", "created", "id", "modified", "status", "name_key", "requester"),
    sa.Index("jobs_by_name", "name_key", "id", "created", "modified", "status", "requester"),
    sa.Index("jobs_by_status", "status", "id", "created", "modified", "name_key", "requester"),
    sa.Index("jobs_by_team", "workteam_arn", "created", "id", "status", "reference_code", "requester"),
    **NEVER_AGAIN,
)
sa.Index(
    # Those made by processes of version 0011.
    "jobs_of_unknown",
    jobs.c.id,
    sqlite_where=jobs.c.requester.is_(None),
    postgresql_where=jobs.c.requester.is_(None),
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
    # Until when its worker holds it; for a finished task, when it was finished.
    sa.Column("due", sa.Float),
    # For an accepted task, a draft.
    sa.Column("answer", sa.Text),
    # Seconds of active work, if the worker's page has reported them.
    sa.Column("spent", sa.Float),
    # A worker answers an object only once, even after crashes.
    sa.UniqueConstraint("job_id", "object_id", "worker_id"),
    sa.Index("tasks_by_state", "job_id", "state", "id"),
    **NEVER_AGAIN,
)
IS_SUBMITTED: Final = tasks.c.state == sa.literal_column(f"'{TaskState.SUBMITTED}'", tasks.c.state.type)
"""As the index below has it: SQLite uses that for no condition with a parameter."""
sa.Index("answers_by_worker", tasks.c.worker_id, tasks.c.due, sqlite_where=IS_SUBMITTED, postgresql_where=IS_SUBMITTED)
workers: Final = sa.Table(
    # Simulated workers that take time for their tasks.
    "workers",
    metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    # When the last task ends, or ended.
    sa.Column("busy_until", sa.Float, nullable=False),
)
task_inputs: Final = sa.Table(
    # What pre-annotation functions have made of objects for the workers' templates.
    "task_inputs",
    metadata,
    sa.Column("job_id", sa.Integer, primary_key=True),
    sa.Column("object_id", sa.Integer, primary_key=True),
    # As JSON.
    sa.Column("input", sa.Text, nullable=False),
)
arrivals: Final = sa.Table(
    # The objects of streaming jobs.
    "arrivals",
    metadata,
    sa.Column("job_id", sa.Integer, primary_key=True),
    sa.Column("object_id", sa.Integer, primary_key=True),
    # The SHA-256 of the deduplication id, which may be too long for an index.
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("published", sa.Boolean, nullable=False),
    sa.UniqueConstraint("job_id", "digest"),
    sa.Index("arrivals_by_published", "job_id", "published", "object_id"),
)
learning: Final = sa.Table(
    # The objects of jobs with automated labeling.
    "learning",
    metadata,
    sa.Column("job_id", sa.Integer, primary_key=True),
    sa.Column("object_id", sa.Integer, primary_key=True),
    # What the label that people gave it is used for; null if it was not sent to people.
    sa.Column("role", State(LearningRole, 8)),
    # How sure the last model was.
    sa.Column("score", sa.Float),
    # The iteration since which a validation object no longer represents unlabeled ones,
    sa.Column("left", sa.Integer),
    # and the model's agreement with people on it, if a model labels objects with its score.
    sa.Column("agreement", sa.Float),
    sa.Index("learning_by_role", "job_id", "role"),
)
trainings: Final = sa.Table(
    # The trainings of automated labeling and their results.
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
    # The response of DescribeModel.
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
    # Jobs whose end has not been announced yet.
    "announcements",
    metadata,
    sa.Column("job_id", sa.Integer, primary_key=True, autoincrement=False),
    # Until when a process has claimed it.
    sa.Column("claimed_until", sa.Float, nullable=False, server_default="0"),
)
event_rules: Final = sa.Table(
    # Rules of EventBridge's default bus.
    "event_rules",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    # The rule, as JSON.
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
people: Final = sa.Table(
    # Those who label in a browser.
    "people",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # The name to sign in with; people of an identity provider have none, and their names need not differ.
    sa.Column("name_key", sa.String(64), unique=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("worker_id", sa.String(100), nullable=False, unique=True),
    sa.Column("sub", sa.String(255), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    # A hash; null if none was chosen yet.
    sa.Column("password", sa.String(200)),
    # The hash of the token of an invitation to choose a password, and until when it is valid.
    sa.Column("invitation", sa.String(64), unique=True),
    sa.Column("invited_until", sa.Float),
    # Language and keys of the pages, as JSON.
    sa.Column("settings", sa.Text, nullable=False),
    # The identity provider that a person comes from, and the groups that it named at the last sign-in, as JSON.
    sa.Column("issuer", sa.String(500)),
    sa.Column("group_names", sa.Text),
    sa.UniqueConstraint("issuer", "sub", name="people_by_identity"),
    **NEVER_AGAIN,
)
revisions: Final = sa.Table(
    # Numbers that grow with each change, by what changes: a process that remembers it sees when to read it again.
    "revisions",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)
memberships: Final = sa.Table(
    "memberships",
    metadata,
    sa.Column("person_id", sa.Integer, primary_key=True),
    sa.Column("workteam_arn", sa.String(256), primary_key=True),
)
sessions: Final = sa.Table(
    # Who is signed in to the worker portal.
    "sessions",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("person_id", sa.Integer, nullable=False, index=True),
    sa.Column("expires", sa.Float, nullable=False),
)
sign_in_failures: Final = sa.Table(
    # Wrong passwords of the last minutes, and those that are just being checked.
    "sign_in_failures",
    metadata,
    # A guesser that never stops would use up the smaller numbers.
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    # The hash of the name to sign in with: people type passwords there by mistake.
    sa.Column("person", sa.String(64), nullable=False),
    # Where it came from: an IPv4 address or an IPv6 network.
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("at", sa.Float, nullable=False, index=True),
    sa.Index("sign_in_failures_by_person", "person", "at"),
    sa.Index("sign_in_failures_by_source", "source", "at"),
)
remarks: Final = sa.Table(
    # What people tell the requester of a job about its data objects.
    "remarks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.Integer, nullable=False, index=True),
    sa.Column("object_id", sa.Integer, nullable=False),
    sa.Column("worker_id", sa.String(100), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("kind", State(RemarkKind, 8), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
human_task_uis: Final = sa.Table(
    # Worker templates that were given a name.
    "human_task_uis",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("arn", sa.String(300), nullable=False, unique=True),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False, index=True),
)
workforces: Final = sa.Table(
    # The private workforce, of which there is one.
    "workforces",
    metadata,
    sa.Column("name_key", sa.String(63), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("arn", sa.String(300), nullable=False, unique=True),
    # Its identity provider: CognitoConfig or OidcConfig, as JSON. The client's secret is separate, and never shown.
    sa.Column("identity", sa.Text, nullable=False),
    sa.Column("client_secret", sa.Text),
    # Whether the secret is encrypted.
    sa.Column("is_sealed", sa.Boolean, nullable=False, server_default=sa.false()),
    # Where they may come from, as JSON.
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("updated", sa.Float, nullable=False),
)
api_keys: Final = sa.Table(
    # The keys with which requesters sign their requests.
    "api_keys",
    metadata,
    sa.Column("access_key_id", sa.String(32), primary_key=True),
    sa.Column("requester", sa.String(64), nullable=False, index=True),
    # Encrypted, not hashed: checking a signature needs it.
    sa.Column("secret", sa.Text, nullable=False),
    # Its rights, as JSON.
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("expires", sa.Float),
    sa.Column("last_used", sa.Float),
)
owners: Final = sa.Table(
    # Labeling jobs, buckets, topics and queues of requesters; all others are the administrator's.
    "owners",
    metadata,
    sa.Column("arn", sa.String(400), primary_key=True),
    sa.Column("requester", sa.String(64), nullable=False, index=True),
)
audit_trail: Final = sa.Table(
    # Who did what.
    "audit_trail",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Float, nullable=False, index=True),
    sa.Column("who", sa.String(255), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    # The IP address.
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("what", sa.String(100), nullable=False),
    sa.Column("target", sa.String(500), nullable=False),
    # "ok", or why not.
    sa.Column("outcome", sa.String(100), nullable=False),
)
tags: Final = sa.Table(
    "tags",
    metadata,
    sa.Column("arn", sa.String(256), primary_key=True),
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("value", sa.String(256), nullable=False),
    sa.Index("tags_by_value", "key", "value", "arn"),
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
    # Every version of every object and every delete marker, oldest first.
    "s3_objects",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("bucket", sa.String(63), nullable=False),
    # In the order of their bytes, as in S3's lists.
    sa.Column("key", sa.String(1024).with_variant(sa.String(1024, collation="C"), "postgresql"), nullable=False),
    sa.Column("version", sa.String(64), nullable=False),
    # Everything but its bytes, as JSON.
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
_HAS_DEDUPLICATION_ID: Final = sa.text("deduplication_id IS NOT NULL")
messages: Final = sa.Table(
    "messages",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("queue", sa.String(200), nullable=False),
    sa.Column("message_id", sa.String(100), nullable=False, unique=True),
    # Times are epoch milliseconds.
    sa.Column("sent", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    # Its attributes, as JSON.
    sa.Column("details", sa.Text, nullable=False),
    # Until when nobody may receive it, because it is delayed or in flight; how often it was received.
    sa.Column("visible_at", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("received", sa.Integer, nullable=False, server_default="0"),
    sa.Column("first_received", sa.BigInteger),
    # Of FIFO queues.
    sa.Column("group_id", sa.String(128)),
    sa.Column("deduplication_id", sa.String(128)),
    sa.Index("messages_by_age", "queue", "id"),
    sa.Index(
        "messages_by_deduplication_id",
        "queue",
        "deduplication_id",
        sqlite_where=_HAS_DEDUPLICATION_ID,
        postgresql_where=_HAS_DEDUPLICATION_ID,
    ),
)
deliveries: Final = sa.Table(
    # Messages that HTTP endpoints have not accepted yet.
    "deliveries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # The SHA-256 of the URL, which may be too long for an index.
    sa.Column("endpoint", sa.String(64), nullable=False),
    # The subscription's ARN; null for those of EventBridge.
    sa.Column("subscription", sa.String(500), index=True),
    # Until when nobody may send it, in epoch seconds, because a process is sending it or it is tried again later.
    sa.Column("due", sa.Float, nullable=False, server_default="0"),
    # How often it was begun to be sent, except what a stop broke off; and how often the endpoint did not accept it.
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    # When it was published, in epoch seconds.
    sa.Column("added", sa.Float, nullable=False),
    # Bytes of the body.
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("method", sa.String(20), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    # As JSON.
    sa.Column("headers", sa.Text, nullable=False),
    # As it is sent, each time.
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("deliveries_in_line", "endpoint", "id", "size"),
    **NEVER_AGAIN,
)
roles: Final = sa.Table(
    # IAM's.
    "roles",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    # The role, as JSON.
    sa.Column("state", sa.Text, nullable=False),
)
