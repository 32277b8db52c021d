"""Builds manifests from data objects: leaves out known objects, and limits how many of the others to take."""

from __future__ import annotations

import csv
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from tempfile import TemporaryFile
from typing import Any, Final, Literal, NamedTuple

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.manifest.files import Files
from labeling_provider.manifest.reader import CutLine, LineProblem, ManifestError, parse_line, written
from labeling_provider.manifest.select import Known

_ROWS: Final = 10_000
_CHOICE: Final = b"choice"


class Candidate(NamedTuple):
    """An object that may go into a manifest.

    :param data: its line as a JSON object; None for an empty line or row.
    :param where: its place in the input, for errors.
    """

    data: Mapping[str, Any] | None
    where: str

    @classmethod
    def of(cls, value: str | Mapping[str, Any], where: str, data_key: str = "") -> Candidate:
        """A candidate from a text, an S3 URI, or a line's JSON object.

        :param data_key: the key for a text, ``source`` or ``source-ref``; if empty, ``source-ref`` for an S3 URI and
            ``source`` for any other string.
        """
        if isinstance(value, str):
            return cls({data_key or ("source-ref" if value.startswith("s3://") else "source"): value}, where)
        return cls(value, where)


def text_objects(files: Files, uri: str) -> Iterator[Candidate]:
    """One object per line of a text file, without surrounding spaces; an empty line gives an empty candidate.

    :raises ManifestError: if a line is not UTF-8.
    """
    for number, text in _decoded(files, uri):
        stripped = text.strip()
        yield Candidate({"source": stripped} if stripped else None, f"{uri}, line {number}")


def column_objects(files: Files, uri: str, column: str, data_key: str = "") -> Iterator[Candidate]:
    """One object per row of a table, from one column; a row without a value gives an empty candidate.

    :param uri: a CSV file with a header, or a Parquet file if its name ends with ``.parquet``.
    :param data_key: see :meth:`Candidate.of`.
    :raises ManifestError: if the file or a row can't be read, or the column does not exist.
    :raises LabelingError: for a Parquet file, if pyarrow is not installed.
    """
    rows = _parquet_values(files, uri, column) if uri.endswith(".parquet") else _csv_values(files, uri, column)
    for number, value in rows:
        where = f"{uri}, row {number}"
        yield Candidate.of(value, where, data_key) if value else Candidate(None, where)


def _csv_values(files: Files, uri: str, column: str) -> Iterator[tuple[int, str | None]]:
    reader = csv.DictReader(text for _, text in _decoded(files, uri))
    try:
        if column not in (reader.fieldnames or ()):
            raise _missing_column(uri, column, reader.fieldnames or ())
        for number, row in enumerate(reader, 1):
            yield number, row[column]
    except csv.Error as error:
        raise ManifestError(uri, [LineProblem(reader.line_num + 1, 0, f"is not CSV: {error}")]) from None


def _parquet_values(files: Files, uri: str, column: str) -> Iterator[tuple[int, str | None]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise LabelingError(f"{uri}: Parquet needs pyarrow; install airflow-provider-labeling[parquet].") from None
    # Parquet is read from its end, so download the whole file first.
    with TemporaryFile() as copy:
        for chunk in files.chunks(uri):
            copy.write(chunk)
        try:
            table = parquet.ParquetFile(copy)
            if column not in table.schema_arrow.names:
                raise _missing_column(uri, column, table.schema_arrow.names)
            number = 0
            for batch in table.iter_batches(_ROWS, columns=[column]):
                for value in batch.column(0).to_pylist():
                    number += 1
                    yield number, value if value is None else str(value)
        except (ArrowException, OSError) as error:
            raise ManifestError(uri, [LineProblem(0, 0, f"is not a Parquet file: {error}")]) from None


def _missing_column(uri: str, column: str, names: Iterable[str]) -> ManifestError:
    columns = ", ".join(repr(name) for name in islice(names, 20)) or "none"
    return ManifestError(uri, [LineProblem(0, 0, f"has no column {column!r}; its columns: {columns}")])


def _decoded(files: Files, uri: str) -> Iterator[tuple[int, str]]:
    for number, raw in enumerate(files.lines(uri), 1):
        if isinstance(raw, CutLine):
            raise ManifestError(uri, [LineProblem(number, 0, f"has {raw.size:,} bytes; shorten it")])
        try:
            yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ManifestError(uri, [LineProblem(number, 0, f"byte {error.start + 1} is not UTF-8")]) from None


class _NewLine(NamedTuple):
    """A line that may be taken; ``rank`` orders the lines for a random selection."""

    rank: bytes
    number: int
    raw: bytes


class Building:
    """Selects objects and turns them into manifest lines.

    :param known: objects to leave out; every new candidate is added to it.
    :param data_key: ``source`` or ``source-ref`` if every object must have that key; empty for either.
    :param objects: the keys that identify an object, as used for ``known``.
    :ivar counts: number of objects ``found``, how many of them were ``known`` or repeated, and number of ``empty``
        lines or rows.
    """

    def __init__(self, known: Known, data_key: str = "", objects: ObjectKeys | None = None) -> None:
        self._known, self._data_key, self._object_keys = known, data_key, objects or ObjectKeys()
        self.counts: Counter[str] = Counter(found=0, known=0, empty=0)

    def lines(
        self,
        candidates: Iterable[Candidate],
        max_objects: int | None = None,
        choose: Literal["first", "random"] = "first",
    ) -> Iterator[bytes]:
        """Manifest lines of the new objects, in order.

        :param max_objects: the largest number of objects to take; None for all.
        :param choose: which to take: the ``first``, or ``random`` ones. Random ones have the smallest hashes, so the
            same objects always give the same selection, and adding objects changes little of it.
        :raises ManifestError: if an object can't be a manifest line.
        """
        new = self._new(candidates)
        if max_objects is None:
            selected: Iterable[_NewLine] = new
        elif choose == "first":
            selected = islice(new, max_objects)
        else:
            selected = sorted(heapq.nsmallest(max_objects, new), key=lambda line: line.number)
        for line in selected:
            yield line.raw
        # Count the objects that were not taken, too.
        for _ in new:
            pass

    def _new(self, candidates: Iterable[Candidate]) -> Iterator[_NewLine]:
        for number, candidate in enumerate(candidates, 1):
            if candidate.data is None:
                self.counts["empty"] += 1
                continue
            self.counts["found"] += 1
            try:
                raw = written(candidate.data)
                data = parse_line(raw, self._data_key)
                digest = self._object_keys.digest(data)
            except (ValueError, TypeError, RecursionError) as error:
                raise ManifestError(candidate.where, [LineProblem(0, 0, str(error))]) from None
            if self._known.add(digest):
                yield _NewLine(self._object_keys.digest(data, _CHOICE), number, raw)
            else:
                self.counts["known"] += 1
