"""The service's S3: moto's, made durable, or a real endpoint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any

from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.service.cloud.s3_record import S3Record
from labeling_provider.service.database.database import Database


class MissingObject(Exception):
    """There is no object at an S3 URI."""


class ObjectStore(ABC):
    """Reads and writes whole objects by S3 URI."""

    @abstractmethod
    def read(self, uri: str) -> bytes:
        """The object's bytes.

        :raises MissingObject: if there is none.
        """

    def beginning(self, uri: str, most: int) -> bytes:
        """The object's first bytes.

        :raises MissingObject: if there is none.
        """
        return self.read(uri)[:most]

    @abstractmethod
    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        """Database objects: bytes and content type by URI. A bucket must exist.

        :raises MissingObject: if a bucket does not.
        """

    @abstractmethod
    def version(self, uri: str) -> str | None:
        """Something that changes when the object does; None if there is no object."""

    def lines(self, uri: str) -> Iterator[bytes]:
        """The object's lines, each with its line break."""
        return iter(BytesIO(self.read(uri)))


class EndpointObjectStore(ObjectStore):
    """A real S3 endpoint; credentials as boto3 finds them.

    :param endpoint_url: the endpoint, or None for Amazon's.
    :param region: its region.
    """

    def __init__(self, endpoint_url: str | None, region: str) -> None:
        import boto3

        self._client = boto3.client("s3", endpoint_url=endpoint_url, region_name=region)

    def read(self, uri: str) -> bytes:
        return self._read(uri, None)

    def beginning(self, uri: str, most: int) -> bytes:
        return self._read(uri, most)

    def _read(self, uri: str, most: int | None) -> bytes:
        from botocore.exceptions import ClientError

        bucket, key = split_s3_uri(uri)
        try:
            with self._client.get_object(Bucket=bucket, Key=key)["Body"] as stream:
                body: bytes = stream.read(most)
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


class EmbeddedObjectStore(ObjectStore):
    """moto's S3 in this process, as it is kept in the database.

    :param database: where buckets and objects are kept.
    :param account: the account that owns them.
    :param region: the region of the buckets of an old database that does not say it.
    """

    def __init__(self, database: Database, account: str, region: str) -> None:
        self._record = S3Record(database, account, region)
        self._backend: Any = self._record.backend

    def read(self, uri: str) -> bytes:
        key = self._find(uri)
        if key is None:
            raise MissingObject(uri)
        body: bytes = key.value
        return body

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        with self.recording():
            for uri, (body, content_type) in files.items():
                bucket, name = split_s3_uri(uri)
                if bucket not in self._backend.buckets:
                    raise MissingObject(uri)
                key = self._backend.put_object(bucket, name, body)
                key.set_metadata({"Content-Type": content_type})

    def version(self, uri: str) -> str | None:
        key = self._find(uri)
        return None if key is None else str(key.etag)

    def _find(self, uri: str) -> Any:
        bucket, name = split_s3_uri(uri)
        return self._backend.get_object(bucket, name) if bucket in self._backend.buckets else None

    def recording(self) -> AbstractContextManager[None]:
        """Keep what the block changes in S3, however it does so.

        When the block has ended, it is in the database; or, if the block or the database fails, in neither. A request
        to moto that may change something belongs into such a block, and may be answered only after it.

        :raises DatabaseError: if the database doesn't take it.
        """
        return self._record.changes()

    def restore(self) -> None:
        """Put every bucket and object back into moto."""
        self._record.restore()
