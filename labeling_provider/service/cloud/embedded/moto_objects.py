"""Objects in this process, based on moto's S3 and stored in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from io import BytesIO
from typing import IO, Any, Final

from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.service.cloud.embedded.s3_old import take_over
from labeling_provider.service.cloud.embedded.s3_record import S3Record
from labeling_provider.service.cloud.embedded.s3_stored import VersionGone, write_value
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.database.database import Database

_DELETED_AT_ONCE: Final = 500


class EmbeddedObjectStore(ObjectStore):
    """moto's S3, made durable.

    :param database: stores buckets and objects.
    :param account: the account that owns them.
    :param region: the region of buckets in old databases that do not have it.
    """

    def __init__(self, database: Database, account: str, region: str) -> None:
        self._database, self._region = database, region
        self._record = S3Record(database, account, region)
        self._backend: Any = self._record.backend

    def read(self, uri: str) -> bytes:
        file = BytesIO()
        self.copy_to(uri, file)
        return file.getvalue()

    def size(self, uri: str) -> int:
        with self.reading():
            key = self._find(uri)
            if key is None:
                raise MissingObject(uri)
            return int(key.size)

    def copy_to(self, uri: str, file: IO[bytes]) -> None:
        begin = file.tell()
        while True:
            try:
                with self.reading():
                    key = self._find(uri)
                    if key is None:
                        raise MissingObject(uri)
                    write_value(key.value, file)
                    return
            except VersionGone:
                # It was overwritten or deleted: start again.
                file.seek(begin)
                file.truncate()

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        by_bucket: dict[str, dict[str, tuple[bytes, str]]] = {}
        for uri, content in files.items():
            bucket, name = split_s3_uri(uri)
            if bucket not in self._backend.buckets:
                raise MissingObject(uri)
            by_bucket.setdefault(bucket, {})[name] = content
        for bucket, objects in by_bucket.items():
            if not self._record.put_plain(bucket, objects):
                self._put(bucket, objects)

    def write_long(self, uri: str, body: IO[bytes], content_type: str) -> None:
        bucket, name = split_s3_uri(uri)
        if bucket not in self._backend.buckets:
            raise MissingObject(uri)
        if not self._record.put_plain(bucket, {name: (body, content_type)}):
            body.seek(0)
            self._put(bucket, {name: (body.read(), content_type)})

    def _put(self, bucket: str, objects: Mapping[str, tuple[bytes, str]]) -> None:
        with self.recording():
            for name, (body, content_type) in objects.items():
                if bucket not in self._backend.buckets:
                    raise MissingObject(f"s3://{bucket}/{name}")
                key = self._backend.put_object(bucket, name, body)
                key.set_metadata({"Content-Type": content_type})

    def version(self, uri: str) -> str | None:
        with self.reading():
            key = self._find(uri)
            return None if key is None else str(key.etag)

    def delete_below(self, prefix: str) -> int:
        bucket, begin = split_s3_uri(prefix)
        count = 0
        while bucket in self._backend.buckets:
            with self.recording():
                keys, *_ = self._backend.list_objects(
                    self._backend.buckets[bucket], begin, None, None, _DELETED_AT_ONCE
                )
                for key in keys:
                    self._backend.delete_object(bucket, key.name)
            if not keys:
                break
            count += len(keys)
        return count

    def _find(self, uri: str) -> Any:
        bucket, name = split_s3_uri(uri)
        return self._backend.get_object(bucket, name) if bucket in self._backend.buckets else None

    def cors_rules(self, bucket: str) -> Sequence[Any]:
        """moto's CORS rules of a bucket, in order; empty if the bucket does not exist."""
        # A normal look-up would make the record check the bucket for changes.
        known = dict.get(self._backend.buckets, bucket)
        return known.cors if known else ()

    def recording(self) -> AbstractContextManager[None]:
        """Store everything that the block changes in S3.

        After the block, the changes are in the database; if the block or the database fails, they are undone in moto.
        Run each request to moto that may change something in such a block, and answer it only afterwards.

        :raises DatabaseError: if the changes can't be stored.
        """
        return self._record.changes()

    def reading(self) -> AbstractContextManager[None]:
        """Let the block look at S3, without changing anything; run each request to moto that only reads in one.

        What the block sees of an object is of one moment. Reading its bytes raises :class:`.VersionGone` if the object
        was overwritten or deleted meanwhile.
        """
        return self._record.reading()

    def restore(self) -> None:
        """Load every bucket from the database into moto. Objects are looked up when they are needed."""
        self._record.restore()
        take_over(self._database, self._record, self._region)
