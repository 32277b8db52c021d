"""Copies objects from one S3 to another, to the same bucket and key, in constant memory. Nothing is overwritten."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from labeling_provider.client.retries import error_code, is_outage, persist
from labeling_provider.client.s3_objects import bucket_and_key
from labeling_provider.errors import LabelingError

if TYPE_CHECKING:
    from labeling_provider.client.ground_truth import GroundTruth

MAX_COPIES: Final = 8
"""How many objects are copied at the same time; each takes up to two parts of an upload in memory."""
MAX_NAMED: Final = 20
"""Most failed objects to name; any further ones are only counted."""
_AHEAD: Final = 4 * MAX_COPIES
_MISSING: Final = frozenset({"404", "NoSuchKey", "NoSuchBucket"})
_WORDS: Final = {"404": "it does not exist", "403": "access is denied"}
"""What each bare status of HeadObject means; its response has no body."""


class OtherObjectError(LabelingError):
    """The target has a different object with this name; it was left as it is."""


@dataclass
class Copied:
    """The outcome of copying several objects.

    :param copied: how many were copied, or would be in a dry run.
    :param there: how many were there already.
    :param problems: URI and reason of the first objects that can't be copied.
    :param more_problems: how many more can't be.
    """

    copied: int = 0
    there: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    more_problems: int = 0

    def add(self, other: Copied) -> None:
        """Count other objects as well."""
        self.copied += other.copied
        self.there += other.there
        room = MAX_NAMED - len(self.problems)
        self.problems += other.problems[:room]
        self.more_problems += other.more_problems + len(other.problems[room:])


class Copies:
    """Copies objects from one S3 to another.

    :param source: where the objects are.
    :param target: where they go to. Buckets that it lacks are created, with the source's CORS rules.
    :param dry_run: whether only to look.
    """

    def __init__(self, source: GroundTruth, target: GroundTruth, *, dry_run: bool = False) -> None:
        self._source, self._target, self._dry_run = source, target, dry_run
        self._buckets: set[str] = set()
        self._making_buckets = threading.Lock()

    @property
    def is_needed(self) -> bool:
        """Whether source and target are different places."""
        ends = {str(store.s3.meta.endpoint_url).rstrip("/") for store in (self._source, self._target)}
        return len(ends) > 1

    def copy(self, uri: str, *, overwrite: bool = False, to: str | None = None) -> bool:
        """Copy an object, unless it is there.

        An object is the same if it has the same ETag, or the same size and was written later than the source's.

        :param overwrite: whether to replace a different object with its name.
        :param to: its URI in the target, if that is another one.
        :return: whether it was copied, or would be in a dry run.
        :raises OtherObjectError: if the target has a different object with its name.
        :raises LabelingError: if it can't be read or written.
        """
        place = to or uri
        target = _head(self._target, place)
        if target is not None:
            source = self._there(uri)
            if _is_same(source, target):
                return False
            if not overwrite:
                raise OtherObjectError(
                    f"{place}: the service has a different object with this name, of {target['ContentLength']:,} "
                    f"bytes, not {source['ContentLength']:,}. It was left as it is. Delete it there and run this again."
                )
        if self._dry_run:
            self._there(uri)
            return True
        self.make_bucket(place)
        with self._target.objects.writer(place) as upload:
            for chunk in self._source.objects.read_chunks(uri):
                upload.write(chunk)
        return True

    def has_source(self, uri: str) -> bool:
        """Whether the source has an object.

        :raises LabelingError: if it can't be looked at.
        """
        return _head(self._source, uri) is not None

    def copy_all(self, uris: Iterable[str]) -> Copied:
        """Copy objects, several at once. One that can't be copied does not stop the others.

        :raises LabelingError: if one of the two stops answering.
        """
        tally, running = Copied(), deque[Future[Copied]]()
        with ThreadPoolExecutor(MAX_COPIES, thread_name_prefix="labeling-copies") as pool:
            for uri in uris:
                running.append(pool.submit(self._tried, uri))
                if len(running) >= _AHEAD:
                    tally.add(running.popleft().result())
            for copying in running:
                tally.add(copying.result())
        return tally

    def _tried(self, uri: str) -> Copied:
        try:
            copied = self.copy(uri)
        except LabelingError as error:
            if is_outage(error):
                raise
            return Copied(problems=[(uri, str(error))])
        return Copied(copied=1) if copied else Copied(there=1)

    def _there(self, uri: str) -> Any:
        """:raises LabelingError: if the source does not have the object."""
        head = _head(self._source, uri)
        if head is None:
            raise LabelingError(f"{uri} can't be read: it does not exist.")
        return head

    def make_bucket(self, uri: str) -> None:
        """Make sure that the target has the bucket of an object.

        :raises LabelingError: if it can't be created.
        """
        bucket, _ = bucket_and_key(uri)
        with self._making_buckets:
            if bucket in self._buckets or self._dry_run:
                return
            s3, region = self._target.s3, self._target.region
            where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            try:
                if not self._has_bucket(bucket):
                    persist(
                        lambda: s3.create_bucket(Bucket=bucket, **where),
                        f"Creating the bucket {bucket}",
                        outage=self._target.outage,
                    )
                    self._copy_cors(bucket)
            except (BotoCoreError, ClientError) as error:
                raise LabelingError(f"The bucket {bucket} can't be created at the service: {error}") from error
            self._buckets.add(bucket)

    def _has_bucket(self, bucket: str) -> bool:
        try:
            persist(
                lambda: self._target.s3.head_bucket(Bucket=bucket),
                f"Looking for the bucket {bucket}",
                outage=self._target.outage,
            )
        except ClientError as error:
            if error_code(error) in _MISSING:
                return False
            raise
        return True

    def _copy_cors(self, bucket: str) -> None:
        """Give a new bucket the source's CORS rules, without which browsers on other origins see no pictures."""
        try:
            rules = self._source.s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
        except (BotoCoreError, ClientError):
            # There are none, or we may not read them.
            return
        self._target.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})


def _head(ground_truth: GroundTruth, uri: str) -> Any:
    """An object's size, ETag and time; None if it does not exist.

    :raises LabelingError: if S3 refuses or does not answer.
    """
    bucket, key = bucket_and_key(uri)
    try:
        return persist(
            lambda: ground_truth.s3.head_object(Bucket=bucket, Key=key), f"Looking at {uri}", outage=ground_truth.outage
        )
    except (BotoCoreError, ClientError) as error:
        if error_code(error) in _MISSING:
            return None
        raise LabelingError(f"{uri} can't be read: {_WORDS.get(error_code(error), error)}.") from error


def _is_same(source: Any, target: Any) -> bool:
    if source["ContentLength"] != target["ContentLength"]:
        return False
    # The ETag of an object that was uploaded in parts depends on the size of the parts.
    return bool(source["ETag"] == target["ETag"] or target["LastModified"] >= source["LastModified"])
