"""One pass over a manifest: yields the good lines, byte for byte, and collects the problems of all others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import msgspec

from labeling_provider.errors import counted
from labeling_provider.groundtruth.documents import MAX_NESTING
from labeling_provider.groundtruth.objects import METADATA, source_digest
from labeling_provider.manifest.metadata import LabelMetadata
from labeling_provider.manifest.reader import MAX_LINE, LineProblem, ManifestError, is_too_deep, parse_line, size_of

MAX_PROBLEMS: Final = 20
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SCHEMES: Final = ("s3://", "https://")
_LINE_BREAK: Final = ord("\n")
_convert: Final = msgspec.convert


class Line:
    """A line of a manifest.

    :ivar data: its JSON object.
    """

    __slots__ = ("data",)

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data

    @property
    def source(self) -> str | None:
        """The data object itself, such as a text; None if there is a URI instead."""
        return self._text("source")

    @property
    def source_ref(self) -> str | None:
        """The data object's S3 URI; None if the line has the object itself."""
        return self._text("source-ref")

    def source_digest(self, salt: bytes = b"") -> bytes:
        """The identity of the source alone, 16 bytes; the same for all pages of a document, for example.

        :param salt: at most 16 bytes; a different salt gives a different identity.
        """
        if (reference := self.source_ref) is not None:
            return source_digest("source-ref", reference, salt)
        return source_digest("source", self.source or "", salt)

    def _text(self, key: str) -> str | None:
        value = self.data.get(key)
        return value if isinstance(value, str) else None


_NO_METADATA: Final = LabelMetadata()


class LabeledLine(Line):
    """A line seen with one label attribute, whether or not it has that label.

    :param attribute: the label attribute.
    :param metadata_key: the key of the label's metadata; empty to ignore the metadata.
    :ivar is_labeled: whether the line has the label.
    :ivar label: the label's value; None if there is none.
    :ivar metadata: the label's metadata; None if there is none.
    :raises ValueError: in words for people, if the metadata is not as Ground Truth writes it.
    """

    __slots__ = ("is_labeled", "label", "metadata")

    def __init__(self, data: Mapping[str, Any], attribute: str, metadata_key: str) -> None:
        self.data = data
        self.label = label = data.get(attribute)
        self.is_labeled = label is not None or attribute in data
        self.metadata: LabelMetadata | None = None
        if metadata_key and (value := data.get(metadata_key)) is not None:
            try:
                self.metadata = _convert(value, LabelMetadata)
            except msgspec.ValidationError as error:
                raise ValueError(f"{metadata_key}: {error}; this is not Ground Truth's metadata") from None

    @property
    def has_failed(self) -> bool:
        """Whether a job gave up on the object."""
        return not self.is_labeled and self.metadata is not None and self.metadata.failure_reason is not None

    @property
    def by_people(self) -> bool:
        """Whether people made the label rather than a model; True if the metadata does not say."""
        return self.is_labeled and (self.metadata is None or self.metadata.human_annotated != "no")

    @property
    def confidence(self) -> float | None:
        """The label's lowest confidence, 0 to 1; None if it has none."""
        metadata = self.metadata
        return metadata.lowest_confidence_of(self.label) if metadata is not None and self.is_labeled else None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the label's classes, each once; see :meth:`LabelMetadata.classes_of`."""
        return (self.metadata or _NO_METADATA).classes_of(self.label) if self.is_labeled else ()


AnyLine = TypeVar("AnyLine", bound=Line)


class Scan(Generic[AnyLine]):
    """Iterates over the good lines of a manifest: raw bytes, ending with a line break, and the parsed line.

    Raises :class:`ManifestError` at the end, with everything that was wrong, unless ``tolerant``.

    :param lines: the raw lines, such as an open binary file.
    :param line_of: turns a line's JSON object into a parsed line; raises ``ValueError`` if the line is wrong.
    :param where: the manifest's name, for errors.
    :param data_key: ``source`` or ``source-ref`` if every line must have that key; empty for either.
    :param tolerant: skip bad lines and only report them.
    :ivar number: the number of the current line, from 1; at the end the number of lines.
    :ivar offset: the start of the current line, in bytes.
    :ivar bad: the number of bad lines.
    :ivar problems: the first 20 problems.
    """

    def __init__(
        self,
        lines: Iterable[bytes],
        line_of: Callable[[dict[str, Any]], AnyLine],
        where: str = "manifest",
        *,
        data_key: str = "",
        tolerant: bool = False,
    ) -> None:
        self._lines, self._line_of, self.where, self._data_key = lines, line_of, where, data_key
        self._tolerant = tolerant
        self.number = self.bad = 0
        self.problems: list[LineProblem] = []
        self.offset = 0

    def __iter__(self) -> Iterator[tuple[bytes, AnyLine]]:
        # Decode the whole line, so that no later step fails on something that this one let through.
        decode = msgspec.json.Decoder().decode
        line_of, text_only, ref_only = self._line_of, self._data_key == "source", self._data_key == "source-ref"
        offset = 0
        for number, raw in enumerate(self._lines, 1):
            self.number, self.offset = number, offset
            size = len(raw)
            offset += size
            try:
                data = decode(raw)
                ref = data.get("source-ref")
                if ref.__class__ is not str or text_only:
                    good = data["source"].__class__ is str and not ref_only
                else:
                    good = ref.startswith(_SCHEMES)
                # A line cannot have more levels than half its bytes, so short lines need no check.
                if size > MAX_LINE or not good or (size > 2 * MAX_NESTING and is_too_deep(raw, data)):
                    data = None
            except (ValueError, RecursionError, AttributeError, KeyError):
                data = None
            try:
                if data is None:
                    offset += size_of(raw) - size
                    data = self._read_slowly(raw)
                line = line_of(data)
            except ValueError as error:
                self._note(str(error))
                continue
            yield (raw if raw[-1] == _LINE_BREAK else raw + b"\n"), line
        if self.bad and not self._tolerant:
            raise self.error()

    def _read_slowly(self, raw: bytes) -> dict[str, Any]:
        """Read a line that the fast path refused; the error explains what is wrong."""
        if self.number == 1 and raw.startswith(_BYTE_ORDER_MARK):
            raise ValueError("starts with a byte order mark; save the manifest without it")
        return parse_line(raw, self._data_key)

    def _note(self, message: str) -> None:
        self.bad += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(LineProblem(self.number, self.offset, message))

    def refuse(self, message: str) -> None:
        """Count the current line as bad and report it at the end with the others."""
        self._note(message)

    def error(self) -> ManifestError:
        """The error with everything that is wrong."""
        more = self.bad - len(self.problems)
        rest = [LineProblem(0, 0, counted(more, "more wrong line"))] if more else []
        return ManifestError(self.where, [*self.problems, *rest])


def scan(lines: Iterable[bytes], where: str = "manifest", **options: Any) -> Scan[Line]:
    """Scan a manifest without reading labels; see :class:`Scan` for the options."""
    return Scan(lines, Line, where, **options)


def scan_labels(
    lines: Iterable[bytes], label_attribute: str, where: str = "manifest", *, metadata: bool = True, **options: Any
) -> Scan[LabeledLine]:
    """Scan a manifest and read one label; see :class:`Scan` for the options.

    :param metadata: whether to read the label's metadata; metadata that is not Ground Truth's then makes a line bad.
    :raises ValueError: if the name can't be a label attribute.
    """
    if label_attribute in {"source", "source-ref"}:
        raise ValueError(f"{label_attribute!r} is the key of the data object and can't be a label attribute.")
    metadata_key = f"{label_attribute}{METADATA}" if metadata else ""
    return Scan(lines, lambda data: LabeledLine(data, label_attribute, metadata_key), where, **options)


@dataclass(frozen=True)
class ManifestReport:
    """What a manifest contains.

    :param lines: number of lines, good and bad.
    :param labeled: number of lines with the label attribute.
    :param problems: the first problems, in line order.
    :param more_problems: number of further problems.
    :param failed: number of objects that a job gave up on.
    :param by_machine: number of labels made by a model; the others are by people.
    :param classes: number of objects by class.
    """

    lines: int
    labeled: int
    problems: tuple[LineProblem, ...]
    more_problems: int
    failed: int = 0
    by_machine: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)

    @property
    def unlabeled(self) -> int:
        """Objects that still need a label."""
        return self.lines - self.labeled


def check_manifest(
    lines: Iterable[bytes], *, data_key: str = "", label_attribute: str | None = None, metadata: bool = False
) -> ManifestReport:
    """Check every line, count, and report all problems.

    :param lines: the raw lines, such as an open binary file.
    :param data_key: ``source`` or ``source-ref`` if every line must have that key; empty for either.
    :param label_attribute: count the lines with this label.
    :param metadata: also count its classes, its failures and the labels by machine; metadata that is not Ground Truth's
        then makes a line bad.
    """
    labeled = failed = by_machine = 0
    classes: Counter[str] = Counter()
    scanned: Scan[Any]
    if label_attribute is None:
        scanned = scan(lines, data_key=data_key, tolerant=True)
        for _ in scanned:
            pass
    else:
        scanned = scan_labels(lines, label_attribute, metadata=metadata, data_key=data_key, tolerant=True)
        for _, line in scanned:
            if line.is_labeled:
                labeled += 1
                if metadata:
                    by_machine += not line.by_people
                    classes.update(line.classes)
            else:
                failed += line.has_failed
    if not scanned.number:
        scanned.problems.append(LineProblem(0, 0, "the manifest is empty; it needs one line per data object"))
    more = max(scanned.bad - len(scanned.problems), 0)
    return ManifestReport(
        scanned.number, labeled, tuple(scanned.problems), more, failed, by_machine, dict(classes.most_common())
    )


def read_manifest(lines: Iterable[bytes], where: str = "manifest", data_key: str = "") -> Iterator[dict[str, Any]]:
    """Read a manifest's data objects in order, including those with lone surrogates in a string.

    :param lines: the raw lines, such as an open binary file.
    :param where: the manifest's name, for errors.
    :param data_key: ``source`` or ``source-ref`` if every line must have that key; empty for either.
    :raises ManifestError: at the first bad line.
    """
    offset = 0
    for number, raw in enumerate(lines, 1):
        try:
            if number == 1 and raw.startswith(_BYTE_ORDER_MARK):
                raise ValueError("starts with a byte order mark; save the manifest without it")
            yield parse_line(raw, data_key, half_surrogates=True)
        except ValueError as error:
            raise ManifestError(where, [LineProblem(number, offset, str(error))]) from None
        offset += size_of(raw)
