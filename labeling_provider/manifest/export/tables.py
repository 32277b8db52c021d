"""Classes of objects as tables: CSV and Parquet, one row for each object and class."""

from __future__ import annotations

import io
from contextlib import ExitStack
from typing import Any, ClassVar, Final, NamedTuple

from labeling_provider.errors import LabelingError
from labeling_provider.manifest.export.base import Example, Format, csv_row, no_formula, printable
from labeling_provider.manifest.files import Sink
from labeling_provider.manifest.labels import ClassesLabel, ClassLabel, Label, LabelError

_ROWS: Final = 10_000


class Row(NamedTuple):
    """A row; the class is None where workers have chosen none of several."""

    object: str
    class_name: str | None
    class_id: int | None
    confidence: float | None
    by_people: bool
    job: str | None
    created: str | None


def named_classes(label: Label) -> dict[int, str]:
    """Names of a classification's classes by the labeling job's number.

    :raises LabelError: if one has no name.
    """
    if isinstance(label, ClassesLabel):
        found: dict[int, str | None] = {number: label.class_names.get(number) for number in label.class_ids}
    else:
        found = {label.class_id: label.class_name} if isinstance(label, ClassLabel) else {}
    names = {number: name for number, name in found.items() if name is not None}
    if len(names) < len(found):
        missing = min(found.keys() - names.keys())
        raise LabelError(f"{label.attribute}: class {missing} has no name in {label.attribute}-metadata")
    return names


class Table(Format[list[Row]]):
    """What the formats of tables share."""

    takes = (ClassLabel, ClassesLabel)

    def read(self, example: Example) -> list[Row]:
        """The rows of an object."""
        label, about = example.label, example.label.about
        names = named_classes(label)
        numbers = self.classes.numbers(label, names)
        rated = label.confidences if isinstance(label, ClassesLabel) else dict.fromkeys(names, about.confidence)
        rest = (about.human_annotated != "no", about.job_name, about.creation_date)
        rows = [Row(example.object, name, numbers[one], rated.get(one), *rest) for one, name in names.items()]
        return rows or [Row(example.object, None, None, None, *rest)]


class Csv(Table):
    """CSV: ``SET.csv`` for each set, UTF-8, with a header; an apostrophe is before texts that would be formulas."""

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the set's file."""
        self._sink = self.folder.sink(stack, f"{set_name}.csv")
        self._sink.write(csv_row(Row._fields))

    def write(self, example: Example, content: list[Row]) -> None:
        """Write the rows of an object."""
        for row in content:
            safe = row if self._keep_formulas else [no_formula(cell) for cell in row]
            self.notes["formulas_quoted"] += sum(one is not other for one, other in zip(row, safe, strict=True))
            self._sink.write(csv_row(safe))


class Parquet(Table):
    """Parquet: ``SET.parquet`` for each set; needs pyarrow, the extra ``parquet``."""

    _types: ClassVar[dict[str, str]] = {"class_id": "int64", "confidence": "float64", "by_people": "bool"}

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the set's file.

        :raises LabelingError: if pyarrow is missing.
        """
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise LabelingError("Parquet needs pyarrow; install airflow-provider-labeling[parquet].") from None
        fields = [(name, pyarrow.type_for_alias(self._types.get(name, "string"))) for name in Row._fields]
        self._schema = pyarrow.schema(fields)
        self._batch = pyarrow.RecordBatch
        self._rows: list[Row] = []
        sink = self.folder.sink(stack, f"{set_name}.parquet")
        self._writer = stack.enter_context(parquet.ParquetWriter(_WritableFile(sink), self._schema))

    def write(self, example: Example, content: list[Row]) -> None:
        """Write the rows of an object, together with others."""
        self._rows.extend(content)
        if len(self._rows) >= _ROWS:
            self._flush()

    def end(self, set_name: str) -> None:
        """Write the last rows."""
        self._flush()

    def _flush(self) -> None:
        rows = [
            {key: printable(value) if isinstance(value, str) else value for key, value in row._asdict().items()}
            for row in self._rows
        ]
        self._writer.write_batch(self._batch.from_pylist(rows, schema=self._schema))
        self._rows.clear()


class _WritableFile(io.RawIOBase):
    """A sink as the file that pyarrow asks for."""

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
