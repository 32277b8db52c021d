"""Reads and writes manifests at local paths, and in S3 through a store such as the hook; handles ``.gz`` files."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.uris import as_s3_uri
from labeling_provider.manifest.former_names import renamed
from labeling_provider.manifest.reader import LineProblem, ManifestError, split_lines

_CHUNK: Final = 1 << 17
_GZIP: Final = 16 + zlib.MAX_WBITS


class Sink(Protocol):
    """Something to write bytes to."""

    def write(self, data: bytes, /) -> Any:
        """Write some bytes."""


class Store(Protocol):
    """Reads and writes ``s3://`` URIs, as :class:`labeling_provider.hooks.labeling.LabelingHook` does."""

    def read_chunks(self, uri: str) -> Iterator[bytes]:
        """Read an object in chunks."""

    def writer(self, uri: str) -> Any:
        """A context manager that returns a :class:`Sink`. The object appears on exit, complete or not at all."""


class Files:
    """Reads and writes files by path or URI, in constant memory.

    :param store: access to S3 URIs, also those that are addresses at Amazon; without it only local paths work.
    """

    def __init__(self, store: Store | None = None) -> None:
        self._store = store

    def chunks(self, where: str | os.PathLike[str]) -> Iterator[bytes]:
        """Read a file in chunks, decompressed if its name ends with ``.gz``.

        :raises LabelingError: if it can't be read.
        """
        name = _place(where)
        stored = self._s3.read_chunks(name) if name.startswith("s3://") else _local_chunks(name)
        return _decompressed(stored, name) if name.endswith(".gz") else stored

    @renamed(most="max_bytes")
    def whole(self, where: str | os.PathLike[str], max_bytes: int) -> bytes:
        """Read a whole file.

        :param max_bytes: how many bytes it may have, decompressed.
        :raises LabelingError: if it can't be read, or has more.
        """
        body = bytearray()
        for chunk in self.chunks(where):
            body += chunk
            if len(body) > max_bytes:
                raise LabelingError(f"{os.fspath(where)} has more than {max_bytes:,} bytes")
        return bytes(body)

    def lines(self, where: str | os.PathLike[str]) -> Iterator[bytes]:
        """The lines of a file, each with its line break.

        :raises LabelingError: if it can't be read.
        """
        return split_lines(self.chunks(where))

    @contextmanager
    def writer(self, where: str | os.PathLike[str]) -> Iterator[Sink]:
        """Write a new file, which appears on exit, complete or not at all.

        :raises LabelingError: if it can't be written.
        """
        name = _place(where)
        opened = self._s3.writer(name) if name.startswith("s3://") else _local_writer(Path(name))
        with opened as sink:
            if not name.endswith(".gz"):
                yield sink
                return
            compressor = _Compressor(sink)
            yield compressor
            compressor.finish()

    def write_all(self, where: str | os.PathLike[str], pieces: Iterable[bytes]) -> None:
        """Write a file from pieces.

        :raises LabelingError: if it can't be written.
        """
        with self.writer(where) as sink:
            for piece in pieces:
                sink.write(piece)

    @property
    def _s3(self) -> Store:
        if self._store is None:
            raise ValueError("s3:// needs a store; pass LabelingHook().")
        return self._store


def _place(where: str | os.PathLike[str]) -> str:
    return as_s3_uri(where) if isinstance(where, str) else os.fspath(where)


class _Compressor:
    """Compresses to gzip; the same bytes always give the same file."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._gzip = sink, zlib.compressobj(wbits=_GZIP)

    def write(self, data: bytes) -> None:
        if compressed := self._gzip.compress(data):
            self._sink.write(compressed)

    def finish(self) -> None:
        self._sink.write(self._gzip.flush())


def _local_chunks(path: str) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise ManifestError(path, [LineProblem(0, 0, f"can't be read: {error.strerror}")]) from error


@contextmanager
def _local_writer(path: Path) -> Iterator[Sink]:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb", buffering=_CHUNK) as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise ManifestError(str(path), [LineProblem(0, 0, f"can't be written: {error.strerror}")]) from error
    finally:
        with suppress(OSError):
            part.unlink()


def _decompressed(chunks: Iterator[bytes], where: str) -> Iterator[bytes]:
    """Decompress gzip in bounded chunks, whatever the compression ratio; several gzip files may be concatenated."""
    gzip, inside = zlib.decompressobj(_GZIP), False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                inside = True
                if piece := gzip.decompress(rest, _CHUNK):
                    yield piece
                rest = gzip.unconsumed_tail
                if gzip.eof:
                    rest = gzip.unused_data
                    gzip, inside = zlib.decompressobj(_GZIP), False
        if inside:
            yield gzip.flush()
            if not gzip.eof:
                raise zlib.error("it ends too early")
    except zlib.error as error:
        raise ManifestError(where, [LineProblem(0, 0, f"is not a complete gzip file: {error}")]) from None
