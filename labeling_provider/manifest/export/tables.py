"""Exports classifications as tables: CSV and Parquet, one row per object and class."""

from __future__ import annotations

import io
from contextlib import ExitStack
from typing import Any, ClassVar, Final, NamedTuple

from labeling_provider.errors import LabelingError
from labeling_provider.manifest.export.format import Example, Format, csv_row, no_formula, without_surrogates
from labeling_provider.manifest.files import Sink
from labeling_provider.manifest.typed_labels import ClassesLabel, ClassLabel

_ROWS: Final = 10_000


class TableRow(NamedTuple):
    """A row; the class is None if workers chose none of the classes."""

    object: str
    class_name: str | None
    class_id: int | None
    confidence: float | None
    by_people: bool
    job: str | None
    created: str | None


class Table(Format[list[TableRow]]):
    """Base of the table formats."""

    takes = (ClassLabel, ClassesLabel)

    def read(self, example: Example) -> list[TableRow]:
        """The rows of an object."""
        label, about = example.label, example.label.about
        names, numbers = label.named_classes, self.classes.numbers(label)
        confidences = label.confidences if isinstance(label, ClassesLabel) else dict.fromkeys(names, about.confidence)
        rest = (about.human_annotated != "no", about.job_name, about.creation_date)
        rows = [
            TableRow(example.object, name, numbers[class_id], confidences.get(class_id), *rest)
            for class_id, name in names.items()
        ]
        return rows or [TableRow(example.object, None, None, None, *rest)]


class Csv(Table):
    """CSV: ``SET.csv`` for each set, UTF-8, with a header; strings that would be formulas start with an apostrophe."""

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the set's file."""
        self._sink = self.folder.sink(stack, f"{set_name}.csv")
        self._sink.write(csv_row(TableRow._fields))

    def write(self, example: Example, content: list[TableRow]) -> None:
        """Write the rows of an object."""
        for row in content:
            safe = row if self._keep_formulas else [no_formula(cell) for cell in row]
            self.notes["formulas_quoted"] += sum(old is not new for old, new in zip(row, safe, strict=True))
            self._sink.write(csv_row(safe))


class Parquet(Table):
    """Parquet: ``SET.parquet`` for each set; needs pyarrow, the extra ``parquet``."""

    _types: ClassVar[dict[str, str]] = {"class_id": "int64", "confidence": "float64", "by_people": "bool"}

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the set's file.

        :raises LabelingError: if pyarrow is not installed.
        """
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise LabelingError("Parquet needs pyarrow; install airflow-provider-labeling[parquet].") from None
        fields = [(name, pyarrow.type_for_alias(self._types.get(name, "string"))) for name in TableRow._fields]
        self._schema = pyarrow.schema(fields)
        self._batch = pyarrow.RecordBatch
        self._rows: list[TableRow] = []
        sink = self.folder.sink(stack, f"{set_name}.parquet")
        self._writer = stack.enter_context(parquet.ParquetWriter(_WritableFile(sink), self._schema))

    def write(self, example: Example, content: list[TableRow]) -> None:
        """Add the rows of an object to the current batch."""
        self._rows.extend(content)
        if len(self._rows) >= _ROWS:
            self._flush()

    def end(self, set_name: str) -> None:
        """Write the last rows."""
        self._flush()

    def _flush(self) -> None:
        rows = [
            {key: without_surrogates(cell) if isinstance(cell, str) else cell for key, cell in row._asdict().items()}
            for row in self._rows
        ]
        self._writer.write_batch(self._batch.from_pylist(rows, schema=self._schema))
        self._rows.clear()


class _WritableFile(io.RawIOBase):
    """A sink as a file object, for pyarrow."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._position = sink, 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        body = bytes(data)
        self._sink.write(body)
        self._position += len(body)
        return len(body)
