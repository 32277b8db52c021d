"""What all export formats share: examples, classes, the output folder, and the base class."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from typing import Any, ClassVar, Final, Generic, TypeVar

from labeling_provider.groundtruth.documents import as_json
from labeling_provider.manifest.files import Files, Sink
from labeling_provider.manifest.pictures import BEGINNING_BYTES, MAX_BYTES, PictureError, as_stored, as_turned, facts_of
from labeling_provider.manifest.select import Known
from labeling_provider.manifest.typed_labels import Label, LabelError

MAX_CLASSES: Final = 10_000
_THREADS: Final = 10
_UNSAFE: Final = re.compile(r"[^\w.-]+")
_MAX_NAME: Final = 150
_FORMULA: Final = re.compile(r"[\s']*[=+\-@＝＋－＠]|'*[\t\r\n]")
_SEPARATORS: Final = frozenset(";|\t\r\v\f\x85\u2028\u2029")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
Converted = TypeVar("Converted")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True)
class Example:
    """A labeled object to export.

    :param set_name: the name of its set.
    :param raw: its manifest line, with the line break.
    :param line: the line, parsed.
    :param label: its label.
    :param file_name: name of its file, unique in its set, for formats with one file per object.
    :param text: its text, for formats that contain it.
    :param mask: the PNG with its label's pixels, for formats that need it.
    :param fetched: what its format has fetched from other files.
    :param notes: number of changes by kind.
    """

    set_name: str
    raw: bytes
    line: Mapping[str, Any]
    label: Label
    file_name: str = ""
    text: str = ""
    mask: bytes = b""
    fetched: Any = None
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def uri(self) -> str:
        """URI of the data object; empty if the line contains the text itself."""
        return str(self.line.get("source-ref") or "")

    @property
    def object(self) -> str:
        """The data object: its URI or its text."""
        return self.uri or str(self.line.get("source") or "")


class Classes:
    """Ids and names of an export's classes.

    Without given names the ids are those of the labeling jobs; an id with two names or a name with two ids is refused.

    :param names: the classes in the order of their ids, whatever ids the labeling jobs used.
    :ivar given: whether names were given.
    :raises ValueError: if a name is repeated.
    """

    def __init__(self, names: Sequence[str] | None = None) -> None:
        if names is not None and len(set(names)) < len(names):
            raise ValueError("each class has one id, but classes contains a name twice")
        self.given = names is not None
        self._numbers = {name: number for number, name in enumerate(names or ())}
        self._names = {number: name for name, number in self._numbers.items()}

    def numbers(self, label: Label, names: Mapping[int, str] | None = None) -> dict[int, int]:
        """The export's id for each class of a label. Registers all of the label's classes, or none.

        :param names: names of the label's classes by the labeling job's id; None for those that it names itself.
        :return: the export's ids by the labeling job's id.
        :raises LabelError: if a class has no name, is not among the given ones, or contradicts an earlier label.
        """
        names = label.named_classes if names is None else names
        if self.given:
            if unknown := [name for name in names.values() if name not in self._numbers]:
                raise LabelError(f"{label.attribute}: {unknown[0][:80]!r} is not one of the given classes")
            return {number: self._numbers[name] for number, name in names.items()}
        first: dict[str, int] = {}
        for number, name in names.items():
            if not 0 <= number < MAX_CLASSES:
                raise LabelError(f"{label.attribute}: the class id {number} is not below {MAX_CLASSES:,}")
            before, other = self._names.get(number, name), self._numbers.get(name, first.setdefault(name, number))
            if before != name or other != number:
                conflict = f"class {number} is {before[:80]!r}" if before != name else f"{name[:80]!r} is class {other}"
                raise LabelError(
                    f"{label.attribute}: class {number} is {name[:80]!r} here, but {conflict} elsewhere; pass the "
                    "classes in order"
                )
        for number, name in names.items():
            self._names[number], self._numbers[name] = name, number
        return {number: number for number in names}

    def add(self, label: Label, names: Iterable[str]) -> None:
        """Register classes that have no ids of their own.

        :raises LabelError: if a class is not among the given ones, or there are too many.
        """
        new = {name: None for name in names if name not in self._numbers}
        if new and self.given:
            raise LabelError(f"{label.attribute}: {next(iter(new))[:80]!r} is not one of the given classes")
        if len(self._numbers) + len(new) > MAX_CLASSES:
            raise LabelError(f"{label.attribute}: there are more than {MAX_CLASSES:,} classes")
        for name in new:
            self._names[len(self._numbers)] = name
            self._numbers[name] = len(self._numbers)

    @property
    def names(self) -> list[str]:
        """All names in the order of their ids; an id that no label has is ``unused-N``."""
        return [self._names.get(number, f"unused-{number}") for number in range(max(self._names, default=-1) + 1)]

    @property
    def used(self) -> dict[int, str]:
        """Names by id, with gaps where no label has the id."""
        return dict(sorted(self._names.items()))


class Folder:
    """The folder an export is written to; writes small files in parallel.

    :param files: reads and writes files.
    :param where: path or URI of the folder.
    """

    def __init__(self, files: Files, where: str) -> None:
        self.files, self._where = files, where.rstrip("/")
        self._stack = ExitStack()
        self._pool = self._stack.enter_context(ThreadPoolExecutor(_THREADS))
        self._taken = self._stack.enter_context(closing(Known()))
        self._pending: deque[Future[None]] = deque()

    def place(self, name: str) -> str:
        """Path or URI of a file in the folder."""
        return f"{self._where}/{name}"

    def free_name(self, folder: str, uri: str, endings: tuple[str, ...] = ()) -> str:
        """A name for an object's file: its own, without characters that could leave the folder, numbered if taken.

        :param endings: the file name endings that are allowed; all if empty.
        """
        name = _UNSAFE.sub("_", uri.rstrip("/").rpartition("/")[2]).lstrip(".-") or "object"
        if endings and not name.lower().endswith(endings):
            # Readers recognize a picture by its ending, and its format by its content.
            name = f"{name}.jpg"
        stem, dot, ending = name.rpartition(".")
        stem, ending = (stem, dot + ending[:16]) if stem else (name, "")
        stem = stem.encode()[: _MAX_NAME - len(ending.encode())].decode(errors="ignore")
        number, chosen = 1, f"{stem}{ending}"
        # Files with the same stem would share one annotation file, whatever their endings.
        while not self.hold(folder, chosen):
            number += 1
            chosen = f"{stem}-{number}{ending}"
        return chosen

    def hold(self, folder: str, name: str) -> bool:
        """Reserve a name regardless of its ending and case.

        :return: False if it is taken.
        """
        same = unicodedata.normalize("NFC", f"{folder}/{stem_of(name)}".casefold())
        return self._taken.add(blake2b(same.encode(errors="backslashreplace"), digest_size=16).digest())

    def put(self, name: str, body: bytes) -> None:
        """Write a small file in the background.

        :raises LabelingError: if an earlier file can't be written.
        """
        self._pending.append(self._pool.submit(self.files.write_all, self.place(name), [body]))
        if len(self._pending) > 4 * _THREADS:
            self._pending.popleft().result()

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Call a function for each item, several at a time; the results are in order."""
        return list(self._pool.map(function, items))

    def copy_picture(self, uri: str, name: str, size: tuple[int, int] | None) -> Counter[str]:
        """Copy a picture into the folder so that readers show it the way its label refers to it.

        :param uri: the picture's URI.
        :param name: the file's name in the folder.
        :param size: width and height according to the label; None if it does not say.
        :return: notes on changes, and on sizes that do not match.
        :raises LabelingError: if the picture can't be read, rotated or written.
        """
        chunks, body = self.files.chunks(uri), bytearray()
        for chunk in chunks:
            body += chunk
            if len(body) >= BEGINNING_BYTES:
                break
        facts, notes = facts_of(bytes(body)), Counter[str]()
        if facts is not None and (facts.whole or facts.orientation != 1):
            for chunk in chunks:
                body += chunk
                if len(body) > MAX_BYTES:
                    raise PictureError(
                        f"{uri} is stored rotated and too large to be rotated back; at most {MAX_BYTES:,} bytes can be"
                    )
            facts = facts_of(bytes(body))
        pieces: Iterable[bytes] = chain([bytes(body)], chunks)
        if facts is not None and facts.is_of_turned(size):
            pieces = [as_turned(bytes(body))]
            notes["pictures_turned"] += 1
        elif facts is not None and facts.orientation != 1:
            pieces = [as_stored(bytes(body))]
            notes["pictures_kept_unturned"] += 1
        if facts is not None and size is not None and size not in {(facts.width, facts.height), facts.turned_size}:
            notes["pictures_of_another_size"] += 1
        self.files.write_all(self.place(name), pieces)
        return notes

    def sink(self, stack: ExitStack, name: str) -> Sink:
        """Open a file to write piece by piece. It appears when the stack closes without an exception."""
        return stack.enter_context(self.files.writer(self.place(name)))

    def finish(self) -> None:
        """Wait until all files are written.

        :raises LabelingError: if a file can't be written.
        """
        while self._pending:
            self._pending.popleft().result()

    def close(self) -> None:
        """Cancel pending writes and release all resources."""
        for write in self._pending:
            write.cancel()
        self._stack.close()


class Format(ABC, Generic[Converted]):
    """An export format, as used for one export: writes one set after another.

    :param folder: where to write.
    :param classes: the classes registered so far.
    :param keep_formulas: whether to leave cells unchanged that a spreadsheet would run as formulas.
    :ivar notes: number of changes that users should know of, by kind.
    """

    takes: ClassVar[tuple[type[Label], ...]]
    """The kinds of labels it can store."""
    set_name: ClassVar[re.Pattern[str]] = re.compile(r"\w[\w.-]{0,99}")
    """The set names that its readers accept."""
    set_name_rule: ClassVar[str] = "letters, digits, '_', '-' and '.'"
    """The same in words."""
    batch: ClassVar[int] = 64
    """How many examples are held in memory at a time."""
    endings: ClassVar[tuple[str, ...]] = ()
    """The file name endings by which its readers recognize pictures; empty for any."""

    def __init__(self, folder: Folder, classes: Classes, keep_formulas: bool = False) -> None:
        self.folder, self.classes, self._keep_formulas = folder, classes, keep_formulas
        self.notes: Counter[str] = Counter()

    def picture_folder(self, set_name: str) -> str | None:
        """The folder for a set's pictures; None if the format does not store pictures."""
        return None

    def copies(self, example: Example) -> bool:
        """Whether the format requires a copy of the picture."""
        return False

    def needs_text(self, example: Example) -> bool:
        """Whether the format contains the object's text."""
        return False

    def mask_uri(self, example: Example) -> str | None:
        """URI of the PNG with the label's pixels, if the format needs it."""
        return None

    def fetch(self, example: Example) -> Any:
        """Read what :meth:`write` needs from other files. Several examples are fetched at a time.

        :raises LabelingError: if a file can't be read or used.
        """
        return None

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start a set.

        :param stack: closed at the end of the export.
        """

    @abstractmethod
    def read(self, example: Example) -> Converted:
        """Convert an object without writing anything.

        :raises LabelError: if the label can't be written in this format.
        """

    @abstractmethod
    def write(self, example: Example, content: Converted) -> None:
        """Write an object that :meth:`read` has converted.

        :raises LabelError: if the label does not fit what :meth:`fetch` has read.
        """

    def end(self, set_name: str) -> None:
        """Finish a set."""

    def finish(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """Write the files that all sets share.

        :param objects: number of objects by set.
        :return: what training needs to know besides the files, as a JSON value.
        """
        return {}


def json_bytes(value: Any) -> bytes:
    """A JSON value on one line, in UTF-8; lone surrogates are escaped."""
    return as_json(value).encode()


def csv_row(values: Iterable[Any]) -> bytes:
    """A row of a CSV file, quoted so that programs with other separators or line breaks read it correctly too."""
    cells, row = list(values), io.StringIO()
    has_separator = any(isinstance(cell, str) and not _SEPARATORS.isdisjoint(cell) for cell in cells)
    quoting: Any = csv.QUOTE_NONNUMERIC if has_separator else csv.QUOTE_MINIMAL
    csv.writer(row, lineterminator="\n", quoting=quoting).writerow(cells)
    return row.getvalue().encode(errors="backslashreplace")


def no_formula(cell: Any) -> Any:
    """A cell that no spreadsheet runs: a string that would be a formula gets an apostrophe in front.

    To read it back, remove one apostrophe where the rest would be a formula. Numbers stay numbers.

    Source: owasp.org, "CSV Injection".
    """
    is_formula = isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def without_surrogates(text: str) -> str:
    """A string that can be encoded as UTF-8: lone surrogates are escaped."""
    return text.encode(errors="backslashreplace").decode()


def stem_of(name: str) -> str:
    """A file's name without its ending."""
    return name.rpartition(".")[0] or name
