"""Reads manifests line by line, in constant memory, and reports what is wrong with each line.

Format (developer guide, "Input manifest files" and "Input data quotas"): UTF-8 JSON Lines, one object per line with
``source`` (the data itself) or ``source-ref`` (an S3 URI), at most 100,000 characters per line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from itertools import chain
from typing import Any, Final, NamedTuple

from labeling_provider.errors import LabelingError, printable
from labeling_provider.groundtruth.documents import (
    MAX_NESTING,
    as_json,
    finite_float,
    is_deep,
    lone_surrogate,
    refuse_constant,
)
from labeling_provider.groundtruth.facts import Quota

MAX_LINE: Final = Quota.MANIFEST_LINE
"""Most characters in a line."""
_MAX_BYTES: Final = 4 * MAX_LINE + len("\r\n")
_TOO_DEEP: Final = f"is nested more than {MAX_NESTING} levels deep; write it flatter"


class LineProblem(NamedTuple):
    """One thing wrong with a manifest.

    :param line: line number, from 1; 0 for the whole file.
    :param offset: start of the line in the file, in bytes.
    :param message: what is wrong and how to fix it.
    """

    line: int
    offset: int
    message: str

    def __str__(self) -> str:
        message = printable(self.message)
        return f"line {self.line}: {message}" if self.line else message


class ManifestError(LabelingError):
    """A manifest cannot be read.

    :param where: the manifest's URI or path.
    :param problems: what is wrong, by line.
    """

    def __init__(self, where: str, problems: Iterable[LineProblem]) -> None:
        self.where, self.problems = where, tuple(problems)
        super().__init__(f"{where}: " + "; ".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[ManifestError], tuple[str, tuple[LineProblem, ...]]]:
        return type(self), (self.where, self.problems)


def parse_line(raw: bytes, data_key: str = "", *, half_surrogates: bool = False) -> dict[str, Any]:
    """Read one line of a manifest.

    :param raw: the line, with or without its line break.
    :param data_key: ``source`` or ``source-ref`` if the line must have that key; empty for either.
    :param half_surrogates: accept strings with lone surrogates, for callers that fail only the object concerned.
    :raises ValueError: in words for people, if the line is not a data object.
    """
    if len(raw) > _MAX_BYTES:
        raise ValueError(f"{size_of(raw):,} bytes, at most {MAX_LINE:,} characters are allowed; shorten it")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1} is not UTF-8; save the manifest as UTF-8") from None
    if len(text.rstrip("\r\n")) > MAX_LINE:
        raise ValueError(f"{len(text):,} characters, at most {MAX_LINE:,} are allowed; shorten it")
    try:
        data = json.loads(text, parse_constant=refuse_constant, parse_float=finite_float, parse_int=_whole)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except ValueError as error:
        raise ValueError(f"not JSON ({error}); write one JSON object per line") from None
    if not isinstance(data, dict):
        raise ValueError("not a JSON object; write one JSON object per line")
    if is_too_deep(raw, data):
        raise ValueError(_TOO_DEEP)
    if not half_surrogates and "\\u" in text and (surrogate := lone_surrogate(data)) is not None:
        raise ValueError(f"\\u{ord(surrogate):04x} is half a character (a lone surrogate); write whole characters")
    keys = (data_key,) if data_key else ("source", "source-ref")
    if not any(isinstance(data.get(key), str) for key in keys):
        expected = f'"{data_key}"' if data_key else '"source" or "source-ref"'
        raise ValueError(f"has no {expected}; every line names its data object")
    if data_key != "source" and isinstance(data.get("source-ref"), str):
        reference = data["source-ref"]
        if not reference.startswith(("s3://", "https://")):
            raise ValueError(f'"source-ref" is {reference[:80]!r}, not an S3 URI (s3://bucket/key)')
    return data


def is_too_deep(raw: bytes, data: Any) -> bool:
    """Whether a line has more than :data:`~labeling_provider.groundtruth.documents.MAX_NESTING` levels of objects and
    lists.

    :param data: the line, parsed.
    """
    # Counting brackets is cheap and enough for most lines.
    return raw.count(b"{") + raw.count(b"[") > MAX_NESTING and is_deep(data)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"the number {text[:40]}… is too large: it has {len(text):,} digits") from None


class CutLine(bytes):
    """The start of a line that is too long to keep.

    :ivar size: size of the whole line, in bytes.
    """

    size: int


def size_of(raw: bytes) -> int:
    """The size of a line in the file, in bytes."""
    return raw.size if isinstance(raw, CutLine) else len(raw)


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Split chunks into lines, each with its line break, in constant memory.

    :param chunks: the file in pieces of any size.
    :return: the lines; in place of a line that is too long, a :class:`CutLine`, which :func:`parse_line` refuses.
    """
    return chain.from_iterable(_blocks(chunks))


def _blocks(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Whole lines, in batches."""
    pending, cut = bytearray(), 0
    for chunk in chunks:
        for start in range(0, len(chunk), _MAX_BYTES):
            lines = list(BytesIO(chunk[start : start + _MAX_BYTES]))
            rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            if lines and pending:
                room = _MAX_BYTES + 1 - len(pending)
                cut += max(len(lines[0]) - room, 0)
                lines[0] = _line(pending + lines[0][:room], cut)
                pending.clear()
                cut = 0
            yield lines
            room = _MAX_BYTES + 1 - len(pending)
            pending += rest[:room]
            cut += max(len(rest) - room, 0)
    if pending:
        yield [_line(pending, cut)]


def _line(pending: bytearray, cut: int) -> bytes:
    if not cut:
        return bytes(pending)
    line = CutLine(pending)
    line.size = len(pending) + cut
    return line


def written(data: Mapping[str, Any]) -> bytes:
    """A data object as a manifest line, with its line break.

    :raises ValueError: for a number that JSON cannot express, such as NaN.
    """
    return as_json(data).encode() + b"\n"
