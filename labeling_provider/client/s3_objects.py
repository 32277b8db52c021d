"""Reads and writes S3 objects of any size in constant memory, and resumes after broken connections."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from mimetypes import guess_type
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from labeling_provider.client.retries import Patience, answer_to, is_transient
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.manifest import split_lines

_CHUNK: Final = 1 << 16
_PART: Final = 8 << 20
_PAUSE: Final = 0.5

log = logging.getLogger(__name__)


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Bucket and key of an S3 URI.

    :raises LabelingError: if it is not an S3 URI.
    """
    try:
        return split_s3_uri(uri)
    except ValueError as error:
        raise LabelingError(str(error)) from None


class Objects:
    """Access to S3 objects by URI.

    :param s3: a boto3 S3 client.
    :param outage: seconds without any answer after which to give up.
    """

    def __init__(self, s3: Any, outage: float) -> None:
        self._s3, self._outage = s3, outage

    def read_lines(self, uri: str) -> Iterator[bytes]:
        """Stream the lines of an object, each with its line break.

        :raises LabelingError: if it can't be read.
        """
        yield from split_lines(self.read_chunks(uri))

    def read_chunks(self, uri: str) -> Iterator[bytes]:
        """Read an object in chunks, resuming where a connection breaks.

        :raises LabelingError: if it can't be read.
        """
        bucket, key = bucket_and_key(uri)
        patience = Patience(self._outage)
        offset, size = 0, -1
        unchanged: dict[str, str] = {}
        while True:
            try:
                rest = {"Range": f"bytes={offset}-"} if offset else {}
                answer = self._s3.get_object(Bucket=bucket, Key=key, **rest, **unchanged)
                unchanged = {"IfMatch": answer["ETag"]}
                size = offset + answer["ContentLength"]
                for chunk in answer["Body"].iter_chunks(_CHUNK):
                    offset += len(chunk)
                    yield chunk
                    patience.answered()
                if offset >= size:
                    return
                raise OSError(f"only {offset:,} of {size:,} bytes arrived")
            except (BotoCoreError, ClientError, OSError) as error:
                if not is_transient(error):
                    raise LabelingError(f"{uri} can't be read: {error}") from error
                if offset == size:
                    return
                pause = patience.pause(error, f"Reading {uri}", time.monotonic(), _PAUSE)
                log.warning("%s: connection broken after %s bytes, resuming in %.1f s: %s", uri, offset, pause, error)
            time.sleep(pause)

    def read(self, uri: str, max_bytes: int) -> bytes:
        """Read a whole object.

        :param max_bytes: the largest size to accept, in bytes.
        :raises LabelingError: if it can't be read or is larger.
        """
        body = bytearray()
        for chunk in self.read_chunks(uri):
            body += chunk
            if len(body) > max_bytes:
                raise LabelingError(f"{uri} is larger than {max_bytes:,} bytes.")
        return bytes(body)

    def list_page(self, **arguments: Any) -> dict[str, Any]:
        """One page of ListObjectsV2.

        :param arguments: arguments of ``list_objects_v2``.
        :raises LabelingError: if S3 refuses or does not answer.
        """
        action = f"Listing s3://{arguments['Bucket']}/{arguments.get('Prefix', '')}"
        page: dict[str, Any] = answer_to(
            lambda: self._s3.list_objects_v2(**arguments), action, outage=self._outage, pause=_PAUSE
        )
        return page

    def write_text(self, uri: str, text: str) -> None:
        """Write a small text, in UTF-8.

        :raises LabelingError: if it can't be written.
        """
        with self.writer(uri) as upload:
            upload.write(text.encode())

    @contextmanager
    def writer(self, uri: str) -> Iterator[Upload]:
        """Write an object piece by piece, in constant memory.

        It appears at the end of the ``with`` block, complete, or not at all after an exception.

        :raises LabelingError: if it can't be written.
        """
        upload = Upload(self._s3, uri, self._outage)
        try:
            yield upload
            upload.finish()
        except BaseException:
            upload.abandon()
            raise


class Upload:
    """An object being written; a large one is uploaded in parts.

    :param s3: a boto3 S3 client.
    :param uri: the object's S3 URI.
    :param outage: seconds without any answer after which to give up.
    :raises LabelingError: if the URI is not an S3 URI.
    """

    def __init__(self, s3: Any, uri: str, outage: float) -> None:
        bucket, key = bucket_and_key(uri)
        self._s3, self._place, self._outage = s3, {"Bucket": bucket, "Key": key}, outage
        # Browsers need the type to show pictures and reports.
        self._type = guess_type(key)[0] or "binary/octet-stream"
        self._what = f"Writing {uri}"
        self._pending = bytearray()
        self._id: str | None = None
        self._parts: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        """Write some bytes.

        :raises LabelingError: if they can't be uploaded.
        """
        self._pending += data
        if len(self._pending) >= _PART:
            self._send_part()

    def finish(self) -> None:
        """Complete the upload, which makes the object appear.

        :raises LabelingError: if that fails.
        """
        if self._id is None:
            self._send(self._s3.put_object, Body=bytes(self._pending), ContentType=self._type)
            return
        if self._pending:
            self._send_part()
        self._send(self._s3.complete_multipart_upload, UploadId=self._id, MultipartUpload={"Parts": self._parts})

    def abandon(self) -> None:
        """Abort the upload and leave nothing behind."""
        if self._id is not None:
            with suppress(BotoCoreError, ClientError):
                self._s3.abort_multipart_upload(**self._place, UploadId=self._id)

    def _send_part(self) -> None:
        if self._id is None:
            self._id = str(self._send(self._s3.create_multipart_upload, ContentType=self._type)["UploadId"])
        number = len(self._parts) + 1
        part = self._send(self._s3.upload_part, UploadId=self._id, PartNumber=number, Body=bytes(self._pending))
        self._parts.append({"PartNumber": number, "ETag": part["ETag"]})
        self._pending.clear()

    def _send(self, operation: Callable[..., Any], **arguments: Any) -> Any:
        call = lambda: operation(**self._place, **arguments)  # noqa: E731
        return answer_to(call, self._what, outage=self._outage, pause=_PAUSE)
