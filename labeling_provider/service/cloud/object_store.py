"""Objects: what labeling jobs read and write, by S3 URI."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from io import BytesIO


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
        """Keep objects. Give as many as there are: they are written together, in no certain order.

        When this returns, all of them are kept. When it raises, some may be, and none is any more on its way. So what
        must come last, such as a manifest, is a call of its own.

        :param files: bytes and content type by URI. The buckets must exist.
        :raises MissingObject: if one does not.
        """

    @abstractmethod
    def version(self, uri: str) -> str | None:
        """Something that changes when the object does; None if there is no object."""

    def link(self, bucket: str, key: str, seconds: int) -> str | None:
        """An address at which anybody can read an object for a while.

        :param seconds: for how long.
        :return: None if the objects are read at the service's own address.
        """
        return None

    def lines(self, uri: str) -> Iterator[bytes]:
        """The object's lines, each with its line break."""
        return iter(BytesIO(self.read(uri)))
