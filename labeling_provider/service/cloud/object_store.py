"""The interface for the S3 objects that labeling jobs read and write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from typing import IO, Final

# No bucket can have this name, so looking for it changes and costs nothing.
NO_OBJECT: Final = "s3://labeling-readiness-check/none"


class MissingObject(Exception):
    """There is no object at an S3 URI."""


class ObjectsAway(Exception):
    """The object store does not answer, or refuses the service; the text says which one, and what is wrong."""


class ObjectStore(ABC):
    """Reads and writes whole objects by S3 URI."""

    @abstractmethod
    def read(self, uri: str) -> bytes:
        """The object's bytes.

        :raises MissingObject: if there is none.
        """

    def beginning(self, uri: str, max_bytes: int) -> bytes:
        """The object's first bytes.

        :param max_bytes: how many, at most.
        :raises MissingObject: if there is none.
        """
        return self.read(uri)[:max_bytes]

    def size(self, uri: str) -> int:
        """The object's size in bytes.

        :raises MissingObject: if there is none.
        """
        return len(self.read(uri))

    @abstractmethod
    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        """Write objects. Pass as many as possible in one call: they are written in parallel, in any order.

        When this returns, all of them are stored. When it raises, some may be stored, and none is still being written.
        So write an object that must come last, such as a manifest, with a separate call.

        :param files: bytes and content type by URI. The buckets must exist.
        :raises MissingObject: if a bucket does not exist.
        """

    def copy_to(self, uri: str, file: IO[bytes]) -> None:
        """Write the object's bytes, which may be many, into a file.

        :raises MissingObject: if there is none.
        """
        file.write(self.read(uri))

    def write_long(self, uri: str, body: IO[bytes], content_type: str) -> None:
        """Write one object that may be long.

        :param body: its bytes, positioned at the start.
        :raises MissingObject: if the bucket does not exist.
        """
        self.write({uri: (body.read(), content_type)})

    @abstractmethod
    def version(self, uri: str) -> str | None:
        """A string that changes whenever the object does; None if the object does not exist."""

    def check(self) -> None:
        """Ask whether objects can be read at all.

        :raises Exception: if not, as reading does.
        """
        self.version(NO_OBJECT)

    @property
    def impatient(self) -> ObjectStore:
        """The same objects for people's pages: what can't be read soon raises :class:`ObjectsAway`."""
        return self

    @abstractmethod
    def delete_below(self, prefix: str) -> int:
        """Delete all objects whose URI begins with a prefix. In a bucket with versions, these stay.

        :return: how many.
        """

    def link(self, bucket: str, key: str, signed_at: datetime, seconds: int) -> str | None:
        """A URL at which anybody can read an object for a while; the same arguments give the same URL.

        :param signed_at: when the URL becomes valid, in UTC.
        :param seconds: how long it is valid.
        :return: None if the objects are read at the service's own address.
        """
        return None

    def lines(self, uri: str) -> Iterator[bytes]:
        """The object's lines, each with its line break.

        :raises MissingObject: if there is no object.
        """
        return iter(BytesIO(self.read(uri)))
