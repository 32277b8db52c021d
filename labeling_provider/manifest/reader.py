"""Reads manifests line by line, in constant memory, and says what is wrong with which line.

The format (developer guide, "Input manifest files" and "Input data quotas"): UTF-8 JSON Lines, one object a line
with ``source`` (the data itself) or ``source-ref`` (an S3 URI), at most 100,000 characters a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, NamedTuple

from labeling_provider.errors import LabelingError

LINE_LIMIT: Final = 100_000
_BYTES_LIMIT: Final = 4 * LINE_LIMIT + len("\r\n")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


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
        return f"line {self.line}: {self.message}" if self.line else self.message


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


@dataclass(frozen=True)
class ManifestReport:
    """What a manifest holds.

    :param lines: data objects, good and bad.
    :param labeled: lines that already have the label attribute.
    :param problems: the first problems found, in line order.
    :param more_problems: how many more there are.
    """

    lines: int
    labeled: int
    problems: tuple[LineProblem, ...]
    more_problems: int

    @property
    def unlabeled(self) -> int:
        """Objects that still need a label."""
        return self.lines - self.labeled


def parse_line(raw: bytes, data_key: str = "") -> dict[str, Any]:
    """Read one line of a manifest.

    :param raw: the line, with or without its line break.
    :param data_key: ``source`` or ``source-ref`` if the line must have that one; empty for either.
    :raises ValueError: in words for a person.
    """
    if len(raw) > _BYTES_LIMIT:
        raise ValueError(f"more than {LINE_LIMIT:,} characters; shorten it")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1} is not UTF-8; save the manifest as UTF-8") from None
    if len(text.rstrip("\r\n")) > LINE_LIMIT:
        raise ValueError(f"{len(text):,} characters, at most {LINE_LIMIT:,} are allowed; shorten it")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error}); write one JSON object per line") from None
    if not isinstance(data, dict):
        raise ValueError("not a JSON object; write one JSON object per line")
    keys = (data_key,) if data_key else ("source", "source-ref")
    if not any(isinstance(data.get(key), str) for key in keys):
        wanted = f'"{data_key}"' if data_key else '"source" or "source-ref"'
        raise ValueError(f"has no {wanted}; every line names its data object")
    if data_key != "source" and isinstance(data.get("source-ref"), str):
        reference = data["source-ref"]
        if not reference.startswith(("s3://", "https://")):
            raise ValueError(f'"source-ref" is {reference[:80]!r}, not an S3 URI (s3://bucket/key)')
    return data


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines out of chunks, each with its line break, never holding more than a line may have.

    :param chunks: the file in pieces of any size.
    :return: the lines; of one that is too long only so much that :func:`parse_line` can tell.
    """
    pending = bytearray()
    for chunk in chunks:
        for piece in BytesIO(chunk):
            pending += piece[: max(_BYTES_LIMIT + 1 - len(pending), 0)]
            if piece.endswith(b"\n"):
                yield bytes(pending)
                pending.clear()
    if pending:
        yield bytes(pending)


def read_manifest(lines: Iterable[bytes], where: str = "manifest", data_key: str = "") -> Iterator[dict[str, Any]]:
    """Every data object of a manifest, in order.

    :param lines: the raw lines, such as an open binary file.
    :param where: the manifest's name, for the error.
    :param data_key: ``source`` or ``source-ref`` if every line must have that one; empty for either.
    :raises ManifestError: at the first line that is wrong.
    """
    offset = 0
    for number, raw in enumerate(lines, 1):
        try:
            if number == 1 and raw.startswith(_BYTE_ORDER_MARK):
                raise ValueError("starts with a byte order mark; save the manifest without it")
            yield parse_line(raw, data_key)
        except ValueError as error:
            raise ManifestError(where, [LineProblem(number, offset, str(error))]) from None
        offset += len(raw)


def check_manifest(
    lines: Iterable[bytes],
    *,
    data_key: str = "",
    label_attribute: str | None = None,
    most_problems: int = 20,
) -> ManifestReport:
    """Look at every line and report all problems.

    :param lines: the raw lines, such as an open binary file.
    :param data_key: ``source`` or ``source-ref`` if every line must have that one; empty for either.
    :param label_attribute: lines that have this key count as labeled already.
    :param most_problems: how many problems to describe; the rest is counted.
    """
    count = labeled = more = offset = 0
    problems: list[LineProblem] = []
    for number, raw in enumerate(lines, 1):
        count = number
        try:
            if number == 1 and raw.startswith(_BYTE_ORDER_MARK):
                raise ValueError("starts with a byte order mark; save the manifest without it")
            data = parse_line(raw, data_key)
            labeled += label_attribute is not None and label_attribute in data
        except ValueError as error:
            if len(problems) < most_problems:
                problems.append(LineProblem(number, offset, str(error)))
            else:
                more += 1
        offset += len(raw)
    if not count:
        problems.append(LineProblem(0, 0, "the manifest is empty; it needs one line per data object"))
    return ManifestReport(count, labeled, tuple(problems), more)
