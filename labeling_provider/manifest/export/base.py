"""What every format of exported labels is made of."""

from __future__ import annotations

import csv
import io
import json
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

from labeling_provider.manifest.files import Files, Sink
from labeling_provider.manifest.labels import Label, LabelError
from labeling_provider.manifest.pictures import BEGINNING_BYTES, MAX_BYTES, PictureError, as_stored, as_turned, facts_of
from labeling_provider.manifest.select import Known

MAX_CLASSES: Final = 10_000
_AT_ONCE: Final = 10
_UNSAFE: Final = re.compile(r"[^\w.-]+")
_MAX_NAME: Final = 150
_FORMULA: Final = re.compile(r"[\s']*[=+\-@＝＋－＠]|'*[\t\r\n]")
_PARTING: Final = frozenset(";|\t\r\v\f\x85\u2028\u2029")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
Content = TypeVar("Content")
Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(slots=True)
class Example:
    """A labeled object on its way into an export.

    :param set_name: the set that it belongs to.
    :param raw: its line of the manifest, with the line break.
    :param line: what that says.
    :param label: its label.
    :param file_name: name of its file, for formats that have one for each; unique in its set.
    :param text: the text itself, for formats that need it.
    :param notes: how often something had to be changed.
    """

    set_name: str
    raw: bytes
    line: Mapping[str, Any]
    label: Label
    file_name: str = ""
    text: str = ""
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def uri(self) -> str:
        """URI of the data object; empty where the line holds the text itself."""
        return str(self.line.get("source-ref") or "")

    @property
    def object(self) -> str:
        """The data object: its URI, or the text."""
        return self.uri or str(self.line.get("source") or "")


class Classes:
    """Numbers and names of an export's classes.

    Without given names the numbers are those of the labeling jobs; a number that means two classes, or a class that has
    two numbers, is refused.

    :param names: the classes in the order of their numbers, whatever numbers the labeling jobs gave them.
    :ivar given: whether they were given.
    """

    def __init__(self, names: Sequence[str] | None = None) -> None:
        if names is not None and len(set(names)) < len(names):
            raise ValueError("each class has one number, but a name comes twice in classes")
        self.given = names is not None
        self._numbers = {name: number for number, name in enumerate(names or ())}
        self._names = {number: name for name, number in self._numbers.items()}

    def numbers(self, label: Label, names: Mapping[int, str]) -> dict[int, int]:
        """The export's number of each class of a label; all are taken in, or none.

        :param names: the label's classes by the labeling job's number.
        :raises LabelError: if one is none of the given classes or contradicts what was seen before.
        """
        if self.given:
            if unknown := [name for name in names.values() if name not in self._numbers]:
                raise LabelError(f"{label.attribute}: {unknown[0][:80]!r} is none of the given classes")
            return {number: self._numbers[name] for number, name in names.items()}
        first: dict[str, int] = {}
        for number, name in names.items():
            if not 0 <= number < MAX_CLASSES:
                raise LabelError(f"{label.attribute}: the number {number} of a class is not below {MAX_CLASSES:,}")
            before, other = self._names.get(number, name), self._numbers.get(name, first.setdefault(name, number))
            if before != name or other != number:
                told = f"{number} is {before[:80]!r} too" if before != name else f"its number is {other} too"
                raise LabelError(
                    f"{label.attribute}: class {number} is {name[:80]!r} here, and {told}; give the classes in order"
                )
        for number, name in names.items():
            self._names[number], self._numbers[name] = name, number
        return {number: number for number in names}

    def add(self, label: Label, names: Iterable[str]) -> None:
        """Take in classes that have no numbers.

        :raises LabelError: if one is none of the given classes, or there are too many.
        """
        new = {name: None for name in names if name not in self._numbers}
        if new and self.given:
            raise LabelError(f"{label.attribute}: {next(iter(new))[:80]!r} is none of the given classes")
        if len(self._numbers) + len(new) > MAX_CLASSES:
            raise LabelError(f"{label.attribute}: there are more than {MAX_CLASSES:,} classes")
        for name in new:
            self._names[len(self._numbers)] = name
            self._numbers[name] = len(self._numbers)

    @property
    def names(self) -> list[str]:
        """All names in the order of their numbers; a number that no label has is ``unused-N``."""
        return [self._names.get(number, f"unused-{number}") for number in range(max(self._names, default=-1) + 1)]

    @property
    def used(self) -> dict[int, str]:
        """Names by number, without gaps being filled."""
        return dict(sorted(self._names.items()))


class Folder:
    """Where an export is written; small files go there several at a time.

    :param files: reads and writes them.
    :param where: path or URI of the folder.
    """

    def __init__(self, files: Files, where: str) -> None:
        self.files, self._where = files, where.rstrip("/")
        self._stack = ExitStack()
        self._pool = self._stack.enter_context(ThreadPoolExecutor(_AT_ONCE))
        self._taken = self._stack.enter_context(closing(Known()))
        self._pending: deque[Future[None]] = deque()

    def place(self, name: str) -> str:
        """Path or URI of a file of the folder."""
        return f"{self._where}/{name}"

    def free_name(self, folder: str, uri: str, endings: tuple[str, ...] = ()) -> str:
        """A name for the file of an object: its own, without what could lead elsewhere, and with a number if taken.

        :param endings: one of these must be its own; any if there are none.
        """
        name = _UNSAFE.sub("_", uri.rstrip("/").rpartition("/")[2]).lstrip(".-") or "object"
        if endings and not name.lower().endswith(endings):
            # Readers know a picture by its ending, and its kind by what is in it.
            name = f"{name}.jpg"
        stem, dot, ending = name.rpartition(".")
        stem, ending = (stem, dot + ending[:16]) if stem else (name, "")
        stem = stem.encode()[: _MAX_NAME - len(ending.encode())].decode(errors="ignore")
        number, chosen = 1, f"{stem}{ending}"
        # Files of one stem share the name of their annotations, whatever their endings.
        while not self.hold(folder, chosen):
            number += 1
            chosen = f"{stem}-{number}{ending}"
        return chosen

    def hold(self, folder: str, name: str) -> bool:
        """Take a name, whatever its ending; False if it is taken, also for file systems that heed no capitals."""
        same = unicodedata.normalize("NFC", f"{folder}/{stem_of(name)}".casefold())
        return self._taken.add(blake2b(same.encode(errors="backslashreplace"), digest_size=16).digest())

    def put(self, name: str, body: bytes) -> None:
        """Write a small file, soon.

        :raises LabelingError: if an earlier one can't be written.
        """
        self._pending.append(self._pool.submit(self.files.write_all, self.place(name), [body]))
        if len(self._pending) > 4 * _AT_ONCE:
            self._pending.popleft().result()

    def each(self, do: Callable[[Given], Made], given: Iterable[Given]) -> list[Made]:
        """Do something with each of several things, some at a time."""
        return list(self._pool.map(do, given))

    def copy_picture(self, uri: str, name: str, size: tuple[int, int] | None) -> Counter[str]:
        """Copy a picture into the folder, so that readers show it as its label has it.

        :param size: width and height that the label says; None if it says none.
        :return: what had to be changed, or should be known.
        :raises LabelingError: if it can't be read, turned or written.
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
                        f"{uri} is stored turned, and too large to be turned: at most {MAX_BYTES:,} bytes"
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
        """A file to be written piece by piece; it appears when the stack is left without an exception."""
        return stack.enter_context(self.files.writer(self.place(name)))

    def finish(self) -> None:
        """Wait for all files.

        :raises LabelingError: if one can't be written.
        """
        while self._pending:
            self._pending.popleft().result()

    def close(self) -> None:
        """Let go of everything."""
        for one in self._pending:
            one.cancel()
        self._stack.close()


class Format(ABC, Generic[Content]):
    """A format of exported labels, at work in one export: sets come one after the other, each with its objects.

    :param folder: where to write.
    :param classes: the classes so far.
    :param keep_formulas: whether texts that a spreadsheet would reckon are left as they are.
    :ivar notes: how often something was changed that a user should know of.
    """

    takes: ClassVar[tuple[type[Label], ...]]
    """Kinds of labels that it has a place for."""
    set_name: ClassVar[re.Pattern[str]] = re.compile(r"\w[\w.-]{0,99}")
    """What its readers take as the name of a set."""
    set_name_told: ClassVar[str] = "letters, digits, '_', '-' and '.'"
    """The same in words."""
    endings: ClassVar[tuple[str, ...]] = ()
    """Endings by which its readers know pictures; any if there are none."""

    def __init__(self, folder: Folder, classes: Classes, keep_formulas: bool = False) -> None:
        self.folder, self.classes, self._keep_formulas = folder, classes, keep_formulas
        self.notes: Counter[str] = Counter()

    def picture_folder(self, set_name: str) -> str | None:
        """Where the pictures of a set belong; None if the format has no files of its own for its objects."""
        return None

    def copies(self, example: Example) -> bool:
        """Whether the picture belongs into the folder even if nobody asked for it."""
        return False

    def needs_text(self, example: Example) -> bool:
        """Whether the text itself is written."""
        return False

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start a set.

        :param stack: left at the end of the export.
        """

    @abstractmethod
    def read(self, example: Example) -> Content:
        """What is to be written of an object, without writing anything.

        :raises LabelError: if the label can't be written in this format.
        """

    @abstractmethod
    def write(self, example: Example, content: Content) -> None:
        """Write it."""

    def end(self, set_name: str) -> None:
        """End a set."""

    def finish(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """Write what belongs to all sets.

        :param objects: how many objects each set has.
        :return: what a training needs to know besides the files.
        """
        return {}


def as_json(value: Any) -> bytes:
    """One line of JSON; half surrogate pairs, which only escapes can hold, are escaped."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def csv_row(values: Iterable[Any]) -> bytes:
    """A row of a CSV file, safe from programs that part it at other signs than commas, or end it at others."""
    cells, row = list(values), io.StringIO()
    parted = any(isinstance(cell, str) and not _PARTING.isdisjoint(cell) for cell in cells)
    quoting: Any = csv.QUOTE_NONNUMERIC if parted else csv.QUOTE_MINIMAL
    csv.writer(row, lineterminator="\n", quoting=quoting).writerow(cells)
    return row.getvalue().encode(errors="backslashreplace")


def no_formula(cell: Any) -> Any:
    """A cell that no spreadsheet reckons: an apostrophe comes before a text that would be a formula.

    Reading takes one apostrophe away again where what follows would be a formula. Numbers stay numbers.

    Source: owasp.org, "CSV Injection".
    """
    is_formula = isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def printable(text: str) -> str:
    """A text as UTF-8 can hold it: half surrogate pairs, which JSON's escapes allow, are escaped."""
    return text.encode(errors="backslashreplace").decode()


def stem_of(name: str) -> str:
    """A file's name without its ending."""
    return name.rpartition(".")[0] or name
