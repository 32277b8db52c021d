"""One pass over a manifest: good lines are handed out, everything wrong with the others is collected.

A line passes through as the bytes that it was, whatever was read of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import msgspec

from labeling_provider.groundtruth.objects import METADATA, source_digest
from labeling_provider.manifest.reader import (
    MAX_DEPTH,
    MAX_LINE,
    LineProblem,
    ManifestError,
    is_too_deep,
    parse_line,
    size_of,
)

MAX_PROBLEMS: Final = 20
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SCHEMES: Final = ("s3://", "https://")
BACKGROUND: Final = "BACKGROUND"
"""What Ground Truth calls the pixels of a mask that are of no class."""
_FRAMES: Final = ("tracking-annotations", "detection-annotations")
_SHAPES: Final = ("annotations", "polylines", "polygons", "keypoints", "boundingBoxes", "entities", "instances")
_PARTS: Final = frozenset({*_FRAMES, *_SHAPES})
_LINE_BREAK: Final = ord("\n")
_convert: Final = msgspec.convert


class Line:
    """A line of a manifest.

    :ivar data: what it says.
    """

    __slots__ = ("data",)

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data

    @property
    def source(self) -> str | None:
        """The data object itself, such as a text."""
        return self._text("source")

    @property
    def source_ref(self) -> str | None:
        """The data object's S3 URI."""
        return self._text("source-ref")

    def source_digest(self, salt: bytes = b"") -> bytes:
        """The identity of the source alone, 16 bytes; objects such as the pages of one document have the same.

        :param salt: at most 16 bytes; another one makes another identity.
        """
        if (reference := self.source_ref) is not None:
            return source_digest("source-ref", reference, salt)
        return source_digest("source", self.source or "", salt)

    def _text(self, key: str) -> str | None:
        value = self.data.get(key)
        return value if isinstance(value, str) else None


class Rated(msgspec.Struct, gc=False):
    """Something that has a confidence of its own; point-cloud sequences have a list of them."""

    confidence: float | list[float] | None = None
    class_name: str | None = msgspec.field(name="class-name", default=None)


class LabelMetadata(msgspec.Struct, gc=False):
    """What is known of a label (developer guide, "Labeling job output data", "Output metadata")."""

    confidence: float | None = None
    human_annotated: str | None = msgspec.field(name="human-annotated", default=None)
    creation_date: str | None = msgspec.field(name="creation-date", default=None)
    job_name: str | None = msgspec.field(name="job-name", default=None)
    failure_reason: str | None = msgspec.field(name="failure-reason", default=None)
    class_name: str | None = msgspec.field(name="class-name", default=None)
    class_map: dict[str, str] | None = msgspec.field(name="class-map", default=None)
    confidence_map: dict[str, float] | None = msgspec.field(name="confidence-map", default=None)
    objects: list[Rated] | None = None
    entities: list[Rated] | None = None
    internal_color_map: dict[str, Rated] | None = msgspec.field(name="internal-color-map", default=None)
    color_map: dict[str, Rated] | None = msgspec.field(name="color-map", default=None)
    # Amazon's pages write this map with an underscore for cuboids alone.
    cuboid_class_map: dict[str, str] | None = msgspec.field(name="class_map", default=None)

    @property
    def class_names(self) -> Mapping[str, str]:
        """Names by number: of the classes that the label has, or of all that it could have had."""
        return self.class_map or self.cuboid_class_map or {}

    def lowest_confidence_of(self, label: Any) -> float | None:
        """The confidence of the part that is least sure, 0 to 1; None if there is none.

        A classification has one; boxes and entities have one each, several classes one per class.

        :param label: the label's value.
        """
        if self.confidence is not None:
            return self.confidence
        if self.confidence_map:
            chosen = {str(one) for one in label} if isinstance(label, list) else self.confidence_map.keys()
            return min((sure for number, sure in self.confidence_map.items() if number in chosen), default=None)
        found: list[float] = []
        for one in self.objects or self.entities or (self.internal_color_map or {}).values():
            rating = one.confidence
            if isinstance(rating, float):
                found.append(rating)
            elif rating is not None:
                found.extend(rating)
        return min(found, default=None)

    def classes_of(self, label: Any) -> tuple[str, ...]:
        """Names of the classes that a label has, each once: those of its annotations, not all that it could have had.

        Of a mask they are those of its colours, without the background; of a file of annotations, such as a video's,
        those of the class map: neither file is read. A number without a name stands for itself.

        :param label: the label's value.
        """
        if self.class_name is not None:
            return (self.class_name,)
        colors = self.internal_color_map or self.color_map
        if colors is not None:
            names = [one.class_name for one in colors.values()]
            return tuple(dict.fromkeys(name for name in names if name and name != BACKGROUND))
        if isinstance(label, str) and not label.isdecimal():
            return tuple(dict.fromkeys(self.class_names.values()))
        return tuple(dict.fromkeys(_classes_in(label, self.class_names)))


_NOTHING_KNOWN: Final = LabelMetadata()


def _classes_in(label: Any, names: Mapping[str, str]) -> Iterator[str]:
    """Names of the classes of a label's annotations; a class may come several times."""
    if isinstance(label, dict):
        for key, value in label.items():
            if isinstance(value, dict):
                # Spans, labels of several sensors, and what a worker's form holds.
                yield from _classes_in(value, names)
            elif key in _PARTS and isinstance(value, list):
                for one in value:
                    yield from _classes_of_part(one, names)
    elif names:
        for number in label if isinstance(label, list) else [label]:
            if _is_number(number):
                yield names.get(str(number), str(number))


def _classes_of_part(part: Any, names: Mapping[str, str]) -> Iterator[str]:
    """The class of an annotation, or those of a frame."""
    if not isinstance(part, dict):
        return
    number = part.get("class_id", part.get("class-id"))
    if _is_number(number):
        yield names.get(str(number), str(number))
    elif isinstance(name := part.get("label"), str):
        yield name
    else:
        yield from _classes_in(part, names)


def _is_number(value: Any) -> bool:
    """Whether something may be the number of a class, which Amazon writes as a text here and there."""
    return isinstance(value, int | str) and not isinstance(value, bool)


class LabeledLine(Line):
    """A line with one label attribute, which it may have or not.

    :param attribute: the label attribute.
    :param metadata_key: where to look for what is known of the label; empty not to look.
    :ivar label: the label's value; None if it has none.
    :ivar metadata: what is known of it.
    :raises ValueError: in words for a person, if what is known of the label is not as Ground Truth writes it.
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
                raise ValueError(f"{metadata_key}: {error}; Ground Truth writes it otherwise") from None

    @property
    def has_failed(self) -> bool:
        """Whether a job has tried and has not got a label."""
        return not self.is_labeled and self.metadata is not None and self.metadata.failure_reason is not None

    @property
    def by_people(self) -> bool:
        """Whether people have made the label, rather than a model; True where the metadata does not say."""
        return self.is_labeled and (self.metadata is None or self.metadata.human_annotated != "no")

    @property
    def confidence(self) -> float | None:
        """The label's confidence, 0 to 1, of the part that is least sure; None if it has none."""
        known = self.metadata
        return known.lowest_confidence_of(self.label) if known is not None and self.is_labeled else None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that the label has, each once; see :meth:`LabelMetadata.classes_of`."""
        return (self.metadata or _NOTHING_KNOWN).classes_of(self.label) if self.is_labeled else ()


AnyLine = TypeVar("AnyLine", bound=Line)


class Scan(Generic[AnyLine]):
    """Iterates over the good lines of a manifest: the raw bytes, ending with a line break, and what they say.

    At the end :class:`ManifestError` is raised with everything that was wrong, unless ``tolerant``.

    :param lines: the raw lines, such as an open binary file.
    :param line_of: makes of what a line says what is handed out; a ``ValueError`` of it says what is wrong.
    :param where: the manifest's name, for the error.
    :param data_key: ``source`` or ``source-ref`` if every line must have that one; empty for either.
    :param tolerant: leave bad lines out and only report them.
    :ivar number: the line that was handed out last, from 1; at the end the number of all lines.
    :ivar offset: where that line starts, in bytes.
    :ivar bad: how many lines are wrong.
    :ivar problems: the first 20 of their problems.
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
        # Everything in a line is read, so that no later step stumbles over what an earlier one has let pass.
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
                # No line is deeper than half of its bytes; few are long.
                if size > MAX_LINE or not good or (size > 2 * MAX_DEPTH and is_too_deep(raw, data)):
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
        """Read a line that the fast way has refused: it says what is wrong."""
        if self.number == 1 and raw.startswith(_BYTE_ORDER_MARK):
            raise ValueError("starts with a byte order mark; save the manifest without it")
        return parse_line(raw, self._data_key)

    def _note(self, message: str) -> None:
        self.bad += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(LineProblem(self.number, self.offset, message))

    def refuse(self, message: str) -> None:
        """Count the line that was handed out last as a bad one, which is told at the end with all others."""
        self._note(message)

    def error(self) -> ManifestError:
        """Everything that is wrong."""
        more = self.bad - len(self.problems)
        rest = [LineProblem(0, 0, f"{more:,} further lines are wrong")] if more else []
        return ManifestError(self.where, [*self.problems, *rest])


def scan(lines: Iterable[bytes], where: str = "manifest", **options: Any) -> Scan[Line]:
    """Go through a manifest without a look at labels; see :class:`Scan` for the options."""
    return Scan(lines, Line, where, **options)


def scan_labels(
    lines: Iterable[bytes], label_attribute: str, where: str = "manifest", *, metadata: bool = True, **options: Any
) -> Scan[LabeledLine]:
    """Go through a manifest with a look at one label; see :class:`Scan` for the options.

    :param metadata: whether to look at what is known of the label too; then metadata that is not Ground Truth's is
        wrong.
    :raises ValueError: if it can't be a label attribute.
    """
    if label_attribute in {"source", "source-ref"}:
        raise ValueError(f"{label_attribute!r} names the data object and can't be a label attribute.")
    metadata_key = f"{label_attribute}{METADATA}" if metadata else ""
    return Scan(lines, lambda data: LabeledLine(data, label_attribute, metadata_key), where, **options)


@dataclass(frozen=True)
class ManifestReport:
    """What a manifest holds.

    :param lines: data objects, good and bad.
    :param labeled: lines that already have the label attribute.
    :param problems: the first problems found, in line order.
    :param more_problems: how many more there are.
    :param failed: lines on which a job has tried and has not got a label.
    :param by_machine: labels that a model has made; the others are by people.
    :param classes: how many objects have each class.
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
    """Look at every line, count, and report all problems.

    :param lines: the raw lines, such as an open binary file.
    :param data_key: ``source`` or ``source-ref`` if every line must have that one; empty for either.
    :param label_attribute: count this label.
    :param metadata: count its classes, failures and who has made it too; then metadata that is not Ground Truth's is
        wrong.
    """
    labeled = failed = by_machine = 0
    classes: Counter[str] = Counter()
    if label_attribute is None:
        unseen = scan(lines, data_key=data_key, tolerant=True)
        for _ in unseen:
            pass
        seen: Scan[Any] = unseen
    else:
        seen = scan_labels(lines, label_attribute, metadata=metadata, data_key=data_key, tolerant=True)
        for _, line in seen:
            if line.is_labeled:
                labeled += 1
                if metadata:
                    by_machine += not line.by_people
                    classes.update(line.classes)
            else:
                failed += line.has_failed
    if not seen.number:
        seen.problems.append(LineProblem(0, 0, "the manifest is empty; it needs one line per data object"))
    more = max(seen.bad - len(seen.problems), 0)
    return ManifestReport(
        seen.number, labeled, tuple(seen.problems), more, failed, by_machine, dict(classes.most_common())
    )


def read_manifest(lines: Iterable[bytes], where: str = "manifest", data_key: str = "") -> Iterator[dict[str, Any]]:
    """Every data object of a manifest, in order; what has half a surrogate pair in a text is one too.

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
            yield parse_line(raw, data_key, half_surrogates=True)
        except ValueError as error:
            raise ManifestError(where, [LineProblem(number, offset, str(error))]) from None
        offset += size_of(raw)
