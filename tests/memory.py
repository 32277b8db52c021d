"""An S3 in memory, for code that takes any store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from labeling_provider.errors import LabelingError


class MemoryStore:
    """Objects by URI."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def read_chunks(self, uri: str) -> Iterator[bytes]:
        if uri not in self.objects:
            raise LabelingError(f"{uri} can't be read: it is not there")
        yield self.objects[uri]

    @contextmanager
    def writer(self, uri: str) -> Iterator[BytesIO]:
        sink = BytesIO()
        yield sink
        self.objects[uri] = sink.getvalue()
