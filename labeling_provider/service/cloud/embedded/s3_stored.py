"""Objects of moto's S3 as the database has them: read when they are asked for, and forgotten after the request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, MutableMapping
from functools import cache
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import Any

from labeling_provider.service.cloud.embedded import s3_state
from labeling_provider.service.database.recorded_objects import MAX_READ_AHEAD, FoundVersion


class VersionGone(Exception):
    """A version was overwritten or deleted while it was read: the request must be answered anew."""


def stored_version(
    found: FoundVersion,
    bucket: str,
    account: str,
    region: str,
    tagger: Any,
    read: Callable[[FoundVersion], bytes | None],
) -> Any:
    """moto's version of an object, or delete marker.

    :param tagger: gets its tags.
    :param read: reads the bytes of a version that has many.
    """
    if s3_state.is_marker_state(found.state):
        return s3_state.make_marker(found.key, found.version, found.state)
    version = _stored_key()(found.key, b"", account, region, version_id=found.version, bucket_name=bucket)
    s3_state.apply_version(version, found.state, tagger)
    version.contentsize = found.size
    version.later = (lambda: read(found)) if found.body is None else (lambda: found.body)
    version.forget_bytes()
    return version


class _OfObjects(threading.local):
    def __init__(self) -> None:
        self.tags: dict[str, Any] = {}


class TagsOfRequest(MutableMapping[str, Any]):
    """moto's tags by ARN: those of buckets, and in each thread those of the objects that its request has looked up."""

    def __init__(self) -> None:
        self._of_buckets: dict[str, Any] = {}
        self._of_objects = _OfObjects()

    def forget(self) -> None:
        """Forget the tags of this thread's objects."""
        self._of_objects.tags.clear()

    def _where(self, arn: object) -> dict[str, Any]:
        # Only the ARN of an object has a slash.
        return self._of_objects.tags if "/" in str(arn) else self._of_buckets

    def __getitem__(self, arn: str) -> Any:
        return self._where(arn)[arn]

    def __setitem__(self, arn: str, tags: Any) -> None:
        self._where(arn)[arn] = tags

    def __delitem__(self, arn: str) -> None:
        del self._where(arn)[arn]

    def __iter__(self) -> Iterator[str]:
        return chain(self._of_buckets, self._of_objects.tags)

    def __len__(self) -> int:
        return len(self._of_buckets) + len(self._of_objects.tags)


@cache
def _stored_key() -> Any:
    from moto.s3.models import FakeKey

    class StoredKey(FakeKey):  # type: ignore[misc]
        """A version whose bytes are read from the database when moto first asks for them."""

        later: Callable[[], bytes | None] | None = None
        _buffer: Any = None

        @property
        def _value_buffer(self) -> Any:
            if self._buffer is None:
                self._buffer = SpooledTemporaryFile(MAX_READ_AHEAD)  # noqa: SIM115 - it goes with the version
                if self.later is not None:
                    body = self.later()
                    if body is None:
                        raise VersionGone(self.name)
                    self._buffer.write(body)
            return self._buffer

        @_value_buffer.setter
        def _value_buffer(self, _: Any) -> None:
            """moto makes a buffer for each new object; this one has its own."""

        def forget_bytes(self) -> None:
            """Read them when they are asked for."""
            self._buffer = None

        def dispose(self, garbage: bool = False) -> None:
            """Nothing has to be given back."""

    return StoredKey
