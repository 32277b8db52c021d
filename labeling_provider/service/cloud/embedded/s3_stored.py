"""Objects of moto's S3 as the database has them: read when they are asked for, and forgotten after the request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, MutableMapping
from functools import cache, partial
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from labeling_provider.service.cloud.embedded import s3_state
from labeling_provider.service.database.recorded_objects import MAX_READ_AHEAD, StoredVersion


class VersionGone(Exception):
    """A version was overwritten or deleted while it was read: the request must be answered again."""


class BytesLater(bytes):
    """Bytes of a version that moto hands on without looking at them, to be read when the answer is sent.

    It has no bytes itself, and supports only its length, slices and bytes().
    """

    _copy: Callable[[int, int, IO[bytes]], bool]
    _begin = _end = 0

    @classmethod
    def of(cls, copy: Callable[[int, int, IO[bytes]], bool], begin: int, end: int) -> BytesLater:
        """The bytes from a position to before another one.

        :param copy: copies bytes into a file; says whether the version is still the same.
        """
        later = cls()
        later._copy, later._begin, later._end = copy, begin, end
        return later

    def __len__(self) -> int:
        return self._end - self._begin

    def __bool__(self) -> bool:
        return len(self) > 0

    def __bytes__(self) -> bytes:
        return self

    def __getitem__(self, wanted: Any) -> Any:
        begin, end, _ = wanted.indices(len(self))
        return BytesLater.of(self._copy, self._begin + begin, self._begin + max(begin, end))

    def write_to(self, file: IO[bytes]) -> None:
        """:raises VersionGone: if the version was overwritten or deleted meanwhile."""
        if not self._copy(self._begin, self._end, file):
            raise VersionGone


def write_value(value: bytes, file: IO[bytes]) -> None:
    """Write what moto gives as the bytes of a version.

    :raises VersionGone: if the version was overwritten or deleted meanwhile.
    """
    if isinstance(value, BytesLater):
        value.write_to(file)
    else:
        file.write(value)


def stored_version(
    stored: StoredVersion,
    bucket: str,
    account: str,
    region: str,
    tagger: Any,
    *,
    read: Callable[[StoredVersion], bytes | None],
    copy: Callable[[StoredVersion, int, int, IO[bytes]], bool] | None,
) -> Any:
    """moto's version of an object, or delete marker.

    :param tagger: gets its tags.
    :param read: reads the bytes of a version that has many.
    :param copy: copies them into a file, where moto only hands them on; None where it may do something with them.
    """
    if s3_state.is_marker_state(stored.state):
        return s3_state.make_marker(stored.key, stored.version, stored.state)
    version = _stored_key()(stored.key, b"", account, region, version_id=stored.version, bucket_name=bucket)
    s3_state.apply_version(version, stored.state, tagger)
    version.contentsize = stored.size
    version.later = (lambda: read(stored)) if stored.body is None else (lambda: stored.body)
    version.forget_bytes()
    if copy is not None and stored.body is None:
        version.handed_on = BytesLater.of(partial(copy, stored), 0, stored.size)
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
        handed_on: BytesLater | None = None
        _buffer: Any = None

        @property
        def value(self) -> bytes:
            if self.handed_on is not None:
                return self.handed_on
            whole: bytes = FakeKey.value.fget(self)
            return whole

        @value.setter
        def value(self, value: bytes) -> None:
            FakeKey.value.fset(self, value)

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
            """Read the bytes again when they are asked for."""
            self._buffer = None

        def dispose(self, garbage: bool = False) -> None:
            """Nothing has to be given back."""

    return StoredKey
