"""Exports the labels of manifests to files for training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.objects import LineState
from labeling_provider.manifest.export.boxes import Coco, Voc, Yolo
from labeling_provider.manifest.export.cuboid_exports import Kitti, NuScenes
from labeling_provider.manifest.export.format import Classes, Example, Folder, Format
from labeling_provider.manifest.export.points import NumpyPoints
from labeling_provider.manifest.export.tables import Csv, Parquet
from labeling_provider.manifest.export.text import Conll, JsonLines
from labeling_provider.manifest.export.training import HuggingFace, SageMakerPipe
from labeling_provider.manifest.export.videos import CocoVideo, Mot
from labeling_provider.manifest.files import Files
from labeling_provider.manifest.pictures import MAX_BYTES, picture_header
from labeling_provider.manifest.reader import MAX_LINE, LineProblem, parse_line
from labeling_provider.manifest.scan import MAX_PROBLEMS, Scan, scan_labels
from labeling_provider.manifest.select import state_of
from labeling_provider.manifest.typed_labels import LabelError, ShapesLabel, read_label

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
    "coco-video": CocoVideo,
    "mot": Mot,
    "kitti": Kitti,
    "nuscenes": NuScenes,
    "numpy": NumpyPoints,
}
"""Formats by name."""


@dataclass
class Exported:
    """The result of an export: the number of exported objects, and of all other lines by reason.

    :param objects: number of exported objects by set.
    :param unlabeled: number of lines that are not labeled yet.
    :param failed: number of lines that a job gave up on.
    :param left_out: number of lines that are wrong, or can't be written in this format.
    :param classes: names of the classes in the order of their ids; an id that no label has is ``unused-N``.
    :param notes: number of changes and remarks by kind: ``boxes_cut`` and ``shapes_cut`` at the picture's edge,
        ``boxes_left_out`` and ``shapes_left_out`` beyond it or without any pixel, or boxes in pictures of point clouds
        that the format has no place for; ``parts_joined`` into one outline, for masks with several
        parts or holes; ``pictures_kept_unturned``, whose EXIF orientation was removed because
        their label refers to the stored pixels, ``pictures_turned``, whose label refers to the rotated ones, and
        ``pictures_of_another_size`` than their label says; ``cuboids_leveled``, whose roll and pitch KITTI cannot tell;
        ``fisheye_images_left_out``, which nuScenes has no place for; ``spans_trimmed`` of spaces, ``spans_left_out``
        because they are only spaces, and ``words_divided`` by a span's end; ``formulas_quoted`` in CSV;
        ``sets_without_boxes``, which ``datasets`` can't load together with others.
    :param problems: the first reasons why lines were left out, each with its manifest.
    :param training: what training needs to know besides the files: SageMaker's channels and hyperparameters.
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
        """Number of left out lines that ``problems`` does not list."""
        return self.left_out - len(self.problems)


class _Converted(NamedTuple):
    """An example, its content in the export's format, and its place in the manifest."""

    example: Example
    content: Any
    line: int
    offset: int


class Export:
    """One export.

    :param files: reads manifests and pictures, and writes the export.
    :param to: path or URI of the folder to write to.
    :param format_name: one of :data:`FORMATS`.
    :param classes: names of all classes in the order of their ids; None to keep the ids of the labeling jobs.
    :param copy_pictures: whether to copy the pictures into the folder, for formats that have a place for them.
    :param keep_formulas: for CSV, leave cells unchanged that a spreadsheet would run as formulas.
    :raises ValueError: if the format is unknown, a class is repeated, or an option belongs to another format.
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

        :param sets: manifests by name of the set.
        :raises LabelingError: if a manifest can't be read, or a file can't be written.
        :raises ValueError: if the format does not allow the name of a set.
        """
        for name in sets:
            self._check_set(name, sets)
        # The sets' files appear together, at the end.
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
        for rule, purpose in ((Format, "a file"), (type(self._format), f"a set of {self._name}")):
            if not rule.set_name.fullmatch(name):
                raise ValueError(f"the name {name!r} can't be used for {purpose}; use {rule.set_name_rule}")
        if same := [other for other in sets if other != name and other.casefold() == name.casefold()]:
            raise ValueError(f"the sets {name!r} and {same[0]!r} would have the same files where case does not matter")

    def _run_set(self, name: str, attribute: str, scanned: Scan[Any]) -> int:
        written, converted = 0, self._converted(name, attribute, scanned)
        while batch := list(islice(converted, self._format.batch)):
            errors = self._folder.map(self._fetch, [item.example for item in batch])
            for item, fetch_error in zip(batch, errors, strict=True):
                try:
                    if fetch_error:
                        raise fetch_error
                    self._format.write(item.example, item.content)
                    self._format.notes.update(item.example.notes)
                    written += 1
                except LabelingError as error:
                    self._leave_out(scanned.where, LineProblem(item.line, item.offset, str(error)))
        # The scan has collected the lines that can't be read.
        for problem in scanned.problems:
            self._leave_out(scanned.where, problem)
        self.result.left_out += scanned.bad - len(scanned.problems)
        return written

    def _converted(self, set_name: str, attribute: str, scanned: Scan[Any]) -> Iterator[_Converted]:
        for raw, line in scanned:
            if not line.is_labeled:
                failed = state_of(line) == LineState.FAILED
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
            yield _Converted(example, content, scanned.number, scanned.offset)

    def _example(self, set_name: str, attribute: str, raw: bytes) -> Example:
        line = parse_line(raw)
        label = read_label(line, attribute)
        if label is None:
            raise LabelError(f"{attribute}: null is not a label")
        if not isinstance(label, self._format.takes):
            metadata_type = (label.metadata or {}).get("type", "unknown type")
            raise LabelError(f"{attribute}: {self._name} can't store labels of {str(metadata_type)[:80]}")
        example = Example(set_name, raw, line, label)
        if self._format.picture_folder(set_name) is not None and not (example.uri or self._format.needs_text(example)):
            raise LabelError('has no "source-ref", but this format is for pictures')
        return example

    def _fetch(self, example: Example) -> LabelingError | None:
        """Fetch an object's text or picture.

        :return: the error if that fails.
        """
        try:
            example.fetched = self._format.fetch(example)
            if uri := self._format.mask_uri(example):
                example.mask = self._mask(uri)
            if self._format.needs_text(example):
                example.text = self._text(example)
            elif self._copy or self._format.copies(example):
                folder = self._format.picture_folder(example.set_name)
                path = f"{folder}/{example.file_name}"
                example.notes.update(self._folder.copy_picture(example.uri, path, _size(example)))
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
                raise LabelError(f"{example.uri}: the text is longer than {4 * MAX_LINE:,} bytes")
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise LabelError(f"{example.uri}: byte {error.start + 1} is not UTF-8") from None

    def _mask(self, uri: str) -> bytes:
        body = bytearray()
        for chunk in self._files.chunks(uri):
            body += chunk
            if len(body) > MAX_BYTES:
                raise LabelError(f"{uri}: the mask has more than {MAX_BYTES:,} bytes")
        return bytes(body)

    def _leave_out(self, where: str, problem: LineProblem) -> None:
        self.result.left_out += 1
        if len(self.result.problems) < MAX_PROBLEMS:
            self.result.problems.append((where, problem))


def _size(example: Example) -> tuple[int, int] | None:
    """A picture's width and height according to its label, in pixels; None if the label does not say.

    :raises PictureError: if the label's pixels are not a picture.
    """
    if isinstance(label := example.label, ShapesLabel):
        return label.size.width, label.size.height
    return picture_header(example.mask)[:2] if example.mask else None
