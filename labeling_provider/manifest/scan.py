"""One pass over a manifest: good lines are handed out, everything wrong with the others is collected.

A line is decoded only as far as somebody asks: where it is, and one label with its metadata. Everything else is checked
to be JSON and passes through as the bytes that it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from typing import Any, ClassVar, Final, Generic, TypeVar, cast

import msgspec

from labeling_provider.manifest.reader import LINE_LIMIT, LineProblem, ManifestError, parse_line, size_of

MOST_PROBLEMS: Final = 20
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SCHEMES: Final = ("s3://", "https://")
_ABSENT: Final = msgspec.Raw()
_LINE_BREAK: Final = ord("\n")


class Line(msgspec.Struct, gc=False):
    """What every line of a manifest has.

    :ivar source: the data object itself, such as a text.
    :ivar source_ref: its S3 URI.
    """

    source: str | None = None
    source_ref: str | None = msgspec.field(name="source-ref", default=None)

    def digest(self, salt: bytes = b"") -> bytes:
        """The data object's identity, 16 bytes: the same for the same object in any manifest.

        :param salt: at most 16 bytes; another one makes another identity.
        """
        if (ref := self.source_ref) is not None:
            return blake2b(ref.encode(), digest_size=16, salt=salt).digest()
        return blake2b((self.source or "").encode(), digest_size=16, salt=salt, person=b"text").digest()


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

    @property
    def lowest_confidence(self) -> float | None:
        """The confidence of the part that is least sure, 0 to 1; None if there is none.

        A classification has one; boxes and entities have one each, several classes one per class.
        """
        if self.confidence is not None:
            return self.confidence
        if self.confidence_map:
            return min(self.confidence_map.values())
        found: list[float] = []
        for one in self.objects or self.entities or (self.internal_color_map or {}).values():
            rating = one.confidence
            if isinstance(rating, float):
                found.append(rating)
            elif rating is not None:
                found.extend(rating)
        return min(found, default=None)


class LabeledLine(Line, gc=False):
    """A line with one label attribute, which it may have or not."""

    label: ClassVar[msgspec.Raw] = _ABSENT
    metadata: ClassVar[LabelMetadata | None] = None

    @property
    def is_labeled(self) -> bool:
        """Whether the object has the label."""
        return self.label is not _ABSENT

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
        """The label's confidence, 0 to 1; None if it has none."""
        known = self.metadata
        return known.lowest_confidence if known is not None and self.label is not _ABSENT else None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that the label has, each once."""
        if not self.is_labeled:
            return ()
        known = self.metadata
        if known is not None and known.class_name is not None:
            return (known.class_name,)
        if known is not None and known.class_map is not None:
            return tuple(dict.fromkeys(known.class_map.values()))
        if known is not None and known.internal_color_map is not None:
            return tuple(dict.fromkeys(one.class_name for one in known.internal_color_map.values() if one.class_name))
        value = msgspec.json.decode(self.label)
        return tuple(dict.fromkeys(_entity_labels(value)))


def _entity_labels(value: Any) -> Iterator[str]:
    annotations = value.get("annotations") if isinstance(value, dict) else None
    entities = annotations.get("entities") if isinstance(annotations, dict) else None
    for one in entities if isinstance(entities, list) else ():
        if isinstance(one, dict) and isinstance(one.get("label"), str):
            yield one["label"]


@cache
def _line_type(attribute: str, metadata: bool) -> type[LabeledLine]:
    """The lines of a manifest as seen by somebody who asks for one label attribute, and maybe its metadata."""
    if attribute in {"source", "source-ref"}:
        raise ValueError(f"{attribute!r} names the data object and can't be a label attribute.")
    fields: list[tuple[str, Any, Any]] = [("label", msgspec.Raw, msgspec.field(name=attribute, default=_ABSENT))]
    if metadata:
        fields.append(("metadata", LabelMetadata | None, msgspec.field(name=f"{attribute}-metadata", default=None)))
    return cast("type[LabeledLine]", msgspec.defstruct("LabeledLine", fields, bases=(LabeledLine,), gc=False))


AnyLine = TypeVar("AnyLine", bound=Line)


class Scan(Generic[AnyLine]):
    """Iterates over the good lines of a manifest: the raw bytes, ending with a line break, and what they say.

    At the end :class:`ManifestError` is raised with everything that was wrong, unless ``tolerant``.

    :param lines: the raw lines, such as an open binary file.
    :param line_type: what to decode of a line.
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
        line_type: type[AnyLine],
        where: str = "manifest",
        *,
        data_key: str = "",
        tolerant: bool = False,
    ) -> None:
        self._lines, self._type, self.where, self._data_key = lines, line_type, where, data_key
        self._tolerant = tolerant
        self.number = self.bad = 0
        self.problems: list[LineProblem] = []
        self.offset = 0

    def __iter__(self) -> Iterator[tuple[bytes, AnyLine]]:
        decode = msgspec.json.Decoder(self._type).decode
        text_only, ref_only = self._data_key == "source", self._data_key == "source-ref"
        offset = 0
        for number, raw in enumerate(self._lines, 1):
            self.number, self.offset = number, offset
            size = len(raw)
            offset += size
            try:
                line = decode(raw)
                ref = line.source_ref
                if ref is None or text_only:
                    good = line.source is not None and not ref_only
                else:
                    good = ref.startswith(_SCHEMES)
                if size > LINE_LIMIT:
                    good = False
                elif not raw.isascii():
                    raw.decode()
            except (ValueError, RecursionError):
                good = False
            if not good:
                offset += size_of(raw) - size
                try:
                    line = self._read_slowly(raw)
                except (ValueError, RecursionError) as error:
                    self._note(str(error))
                    continue
            yield (raw if raw[-1] == _LINE_BREAK else raw + b"\n"), line
        if self.bad and not self._tolerant:
            raise self.error()

    def _read_slowly(self, raw: bytes) -> AnyLine:
        """Read a line that the fast way has refused: it says what is wrong, and takes half surrogates."""
        if self.number == 1 and raw.startswith(_BYTE_ORDER_MARK):
            raise ValueError("starts with a byte order mark; save the manifest without it")
        data = parse_line(raw, self._data_key)
        for key in ("source", "source-ref"):
            if not isinstance(data.get(key), str):
                data.pop(key, None)
        try:
            return msgspec.json.decode(msgspec.json.encode(_without_surrogates(data)), type=self._type)
        except msgspec.ValidationError as error:
            raise ValueError(f"{error}; Ground Truth writes it otherwise") from None

    def _note(self, message: str) -> None:
        self.bad += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(LineProblem(self.number, self.offset, message))

    def refuse(self, message: str) -> None:
        """Count the line that was handed out last as a bad one.

        :raises ManifestError: at once unless ``tolerant``.
        """
        self._note(message)
        if not self._tolerant:
            raise self.error()

    def error(self) -> ManifestError:
        """Everything that is wrong."""
        more = self.bad - len(self.problems)
        rest = [LineProblem(0, 0, f"{more:,} further lines are wrong")] if more else []
        return ManifestError(self.where, [*self.problems, *rest])


def _without_surrogates(value: Any) -> Any:
    """The value with half surrogate pairs made printable: JSON may escape them, and nothing else can hold them."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(one) for key, one in value.items()}
    return [_without_surrogates(one) for one in value] if isinstance(value, list) else value


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
    return Scan(lines, _line_type(label_attribute, metadata), where, **options)


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
        offset += size_of(raw)
