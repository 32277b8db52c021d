"""Objects in a real S3."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from shutil import copyfileobj
from typing import IO, Any, Final

from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore

MAX_WRITES_AT_ONCE: Final = 32
"""How many objects are written at once, and how many connections are kept open."""

_MAX_LINK_SECONDS: Final = 7 * 24 * 3600
_MISSING: Final = frozenset({"404", "NoSuchKey", "NoSuchBucket"})


class EndpointObjectStore(ObjectStore):
    """A real S3 endpoint. boto3 finds the credentials as usual.

    :param endpoint_url: its URL; None for Amazon's.
    :param region: its region.
    """

    def __init__(self, endpoint_url: str | None, region: str) -> None:
        import boto3
        from botocore.config import Config

        config = Config(max_pool_connections=MAX_WRITES_AT_ONCE)
        self._client = boto3.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
        self._client.meta.events.register("before-sign.s3.PutObject", _send_at_once)
        # Shared by all writers, so that the load on the endpoint is limited, however many jobs there are.
        self._writers = ThreadPoolExecutor(MAX_WRITES_AT_ONCE, thread_name_prefix="labeling-s3")

    def read(self, uri: str) -> bytes:
        return self._read(uri, None)

    def beginning(self, uri: str, most: int) -> bytes:
        return self._read(uri, most)

    def _read(self, uri: str, most: int | None) -> bytes:
        bucket, key = split_s3_uri(uri)
        with _missing(uri), self._client.get_object(Bucket=bucket, Key=key)["Body"] as stream:
            body: bytes = stream.read(most)
        return body

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        writes = [self._writers.submit(self._put, uri, *content) for uri, content in files.items()]
        try:
            done, _ = wait(writes, return_when=FIRST_EXCEPTION)
            for write in done:
                write.result()
        finally:
            # Wait for running writes even after an error: they must not finish after the caller's next write.
            wait([write for write in writes if not write.cancel()])

    def write_long(self, uri: str, body: IO[bytes], content_type: str) -> None:
        self._writers.submit(self._put, uri, body, content_type).result()

    def _put(self, uri: str, body: bytes | IO[bytes], content_type: str) -> None:
        bucket, key = split_s3_uri(uri)
        with _missing(uri):
            self._client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)

    def copy_to(self, uri: str, file: IO[bytes]) -> None:
        bucket, key = split_s3_uri(uri)
        with _missing(uri), self._client.get_object(Bucket=bucket, Key=key)["Body"] as stream:
            copyfileobj(stream, file)

    def link(self, bucket: str, key: str, seconds: int) -> str:
        where = {"Bucket": bucket, "Key": key}
        lifetime = min(seconds, _MAX_LINK_SECONDS)
        return str(self._client.generate_presigned_url("get_object", Params=where, ExpiresIn=lifetime))

    def version(self, uri: str) -> str | None:
        bucket, key = split_s3_uri(uri)
        try:
            with _missing(uri):
                return str(self._client.head_object(Bucket=bucket, Key=key)["ETag"])
        except MissingObject:
            return None


@contextmanager
def _missing(uri: str) -> Iterator[None]:
    """Turn the client's errors for a missing object or bucket into MissingObject."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            raise MissingObject(uri) from None
        raise


def _send_at_once(request: Any, **_: Any) -> None:
    """Send head and body together. Waiting for "100 Continue" would cost a round trip per object."""
    del request.headers["Expect"]
