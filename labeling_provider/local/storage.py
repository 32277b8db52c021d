"""The service's S3: moto's, made durable, or a real endpoint.

moto keeps everything in memory. :class:`EmbeddedStorage` writes each bucket and object through to the database when a
request has changed it, and puts them back at the start. Kept: buckets, their settings, and the current version of
every object with its metadata. Not kept: old versions, access control lists and unfinished multipart uploads.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, unquote

import sqlalchemy as sa

from labeling_provider.local.store import Store, bucket_objects, bucket_settings, buckets
from labeling_provider.request.facts import split_s3_uri


class MissingObject(Exception):
    """There is no object at an S3 URI."""


class Storage(ABC):
    """Reads and writes whole objects by S3 URI."""

    @abstractmethod
    def read(self, uri: str) -> bytes:
        """The object's bytes.

        :raises MissingObject: if there is none.
        """

    @abstractmethod
    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        """Store objects: bytes and content type by URI. A bucket must exist.

        :raises MissingObject: if a bucket does not.
        """

    @abstractmethod
    def version(self, uri: str) -> str | None:
        """Something that changes when the object does; None if there is no object."""

    def lines(self, uri: str) -> Iterator[bytes]:
        """The object's lines, each with its line break."""
        return iter(BytesIO(self.read(uri)))


class EndpointStorage(Storage):
    """A real S3 endpoint; credentials as boto3 finds them.

    :param endpoint_url: the endpoint, or None for Amazon's.
    :param region: its region.
    """

    def __init__(self, endpoint_url: str | None, region: str) -> None:
        import boto3

        self._client = boto3.client("s3", endpoint_url=endpoint_url, region_name=region)

    def read(self, uri: str) -> bytes:
        from botocore.exceptions import ClientError

        bucket, key = split_s3_uri(uri)
        try:
            body: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "NoSuchBucket", "404"}:
                raise MissingObject(uri) from None
            raise
        return body

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        from botocore.exceptions import ClientError

        for uri, (body, content_type) in files.items():
            bucket, key = split_s3_uri(uri)
            try:
                self._client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)
            except ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchBucket":
                    raise MissingObject(uri) from None
                raise

    def version(self, uri: str) -> str | None:
        from botocore.exceptions import ClientError

        bucket, key = split_s3_uri(uri)
        try:
            return str(self._client.head_object(Bucket=bucket, Key=key)["ETag"])
        except ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NoSuchBucket"}:
                return None
            raise


class EmbeddedStorage(Storage):
    """moto's S3 in this process, written through to the database.

    :param store: where buckets and objects are kept.
    :param account: the account that owns them.
    :param region: the region of new buckets.
    """

    def __init__(self, store: Store, account: str, region: str) -> None:
        from moto.s3 import notifications
        from moto.s3.models import s3_backends

        notifications._get_s3_event = _with_sequencer(notifications._get_s3_event)
        self._store, self._region = store, region
        self._backend: Any = s3_backends[account]["aws"]

    def read(self, uri: str) -> bytes:
        key = self._find(uri)
        if key is None:
            raise MissingObject(uri)
        body: bytes = key.value
        return body

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        rows = []
        for uri, (body, content_type) in files.items():
            bucket, name = split_s3_uri(uri)
            if bucket not in self._backend.buckets:
                raise MissingObject(uri)
            key = self._backend.put_object(bucket, name, body)
            key.set_metadata({"Content-Type": content_type})
            rows.append(_as_row(bucket, key))
        with self._store.write() as connection:
            self._store.upsert(connection, bucket_objects, rows)

    def version(self, uri: str) -> str | None:
        key = self._find(uri)
        return None if key is None else str(key.etag)

    def _find(self, uri: str) -> Any:
        bucket, name = split_s3_uri(uri)
        found = self._backend.buckets.get(bucket)
        return None if found is None else found.keys.get(name)

    def after_request(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> None:
        """Keep what a successful request to S3 has changed.

        :param path: the URL's path, ``/bucket/key``, percent-encoded.
        :param query: the URL's query string.
        :param headers: the headers that a bucket's setting may depend on.
        """
        if method not in {"PUT", "POST", "DELETE"}:
            return
        bucket, _, key = unquote(path).lstrip("/").partition("/")
        parameters = parse_qs(query, keep_blank_values=True)
        if not bucket:
            return
        with self._store.write() as connection:
            if key:
                self._keep_object(connection, bucket, key)
            elif "delete" in parameters or method == "POST":
                self._keep_all(connection, bucket)
            elif parameters:
                self._keep_setting(connection, method, bucket, query, headers, body)
            elif bucket in self._backend.buckets:
                region = self._backend.buckets[bucket].region_name
                self._store.upsert(connection, buckets, [{"name": bucket, "region": region}])
            else:
                for table in (bucket_objects, bucket_settings):
                    connection.execute(sa.delete(table).where(table.c.bucket == bucket))
                connection.execute(sa.delete(buckets).where(buckets.c.name == bucket))

    def _keep_object(self, connection: Any, bucket: str, name: str) -> None:
        found = self._backend.buckets.get(bucket)
        key = found.keys.get(name) if found else None
        if key is None or type(key).__name__ == "FakeDeleteMarker":
            same = (bucket_objects.c.bucket == bucket) & (bucket_objects.c.key == name)
            connection.execute(sa.delete(bucket_objects).where(same))
        else:
            self._store.upsert(connection, bucket_objects, [_as_row(bucket, key)])

    def _keep_all(self, connection: Any, bucket: str) -> None:
        """After a request that names its objects in its body: compare both sides."""
        found = self._backend.buckets.get(bucket)
        present = set(found.keys.keys()) if found else set()
        query = sa.select(bucket_objects.c.key).where(bucket_objects.c.bucket == bucket)
        kept = {row.key for row in connection.execute(query)}
        for name in kept ^ present:
            self._keep_object(connection, bucket, name)

    def _keep_setting(
        self, connection: Any, method: str, bucket: str, query: str, headers: dict[str, str], body: bytes
    ) -> None:
        setting = next(iter(parse_qs(query, keep_blank_values=True)))
        same = (bucket_settings.c.bucket == bucket) & (bucket_settings.c.name == setting)
        connection.execute(sa.delete(bucket_settings).where(same))
        if method == "PUT":
            row = {"bucket": bucket, "name": setting, "query": query, "headers": json.dumps(headers)}
            connection.execute(sa.insert(bucket_settings), [{**row, "body": body}])

    def restore(self) -> list[tuple[str, str, dict[str, str], bytes]]:
        """Put every bucket and object back into moto.

        :return: the settings of the buckets as requests to send again: path, query, headers and body.
        """
        with self._store.read() as connection:
            for row in connection.execute(sa.select(buckets)):
                self._backend.create_bucket(row.name, row.region)
            for row in connection.execute(sa.select(bucket_objects)).yield_per(100):
                key = self._backend.put_object(row.bucket, row.key, row.body, storage=row.storage_class, etag=row.etag)
                key.set_metadata(json.loads(row.metadata), replace=True)
                key.last_modified = datetime.fromtimestamp(row.modified, UTC).replace(tzinfo=None)
            return [
                (f"/{row.bucket}", row.query, json.loads(row.headers), row.body)
                for row in connection.execute(sa.select(bucket_settings))
            ]


def _with_sequencer(make: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """moto's event notifications lack what tells two events of one object apart."""

    def made(*arguments: Any) -> dict[str, Any]:
        event = make(*arguments)
        for record in event["Records"]:
            record["s3"]["object"]["sequencer"] = f"{time.time_ns():016X}"
        return event

    return made


def _as_row(bucket: str, key: Any) -> dict[str, Any]:
    return {
        "bucket": bucket,
        "key": key.name,
        "modified": key.last_modified.replace(tzinfo=UTC).timestamp(),
        "etag": key.etag.strip('"'),
        "storage_class": key.storage_class,
        "metadata": json.dumps(dict(key.metadata)),
        "body": key.value,
    }
