"""Takes over what embedded S3 kept in databases of version 1 of the tables."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from labeling_provider.service.database.database import Database

if TYPE_CHECKING:
    from labeling_provider.service.cloud.s3_record import S3Record

log = logging.getLogger(__name__)

_metadata: Final = sa.MetaData()

buckets: Final = sa.Table(
    "buckets",
    _metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("region", sa.String(32), nullable=False),
)
bucket_settings: Final = sa.Table(
    # The request that gave a bucket a setting.
    "bucket_settings",
    _metadata,
    sa.Column("bucket", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("query", sa.Text, nullable=False),
    sa.Column("headers", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
bucket_objects: Final = sa.Table(
    "bucket_objects",
    _metadata,
    sa.Column("bucket", sa.String(255), primary_key=True),
    sa.Column("key", sa.String(1024), primary_key=True),
    sa.Column("modified", sa.Float, nullable=False),
    sa.Column("etag", sa.String(80), nullable=False),
    sa.Column("storage_class", sa.String(32)),
    sa.Column("metadata", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)


def take_over(database: Database, record: S3Record, region: str) -> None:
    """Bring buckets and objects of an old database into moto and the new tables, and drop the old ones.

    :param region: where a bucket is whose making was not noted.
    """
    with database.read() as connection:
        if not sa.inspect(connection).has_table(bucket_objects.name):
            return
        made = {row.name: row.region for row in connection.execute(sa.select(buckets))}
        settings = connection.execute(sa.select(bucket_settings)).all()
        # A bucket that was made by its host name was not noted, but what was put into it was.
        used = set(connection.execute(sa.select(bucket_objects.c.bucket).distinct()).scalars())
        with record.changes():
            for name in sorted((used | made.keys()) - record.backend.buckets.keys()):
                _guarded(f"the bucket {name}", record.backend.create_bucket, name, made.get(name, region))
            for row in connection.execute(sa.select(bucket_objects)).yield_per(100):
                _guarded(f"s3://{row.bucket}/{row.key}", _take_object, record.backend, row)
            for row in settings:
                _guarded(f"the setting {row.name} of the bucket {row.bucket}", _send_again, row)
            # Test events of the settings have been sent when they were made.
            record.forget_events()
    with database.write() as connection:
        _metadata.drop_all(connection)


def _guarded(what: str, do: Any, *arguments: Any) -> None:
    try:
        do(*arguments)
    except Exception as error:  # noqa: BLE001 -- one thing that can't be had stops nothing else
        log.warning("%s could not be restored: %s: %s", what, type(error).__name__, error)


def _take_object(backend: Any, row: sa.Row[Any]) -> None:
    key = backend.put_object(row.bucket, row.key, row.body, storage=row.storage_class, etag=row.etag)
    key.set_metadata(json.loads(row.metadata))
    key.last_modified = datetime.fromtimestamp(row.modified, UTC).replace(tzinfo=None)


def _send_again(row: sa.Row[Any]) -> None:
    """Give moto the request that made a setting."""
    from moto.moto_server.werkzeug_app import create_backend_app
    from werkzeug.test import Client

    client = Client(create_backend_app("s3"))
    answer = client.put(f"/{row.bucket}", query_string=row.query, data=row.body, headers=json.loads(row.headers))
    if answer.status_code >= 300:
        raise ValueError(answer.status)
