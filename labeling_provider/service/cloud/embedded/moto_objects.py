"""Objects in this process: moto's S3, as it is kept in the database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.service.cloud.embedded.s3_old import take_over
from labeling_provider.service.cloud.embedded.s3_record import S3Record
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.database.database import Database


class EmbeddedObjectStore(ObjectStore):
    """moto's S3 in this process, as it is kept in the database.

    :param database: where buckets and objects are kept.
    :param account: the account that owns them.
    :param region: the region of the buckets of an old database that does not say it.
    """

    def __init__(self, database: Database, account: str, region: str) -> None:
        self._database, self._region = database, region
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

    def cors_rules(self, bucket: str) -> Sequence[Any]:
        """moto's CORS rules of a bucket, in their order; none if there is no such bucket."""
        # By the usual way the record would take it for something that may change.
        known = dict.get(self._backend.buckets, bucket)
        return known.cors if known else ()

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
        take_over(self._database, self._record, self._region)
