"""Where manifests are: local paths, and ``s3://`` through a store such as the hook; ``.gz`` is packed on the way."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

from labeling_provider.manifest.reader import LineProblem, ManifestError, split_lines

_CHUNK: Final = 1 << 17
_GZIP: Final = 16 + zlib.MAX_WBITS


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> Any:
        """Take some bytes."""


class Store(Protocol):
    """Reads and writes ``s3://`` URIs; :class:`labeling_provider.hooks.labeling.LabelingHook` is one."""

    def read_chunks(self, uri: str) -> Iterator[bytes]:
        """An object in pieces."""

    def writer(self, uri: str) -> Any:
        """A context manager that gives a :class:`Sink`; the object appears at its end, whole, or not at all."""


class Files:
    """Reads and writes files by path or URI, in constant memory.

    :param store: for ``s3://``; without it there are only local paths.
    """

    def __init__(self, store: Store | None = None) -> None:
        self._store = store

    def chunks(self, where: str | os.PathLike[str]) -> Iterator[bytes]:
        """A file in pieces, unpacked if its name ends with ``.gz``.

        :raises LabelingError: if it can't be read.
        """
        name = os.fspath(where)
        packed = self._s3.read_chunks(name) if name.startswith("s3://") else _local_chunks(name)
        return _unpacked(packed, name) if name.endswith(".gz") else packed

    def lines(self, where: str | os.PathLike[str]) -> Iterator[bytes]:
        """The lines of a file, each with its line break.

        :raises LabelingError: if it can't be read.
        """
        return split_lines(self.chunks(where))

    @contextmanager
    def writer(self, where: str | os.PathLike[str]) -> Iterator[Sink]:
        """A new file; it appears at the end, whole, or not at all.

        :raises LabelingError: if it can't be written.
        """
        name = os.fspath(where)
        opened = self._s3.writer(name) if name.startswith("s3://") else _local_writer(Path(name))
        with opened as sink:
            if not name.endswith(".gz"):
                yield sink
                return
            packer = _Packer(sink)
            yield packer
            packer.finish()

    def write_all(self, where: str | os.PathLike[str], pieces: Iterable[bytes]) -> None:
        """Write a file out of pieces.

        :raises LabelingError: if it can't be written.
        """
        with self.writer(where) as sink:
            for piece in pieces:
                sink.write(piece)

    @property
    def _s3(self) -> Store:
        if self._store is None:
            raise ValueError("s3:// needs a store: give LabelingHook().")
        return self._store


class _Packer:
    """Packs what it is given; the same bytes always make the same file."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._pack = sink, zlib.compressobj(wbits=_GZIP)

    def write(self, data: bytes) -> None:
        if packed := self._pack.compress(data):
            self._sink.write(packed)

    def finish(self) -> None:
        self._sink.write(self._pack.flush())


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


def _unpacked(chunks: Iterator[bytes], where: str) -> Iterator[bytes]:
    """What gzip has packed, piece by piece however well it was packed; files may hang together."""
    unpack, inside = zlib.decompressobj(_GZIP), False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                inside = True
                if piece := unpack.decompress(rest, _CHUNK):
                    yield piece
                rest = unpack.unconsumed_tail
                if unpack.eof:
                    rest = unpack.unused_data
                    unpack, inside = zlib.decompressobj(_GZIP), False
        if inside:
            yield unpack.flush()
            if not unpack.eof:
                raise zlib.error("it ends too early")
    except zlib.error as error:
        raise ManifestError(where, [LineProblem(0, 0, f"is no whole gzip file: {error}")]) from None
