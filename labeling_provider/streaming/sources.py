"""Sources of new data objects: an S3 prefix, a queue of notifications, or a manifest.

A source returns objects in portions. A portion is done only after it was published: then the caller saves the source's
position, or the queue's messages are deleted. So a crash may lead to objects being taken again, but their stable id
keeps the job from labeling them twice.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.queue import MAX_MESSAGES, ReadQueue
from labeling_provider.client.retries import error_code, persist
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.events import message_content
from labeling_provider.groundtruth.job import service_time
from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.manifest.reader import MAX_LINE, parse_line

Position = dict[str, Any]

_REMEMBERED: Final = 100_000
_WAIT_SECONDS: Final = 2
_KEEP_SECONDS: Final = 900
_GONE: Final = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})

log = logging.getLogger(__name__)


class SourceObject(NamedTuple):
    """A data object from a source.

    :param line: its manifest line, parsed.
    :param object_id: a stable, unique id of the object.
    :param problem: why it can't be pushed; empty if it can.
    """

    line: dict[str, Any]
    object_id: str
    problem: str = ""


class Source(ABC):
    """A source of new objects."""

    exhausted = False
    """Whether the last portion contained all objects that were left."""

    @abstractmethod
    def take(self, max_objects: int) -> list[SourceObject]:
        """The next portion of objects.

        :param max_objects: most objects to return.
        :raises LabelingError: if the source can't be read.
        """

    @property
    def position(self) -> Position | None:
        """A JSON value from which to continue after the last portion; None if the source keeps track itself."""
        return None

    @abstractmethod
    def settle(self) -> None:
        """Note that the last portion was published."""


class ObjectSettings(NamedTuple):
    """Which S3 objects to push, and as what.

    :param suffixes: push only keys that end with one of these; all keys if empty.
    :param text: whether each line of an object is a text to label, rather than the object itself.
    :param relabel_changed: whether an overwritten object counts as a new one.
    """

    suffixes: Sequence[str] = ()
    text: bool = False
    relabel_changed: bool = False

    def wants(self, key: str) -> bool:
        """Whether to push a key; a folder's placeholder never is pushed."""
        return not key.endswith("/") and (not self.suffixes or key.endswith(tuple(self.suffixes)))

    def object_id(self, uri: str, etag: str) -> str:
        """The stable id of an object."""
        return f"{uri}#{etag.strip(chr(34))}" if self.relabel_changed else uri

    def objects(
        self, ground_truth: GroundTruth, uri: str, object_id: str, lines_done: int = 0
    ) -> Iterator[tuple[int, SourceObject]]:
        """The data objects in an S3 object: itself, or a text from each line, with the line's number.

        :param lines_done: number of lines to skip.
        :raises LabelingError: if the object can't be read; a deleted one gives no data objects.
        """
        if not self.text:
            yield 0, SourceObject({"source-ref": uri}, object_id)
            return
        try:
            for number, raw in enumerate(ground_truth.objects.read_lines(uri), 1):
                if number > lines_done and (text := raw.strip()):
                    yield number, _text_object(text, f"{object_id}#{number}")
        except LabelingError as error:
            if error_code(error) not in _GONE:
                raise
            log.info("%s was deleted before it was read", uri)


def _text_object(raw: bytes, object_id: str) -> SourceObject:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return SourceObject({}, object_id, f"byte {error.start + 1} of the line is not UTF-8")
    if len(text) > MAX_LINE:
        return SourceObject({}, object_id, f"the line is longer than {MAX_LINE:,} characters")
    return SourceObject({"source": text}, object_id)


class S3Prefix(Source):
    """All objects under a prefix. It is listed over and over, and every sweep takes only objects newer than the last.

    S3 can't list by time, so each sweep lists everything. An object may appear later than its time stamp says (that of
    a multipart upload is its start), so a sweep also takes objects up to ``overlap`` seconds older than the newest
    object of the sweep before, unless this process remembers them.

    :param prefix_uri: ``s3://bucket/prefix``.
    :param position: the position of an earlier source; None to start with all objects.
    :param overlap: the overlap of two sweeps, in seconds.
    """

    def __init__(
        self,
        ground_truth: GroundTruth,
        prefix_uri: str,
        settings: ObjectSettings,
        position: Position | None,
        overlap: float,
    ) -> None:
        self._ground_truth, self._settings, self._overlap = ground_truth, settings, overlap
        self._bucket, self._prefix = split_s3_uri(prefix_uri)
        given = position or {}
        self._newest: float = given.get("newest", 0.0)
        self._threshold: float = given.get("threshold", 0.0)
        self._began: float = given.get("began", 0.0)
        self._after: str = given.get("after", "")
        self._inside: str = given.get("inside", "")
        self._line: int = given.get("line", 0)
        self._remembered: OrderedDict[int, None] = OrderedDict()
        self._sweep: Iterator[SourceObject] | None = None

    @property
    def position(self) -> Position:
        """The place of the last portion in the listing."""
        return {
            "newest": self._newest,
            "threshold": self._threshold,
            "began": self._began,
            "after": self._after,
            "inside": self._inside,
            "line": self._line,
        }

    def take(self, max_objects: int) -> list[SourceObject]:
        if self._sweep is None:
            self._sweep = self._objects()
        portion = list(islice(self._sweep, max_objects))
        self.exhausted = len(portion) < max_objects
        if self.exhausted:
            self._sweep = None
            self._after, self._inside, self._line = "", "", 0
            # An object whose key the sweep had already passed may be as old as the start of the sweep.
            self._threshold = min(self._newest, self._began) - self._overlap
            self._began = 0.0
        return portion

    def settle(self) -> None:
        """Nothing to do: the position is enough."""

    def _objects(self) -> Iterator[SourceObject]:
        for key, etag, modified in self._listed():
            self._newest = max(self._newest, modified)
            version = hash((key, etag))
            if modified < self._threshold or not self._settings.wants(key) or version in self._remembered:
                continue
            lines_done = self._line if key == self._inside else 0
            uri = f"s3://{self._bucket}/{key}"
            object_id = self._settings.object_id(uri, etag)
            for number, item in self._settings.objects(self._ground_truth, uri, object_id, lines_done):
                if number:
                    self._inside, self._line = key, number
                else:
                    self._after = key
                yield item
            self._after, self._inside, self._line = key, "", 0
            self._remembered[version] = None
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)

    def _listed(self) -> Iterator[tuple[str, str, float]]:
        """Key, ETag and time of every object, in key order; the next page is prefetched."""
        arguments: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._prefix}
        if self._after:
            arguments["StartAfter"] = self._after
        with ThreadPoolExecutor(1, thread_name_prefix="labeling-listing") as ahead:
            page = ahead.submit(self._ground_truth.objects.list_page, **arguments)
            while True:
                answer = page.result()
                self._began = self._began or service_time(answer)
                token = answer.get("NextContinuationToken")
                if token:
                    page = ahead.submit(self._ground_truth.objects.list_page, **arguments, ContinuationToken=token)
                for entry in answer.get("Contents", ()):
                    yield entry["Key"], entry["ETag"], entry["LastModified"].timestamp()
                if not token:
                    return


class Manifest(Source):
    """The objects of a manifest, once.

    :param uri: the manifest's S3 URI.
    :param position: the position of an earlier source; None to start with the first line.
    :param object_keys: keys that identify an object, such as ``["source-ref", "page"]``; None for all input keys.
    """

    def __init__(
        self, ground_truth: GroundTruth, uri: str, position: Position | None, object_keys: Sequence[str] | None = None
    ) -> None:
        self._uri, self._objects = uri, ObjectKeys(object_keys)
        self._line: int = (position or {}).get("line", 0)
        self._lines = islice(enumerate(ground_truth.objects.read_lines(uri), 1), self._line, None)

    @property
    def position(self) -> Position:
        """The number of lines taken."""
        return {"line": self._line}

    def take(self, max_objects: int) -> list[SourceObject]:
        portion = []
        for number, raw in islice(self._lines, max_objects):
            self._line = number
            try:
                line = parse_line(raw)
                object_id = self._objects.identifier(line) or f"{self._uri}#{number}"
            except ValueError as error:
                portion.append(SourceObject({}, f"{self._uri}#{number}", str(error)))
            else:
                portion.append(SourceObject(line, object_id))
        self.exhausted = len(portion) < max_objects
        return portion

    def settle(self) -> None:
        """Nothing to do: the position is enough."""


class Notifications(Source):
    """Objects announced in an SQS queue, which gets S3's notifications directly, from SNS or from EventBridge.

    A message is deleted when all its objects have been published. Objects deleted meanwhile are skipped.

    :param url: the queue's URL.
    """

    def __init__(self, ground_truth: GroundTruth, url: str, settings: ObjectSettings) -> None:
        self._ground_truth, self._settings = ground_truth, settings
        self._queue = ReadQueue(ground_truth.client("sqs"), url, ground_truth.outage)
        self._pending: list[tuple[str, Iterator[SourceObject]]] = []
        self._done: list[str] = []
        self._warned = False

    def take(self, max_objects: int) -> list[SourceObject]:
        objects_taken: list[SourceObject] = []
        self.exhausted = False
        while len(objects_taken) < max_objects:
            if not self._pending and not self._receive(wait=not objects_taken):
                self.exhausted = True
                break
            receipt, objects = self._pending[0]
            wanted = max_objects - len(objects_taken)
            portion = list(islice(objects, wanted))
            objects_taken += portion
            if len(portion) < wanted:
                self._pending.pop(0)
                self._done.append(receipt)
            else:
                # Its remaining objects are in the next portion, so keep the message hidden until then.
                self._queue.keep(receipt, _KEEP_SECONDS)
        return objects_taken

    def settle(self) -> None:
        self._queue.delete(self._done)
        self._done.clear()

    def _receive(self, wait: bool) -> bool:
        """Receive more messages; returns whether any objects are pending."""
        messages = self._queue.receive(MAX_MESSAGES, wait=_WAIT_SECONDS if wait else 0, keep=_KEEP_SECONDS)
        for message in messages:
            created = created_objects(message["Body"])
            if created is not None:
                self._pending.append((message["ReceiptHandle"], self._objects(created)))
            elif not self._warned:
                self._warned = True
                log.warning("%s contains messages that are not from S3; ignoring them", self._queue.url)
        return bool(self._pending)

    def _objects(self, created: Sequence[tuple[str, str, str]]) -> Iterator[SourceObject]:
        for bucket, key, etag in created:
            uri = f"s3://{bucket}/{key}"
            if not self._settings.wants(key):
                continue
            if self._is_gone(bucket, key):
                log.info("%s was deleted before it was pushed", uri)
                continue
            for _, item in self._settings.objects(self._ground_truth, uri, self._settings.object_id(uri, etag)):
                yield item

    def _is_gone(self, bucket: str, key: str) -> bool:
        """Whether an object has been deleted; False if this connection may not check."""
        try:
            persist(
                lambda: self._ground_truth.s3.head_object(Bucket=bucket, Key=key),
                f"Checking s3://{bucket}/{key}",
                outage=self._ground_truth.outage,
            )
        except ClientError as error:
            return error_code(error) in _GONE
        return False


def created_objects(body: str) -> list[tuple[str, str, str]] | None:
    """Bucket, key and ETag of every created object in a notification.

    :param body: an S3 event notification or an EventBridge event, bare or in an SNS envelope.
    :return: empty if nothing was created, for example after a deletion; None if it is not a notification from S3.
    """
    try:
        event = message_content(body)
        if not isinstance(event, dict):
            return None
        if event.get("Event") == "s3:TestEvent":
            return []
        if event.get("source") == "aws.s3":
            if event["detail-type"] != "Object Created":
                return []
            detail = event["detail"]
            return [
                (str(detail["bucket"]["name"]), str(detail["object"]["key"]), str(detail["object"].get("etag", "")))
            ]
        return [
            (
                str(record["s3"]["bucket"]["name"]),
                unquote_plus(record["s3"]["object"]["key"], errors="strict"),
                str(record["s3"]["object"].get("eTag", "")),
            )
            for record in event["Records"]
            if str(record["eventName"]).startswith("ObjectCreated")
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
