"""Imports the objects of embedded S3 from databases of version 0.1."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from labeling_provider.service.cloud.embedded.restoring import restoring
from labeling_provider.service.cloud.embedded.s3_record import S3Record
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.objects_of_0_1 import (
    OldObject,
    OldSetting,
    drop_old_objects,
    has_old_objects,
    old_buckets,
    old_objects,
    old_settings,
)


def take_over(database: Database, record: S3Record, region: str) -> None:
    """Import the buckets and objects of an old database into moto and the new tables, and drop the old tables.

    :param region: the region of buckets whose creation was not recorded.
    """
    with database.read() as connection:
        if not has_old_objects(connection):
            return
        with record.changes():
            buckets = old_buckets(connection, region)
            for name in sorted(buckets.keys() - record.backend.buckets.keys()):
                with restoring(f"bucket {name}"):
                    record.backend.create_bucket(name, buckets[name])
            for stored in old_objects(connection):
                with restoring(f"s3://{stored.bucket}/{stored.key}"):
                    _take_object(record.backend, stored)
            for setting in old_settings(connection):
                with restoring(f"setting {setting.name} of bucket {setting.bucket}"):
                    _send_again(setting)
            # The test events were sent when the settings were first made.
            record.forget_events()
    with database.write() as connection:
        drop_old_objects(connection)


def _take_object(backend: Any, stored: OldObject) -> None:
    key = backend.put_object(stored.bucket, stored.key, stored.body, storage=stored.storage_class, etag=stored.etag)
    key.set_metadata(json.loads(stored.metadata))
    key.last_modified = datetime.fromtimestamp(stored.modified, UTC).replace(tzinfo=None)


def _send_again(setting: OldSetting) -> None:
    """Repeat the request that made a setting."""
    from moto.moto_server.werkzeug_app import create_backend_app
    from werkzeug.test import Client

    client = Client(create_backend_app("s3"))
    response = client.put(
        f"/{setting.bucket}", query_string=setting.query, data=setting.body, headers=json.loads(setting.headers)
    )
    if response.status_code >= 300:
        raise ValueError(response.status)
