"""New manifests out of data objects: those that are known already are left out, and so many are chosen."""

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


class DataObject(NamedTuple):
    """An object that may go into a manifest.

    :param data: its line; None where there is nothing.
    :param where: where it was found, for errors.
    """

    data: Mapping[str, Any] | None
    where: str


def data_object(value: str | Mapping[str, Any], where: str, data_key: str = "") -> DataObject:
    """A data object out of a text, an S3 URI, or a whole line.

    :param data_key: ``source`` or ``source-ref``; empty for ``source-ref`` where the value is an S3 URI.
    """
    if isinstance(value, str):
        return DataObject({data_key or ("source-ref" if value.startswith("s3://") else "source"): value}, where)
    return DataObject(value, where)


def text_objects(files: Files, uri: str) -> Iterator[DataObject]:
    """A text from each line of a file, without the blanks around it; nothing from an empty line.

    :raises ManifestError: if a line is not UTF-8.
    """
    for number, text in _decoded(files, uri):
        stripped = text.strip()
        yield DataObject({"source": stripped} if stripped else None, f"{uri}, line {number}")


def column_objects(files: Files, uri: str, column: str, data_key: str = "") -> Iterator[DataObject]:
    """An object from each row of a table, out of one column; nothing from a row without a value.

    :param uri: a CSV file with a header, or a Parquet file if its name ends with ``.parquet``.
    :raises ManifestError: if the file or a row can't be read, or there is no such column.
    """
    rows = _parquet_values(files, uri, column) if uri.endswith(".parquet") else _csv_values(files, uri, column)
    for number, value in rows:
        where = f"{uri}, row {number}"
        yield data_object(value, where, data_key) if value else DataObject(None, where)


def _csv_values(files: Files, uri: str, column: str) -> Iterator[tuple[int, str | None]]:
    reader = csv.DictReader(text for _, text in _decoded(files, uri))
    try:
        if column not in (reader.fieldnames or ()):
            raise _no_column(uri, column, reader.fieldnames or ())
        for number, row in enumerate(reader, 1):
            yield number, row[column]
    except csv.Error as error:
        raise ManifestError(uri, [LineProblem(reader.line_num + 1, 0, f"is no CSV: {error}")]) from None


def _parquet_values(files: Files, uri: str, column: str) -> Iterator[tuple[int, str | None]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise LabelingError(f"{uri}: Parquet needs pyarrow; install airflow-provider-labeling[parquet].") from None
    # Parquet is read from its end, so the file has to be here.
    with TemporaryFile() as copy:
        for chunk in files.chunks(uri):
            copy.write(chunk)
        try:
            table = parquet.ParquetFile(copy)
            if column not in table.schema_arrow.names:
                raise _no_column(uri, column, table.schema_arrow.names)
            number = 0
            for batch in table.iter_batches(_ROWS, columns=[column]):
                for value in batch.column(0).to_pylist():
                    number += 1
                    yield number, value if value is None else str(value)
        except (ArrowException, OSError) as error:
            raise ManifestError(uri, [LineProblem(0, 0, f"is no Parquet file: {error}")]) from None


def _no_column(uri: str, column: str, names: Iterable[str]) -> ManifestError:
    told = ", ".join(repr(name) for name in islice(names, 20))
    return ManifestError(uri, [LineProblem(0, 0, f"has no column {column!r}, only {told}")])


def _decoded(files: Files, uri: str) -> Iterator[tuple[int, str]]:
    for number, raw in enumerate(files.lines(uri), 1):
        if isinstance(raw, CutLine):
            raise ManifestError(uri, [LineProblem(number, 0, f"has {raw.size:,} bytes; shorten it")])
        try:
            yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ManifestError(uri, [LineProblem(number, 0, f"byte {error.start + 1} is not UTF-8")]) from None


class Building:
    """Chooses objects and makes manifest lines of them.

    :param known: objects that are left out; those that are chosen from are added.
    :param data_key: ``source`` or ``source-ref`` if every object must have that one; empty for either.
    :param objects: what tells objects apart; the same as of the known ones.
    :ivar counts: how many objects were ``found``, how many of them were ``known`` or found before, and how many lines
        or rows were ``empty``.
    """

    def __init__(self, known: Known, data_key: str = "", objects: ObjectKeys | None = None) -> None:
        self._known, self._data_key, self._object_keys = known, data_key, objects or ObjectKeys()
        self.counts: Counter[str] = Counter(found=0, known=0, empty=0)

    def lines(
        self, objects: Iterable[DataObject], most: int | None = None, choose: Literal["first", "random"] = "first"
    ) -> Iterator[bytes]:
        """Lines of the objects that are not known yet, in their order.

        :param most: how many at most; None for all.
        :param choose: which of them: the ``first``, or ``random`` ones: those whose hash is smallest, so that the same
            objects always give the same choice, and more objects give a choice that holds most of it.
        :raises ManifestError: if an object can't be a line.
        """
        new = self._new(objects)
        if most is None:
            chosen: Iterable[tuple[bytes, int, bytes]] = new
        elif choose == "first":
            chosen = islice(new, most)
        else:
            chosen = sorted(heapq.nsmallest(most, new), key=lambda one: one[1])
        for _, _, line in chosen:
            yield line
        for _ in new:
            pass

    def _new(self, objects: Iterable[DataObject]) -> Iterator[tuple[bytes, int, bytes]]:
        """Place in the choice, number and line of each new object."""
        for number, one in enumerate(objects, 1):
            if one.data is None:
                self.counts["empty"] += 1
                continue
            self.counts["found"] += 1
            try:
                line = written(one.data)
                data = parse_line(line, self._data_key)
                digest = self._object_keys.digest(data)
            except (ValueError, TypeError, RecursionError) as error:
                raise ManifestError(one.where, [LineProblem(0, 0, str(error))]) from None
            if self._known.add(digest):
                yield self._object_keys.digest(data, _CHOICE), number, line
            else:
                self.counts["known"] += 1
