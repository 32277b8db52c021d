"""Labels out of manifests into the files that trainings read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from labeling_provider.errors import LabelingError
from labeling_provider.manifest.export.base import Classes, Example, Folder, Format
from labeling_provider.manifest.export.boxes import Coco, Voc, Yolo
from labeling_provider.manifest.export.tables import Csv, Parquet
from labeling_provider.manifest.export.text import Conll, JsonLines
from labeling_provider.manifest.export.training import HuggingFace, SageMakerPipe
from labeling_provider.manifest.files import Files
from labeling_provider.manifest.labels import BoxesLabel, Label, LabelError, read_label
from labeling_provider.manifest.reader import MAX_LINE, LineProblem, parse_line
from labeling_provider.manifest.scan import MAX_PROBLEMS, Scan, scan_labels
from labeling_provider.manifest.select import state_of

FORMATS: Final[dict[str, type[Format[Any]]]] = {
    "coco": Coco,
    "yolo": Yolo,
    "pascal-voc": Voc,
    "csv": Csv,
    "parquet": Parquet,
    "jsonl": JsonLines,
    "conll": Conll,
    "huggingface": HuggingFace,
    "sagemaker-pipe": SageMakerPipe,
}
"""Formats by name."""
_TOGETHER: Final = 64


@dataclass
class Exported:
    """What has become of the lines of an export: ``objects`` went out, and the others are counted by reason.

    :param objects: how many objects each set has.
    :param unlabeled: how many lines wait for their label.
    :param failed: on how many lines a job has tried and has not got a label.
    :param left_out: how many lines are wrong, or can't be written in this format.
    :param classes: names of the classes by number; a number that no label has is ``unused-N``.
    :param notes: how often something was changed, or should be known: ``boxes_cut`` at the picture's edge,
        ``boxes_left_out`` beyond it; ``pictures_kept_unturned`` whose EXIF orientation was taken out, as their label
        is of the stored pixels, ``pictures_turned`` whose label is of the turned ones, ``pictures_of_another_size``
        than their label says; ``spans_trimmed`` of blanks, ``spans_left_out`` that are only blanks, ``words_divided``
        where a span ends within; ``formulas_quoted`` in CSV; ``sets_without_boxes``, which ``datasets`` can't load
        together with others.
    :param problems: the first reasons for lines that were left out, by manifest.
    :param training: what a training needs to know besides the files: SageMaker's channels and hyperparameters.
    """

    objects: dict[str, int] = field(default_factory=dict)
    unlabeled: int = 0
    failed: int = 0
    left_out: int = 0
    classes: list[str] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)
    problems: list[tuple[str, LineProblem]] = field(default_factory=list)
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def more_problems(self) -> int:
        """How many more lines were left out than ``problems`` tells of."""
        return self.left_out - len(self.problems)


class _Taken(NamedTuple):
    """An example, what is to be written of it, and where it was read."""

    example: Example
    content: Any
    line: int
    offset: int


class Export:
    """One export at work.

    :param files: reads the manifests and pictures, and writes.
    :param to: path or URI of the folder.
    :param format_name: one of :data:`FORMATS`.
    :param classes: names of all classes in the order of their numbers; None for the numbers of the labeling jobs.
    :param copy_pictures: whether to copy the pictures into the folder, for the formats that have a place for them.
    :param keep_formulas: for CSV, leave texts as they are that a spreadsheet would reckon as formulas.
    :raises ValueError: if there is no such format, a class comes twice, or an option is of another format.
    """

    def __init__(
        self,
        files: Files,
        to: str,
        format_name: str,
        *,
        classes: Sequence[str] | None = None,
        copy_pictures: bool = False,
        keep_formulas: bool = False,
    ) -> None:
        if format_name not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {format_name!r}")
        self._name, self._copy = format_name, copy_pictures
        self._classes = Classes(classes)
        self._folder = Folder(files, to)
        self._format = FORMATS[format_name](self._folder, self._classes, keep_formulas)
        if keep_formulas and format_name != "csv":
            raise ValueError(f"keep_formulas is for csv, not for {format_name}")
        if copy_pictures and self._format.picture_folder("") is None:
            raise ValueError(f"{format_name} has no place for pictures")
        self._files = files
        self.result = Exported()

    def run(self, sets: Mapping[str, str], label_attribute: str) -> Exported:
        """Export some sets.

        :param sets: their manifests by name.
        :raises LabelingError: if a manifest can't be read, or a file can't be written.
        :raises ValueError: if the name of a set can't be that of a file.
        """
        for name in sets:
            self._check_set(name, sets)
        # All files of the export appear together, at its end.
        with closing(self._folder), ExitStack() as stack:
            for name, where in sets.items():
                scanned = scan_labels(self._files.lines(where), label_attribute, where, metadata=True, tolerant=True)
                self._format.begin(name, stack)
                self.result.objects[name] = self._run_set(name, label_attribute, scanned)
                self._format.end(name)
            self.result.training = self._format.finish(self.result.objects)
            self._folder.finish()
        self.result.classes = self._classes.names
        self.result.notes = {note: count for note, count in self._format.notes.items() if count}
        return self.result

    def _check_set(self, name: str, sets: Mapping[str, str]) -> None:
        for rule, reader in ((Format, "a file"), (type(self._format), f"a set of {self._name}")):
            if not rule.set_name.fullmatch(name):
                raise ValueError(f"the set {name!r} can't be {reader}; use {rule.set_name_told}")
        if same := [one for one in sets if one != name and one.casefold() == name.casefold()]:
            raise ValueError(f"the sets {name!r} and {same[0]!r} would have the same files where capitals don't count")

    def _run_set(self, name: str, attribute: str, scanned: Scan[Any]) -> int:
        written, taken = 0, self._taken(name, attribute, scanned)
        while several := list(islice(taken, _TOGETHER)):
            refusals = self._folder.each(self._fetch, [one.example for one in several])
            for one, refusal in zip(several, refusals, strict=True):
                try:
                    if refusal:
                        raise refusal
                    self._format.write(one.example, one.content)
                    self._format.notes.update(one.example.notes)
                    written += 1
                except LabelingError as error:
                    self._leave_out(scanned.where, LineProblem(one.line, one.offset, str(error)))
        # The scan has kept its own problems: lines that can't be read.
        for problem in scanned.problems:
            self._leave_out(scanned.where, problem)
        self.result.left_out += scanned.bad - len(scanned.problems)
        return written

    def _taken(self, set_name: str, attribute: str, scanned: Scan[Any]) -> Iterator[_Taken]:
        for raw, line in scanned:
            if not line.is_labeled:
                failed = state_of(line) == "failed"
                self.result.failed += failed
                self.result.unlabeled += not failed
                continue
            try:
                example = self._example(set_name, attribute, raw)
                content = self._format.read(example)
            except (LabelError, ValueError) as error:
                self._leave_out(scanned.where, LineProblem(scanned.number, scanned.offset, str(error)))
                continue
            folder = self._format.picture_folder(set_name)
            if folder is not None and example.uri:
                example.file_name = self._folder.free_name(folder, example.uri, self._format.endings)
            yield _Taken(example, content, scanned.number, scanned.offset)

    def _example(self, set_name: str, attribute: str, raw: bytes) -> Example:
        line = parse_line(raw)
        label = read_label(line, attribute)
        if label is None:
            raise LabelError(f"{attribute}: null is no label")
        if not isinstance(label, self._format.takes):
            kind = (label.metadata or {}).get("type", "a type that is not told")
            raise LabelError(f"{attribute}: {self._name} has no place for labels of {str(kind)[:80]}")
        example = Example(set_name, raw, line, label)
        if self._format.picture_folder(set_name) is not None and not (example.uri or self._format.needs_text(example)):
            raise LabelError('has no "source-ref", and this format is for pictures')
        return example

    def _fetch(self, example: Example) -> LabelingError | None:
        """Bring what an object needs; why that can't be done."""
        try:
            if self._format.needs_text(example):
                example.text = self._text(example)
            elif self._copy or self._format.copies(example):
                folder = self._format.picture_folder(example.set_name)
                path = f"{folder}/{example.file_name}"
                example.notes.update(self._folder.copy_picture(example.uri, path, _size(example.label)))
        except LabelingError as error:
            return error
        return None

    def _text(self, example: Example) -> str:
        if isinstance(text := example.line.get("source"), str):
            return text
        body = bytearray()
        for chunk in self._files.chunks(example.uri):
            body += chunk
            if len(body) > 4 * MAX_LINE:
                raise LabelError(f"{example.uri}: a text of more than {4 * MAX_LINE:,} bytes is not exported")
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise LabelError(f"{example.uri}: byte {error.start + 1} is not UTF-8") from None

    def _leave_out(self, where: str, problem: LineProblem) -> None:
        self.result.left_out += 1
        if len(self.result.problems) < MAX_PROBLEMS:
            self.result.problems.append((where, problem))


def _size(label: Label) -> tuple[int, int] | None:
    """Width and height that a label says of its picture, pixels."""
    return (label.size.width, label.size.height) if isinstance(label, BoxesLabel) else None
