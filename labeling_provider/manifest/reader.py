"""Reads manifests line by line, in constant memory, and says what is wrong with which line.

The format (developer guide, "Input manifest files" and "Input data quotas"): UTF-8 JSON Lines, one object a line
with ``source`` (the data itself) or ``source-ref`` (an S3 URI), at most 100,000 characters a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from itertools import chain
from math import isinf
from typing import Any, Final, NamedTuple

from labeling_provider.errors import LabelingError, printable

MAX_LINE: Final = 100_000
MAX_DEPTH: Final = 100
"""Most objects and lists within each other: what works on a line may recurse so far, wherever it is called from."""
_HALF_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_MAX_BYTES: Final = 4 * MAX_LINE + len("\r\n")


class LineProblem(NamedTuple):
    """One thing wrong in a manifest.

    :param line: line number, from 1; 0 for the whole file.
    :param offset: where the line starts, in bytes.
    :param message: what is wrong and what to do.
    """

    line: int
    offset: int
    message: str

    def __str__(self) -> str:
        message = printable(self.message)
        return f"line {self.line}: {message}" if self.line else message


class ManifestError(LabelingError):
    """A manifest that cannot be read.

    :param where: the manifest's URI or path.
    :param problems: what is wrong with which lines.
    """

    def __init__(self, where: str, problems: Iterable[LineProblem]) -> None:
        self.where, self.problems = where, tuple(problems)
        super().__init__(f"{where}: " + "; ".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[ManifestError], tuple[str, tuple[LineProblem, ...]]]:
        return type(self), (self.where, self.problems)


def parse_line(raw: bytes, data_key: str = "", *, half_surrogates: bool = False) -> dict[str, Any]:
    """Read one line of a manifest.

    :param raw: the line, with or without its line break.
    :param data_key: ``source`` or ``source-ref`` if the line must have that one; empty for either.
    :param half_surrogates: let texts pass that have half a surrogate pair, for who fails such an object alone.
    :raises ValueError: in words for a person.
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
        data = json.loads(text, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        raise ValueError(_too_deep()) from None
    except ValueError as error:
        raise ValueError(f"not JSON ({error}); write one JSON object per line") from None
    if not isinstance(data, dict):
        raise ValueError("not a JSON object; write one JSON object per line")
    if is_too_deep(raw, data):
        raise ValueError(_too_deep())
    if not half_surrogates and "\\u" in text and (half := _half_surrogate(data)) is not None:
        raise ValueError(f"\\u{ord(half):04x} is half a character (half a surrogate pair); write whole ones")
    keys = (data_key,) if data_key else ("source", "source-ref")
    if not any(isinstance(data.get(key), str) for key in keys):
        wanted = f'"{data_key}"' if data_key else '"source" or "source-ref"'
        raise ValueError(f"has no {wanted}; every line names its data object")
    if data_key != "source" and isinstance(data.get("source-ref"), str):
        reference = data["source-ref"]
        if not reference.startswith(("s3://", "https://")):
            raise ValueError(f'"source-ref" is {reference[:80]!r}, not an S3 URI (s3://bucket/key)')
    return data


def is_too_deep(raw: bytes, data: Any) -> bool:
    """Whether a line has more objects and lists within each other than :data:`MAX_DEPTH`.

    :param data: what it says.
    """
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return False
    level, depth = [data], 0
    while level:
        depth += 1
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [one for several in inner for one in several if isinstance(one, dict | list)]
    return depth > MAX_DEPTH


def _too_deep() -> str:
    return f"not JSON of a sane depth: more than {MAX_DEPTH} objects and lists are within each other; write it flatter"


def _half_surrogate(value: Any) -> str | None:
    """The first half surrogate pair of a JSON value."""
    # Keys and texts show in it as they are.
    found = _HALF_SURROGATE.search(json.dumps(value, ensure_ascii=False))
    return found[0] if found else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text[:40]}… is too large a number, of {len(text):,} digits") from None


class CutLine(bytes):
    """The beginning of a line that is too long to be held.

    :ivar size: the whole line's bytes.
    """

    size: int


def size_of(raw: bytes) -> int:
    """How many bytes of the file a line takes."""
    return raw.size if isinstance(raw, CutLine) else len(raw)


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines out of chunks, each with its line break, never holding more than a line may have.

    :param chunks: the file in pieces of any size.
    :return: the lines; of one that is too long a :class:`CutLine`, so much that :func:`parse_line` can tell.
    """
    return chain.from_iterable(_blocks(chunks))


def _blocks(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Whole lines, as many at once as there are."""
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
    """A manifest line, with its line break."""
    try:
        return json.dumps(data, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        # Half a surrogate pair is fine in JSON's escapes and nowhere else; who reads the line tells of it.
        return json.dumps(data).encode() + b"\n"
