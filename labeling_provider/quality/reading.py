"""Reads judgements from workers' answers and from labels.

Answers: developer guide, "Crowd HTML elements reference".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial, singledispatch
from typing import Any, Final

import msgspec

from labeling_provider.groundtruth.frame_tools import CUBOIDS
from labeling_provider.groundtruth.objects import METADATA
from labeling_provider.groundtruth.structures import make_ready
from labeling_provider.manifest import (
    BoxesLabel,
    ClassesLabel,
    ClassLabel,
    CuboidsLabel,
    EntitiesLabel,
    Files,
    InstancesLabel,
    KeypointsLabel,
    Label,
    MaskLabel,
    PathsLabel,
    PointMaskLabel,
    SequenceLabel,
)
from labeling_provider.manifest.typed_labels import by_structure
from labeling_provider.quality.cuboid_agreement import (
    cuboids_of_form,
    cuboids_of_label,
    cuboids_of_sequence,
    points_of_label,
)
from labeling_provider.quality.drawing_agreement import mask_of_form, mask_of_label, shapes_of_form, shapes_of_label
from labeling_provider.quality.judgement import Boxes, Choice, Judgement, NamedBox, NamedSpan, Spans
from labeling_provider.quality.sequence_agreement import frames_of_label

_MAX_PARTS: Final = 300
_MAX_KIND: Final = 100


class _Box(msgspec.Struct):
    label: str
    left: float
    top: float
    width: float
    height: float


class _Span(msgspec.Struct):
    label: str
    startOffset: int
    endOffset: int


def _choice(form: Mapping[str, Any]) -> Judgement:
    return Choice(frozenset([msgspec.convert(form["label"], str)]))


def _choices(form: Mapping[str, Any]) -> Judgement:
    return Choice(frozenset(msgspec.convert(form["labels"], list[str])))


def _boxes(form: Mapping[str, Any]) -> Judgement:
    boxes = msgspec.convert(form["boundingBoxes"], list[_Box])
    return Boxes(tuple(NamedBox(box.label, box.left, box.top, box.width, box.height) for box in boxes))


def _spans(form: Mapping[str, Any]) -> Judgement:
    spans = msgspec.convert(form["entities"], list[_Span])
    return Spans(tuple(NamedSpan(span.label, span.startOffset, span.endOffset) for span in spans))


_READERS: Final[dict[str, Callable[[Mapping[str, Any]], Judgement | None]]] = {
    "label": _choice,
    "labels": _choices,
    "boundingBoxes": _boxes,
    "entities": _spans,
    **{kind: partial(shapes_of_form, kind) for kind in ("polygons", "polylines", "lines", "keypoints")},
    "labeledImage": mask_of_form,
    CUBOIDS: cuboids_of_form,
}
"""Readers of a worker's form, by its key (developer guide, "Crowd HTML elements reference")."""


def judgement_of_answer(content: Any) -> Judgement | None:
    """The judgement in a worker's answer.

    :param content: ``answerContent`` of a worker response: forms by element name, possibly in a list of one.
    :return: None if the answer is malformed, too large, or of a kind that can't be compared.
    """
    for form in forms_of(content):
        for key, read in _READERS.items():
            if key in form:
                try:
                    return _bounded(read(form))
                except (msgspec.ValidationError, UnicodeEncodeError):
                    # The second one comes from keys that are not valid Unicode.
                    return None
    return None


def forms_of(content: Any) -> Iterator[Mapping[str, Any]]:
    """The forms in a worker's answer; none if it is malformed.

    :param content: as for :func:`judgement_of_answer`.
    """
    forms = content[0] if isinstance(content, list) and len(content) == 1 else content
    yield from (form for form in forms.values() if isinstance(form, dict)) if isinstance(forms, dict) else ()


def judgement_of_label(label: Label, files: Files | None = None) -> Judgement | None:
    """The judgement in a label; None if it is too large, or of a kind that can't be compared.

    A label without metadata, as in data from elsewhere, is the name of a class or a list of names. One without a
    type in its metadata is taken for the type whose structure it has. A custom task's may be what its form has sent.

    :param files: reads the files of masks and of sequences; without it, these are not compared.
    :raises LabelingError: if such a file can't be read.
    """
    label = by_structure(label)
    return _reader_of(type(label))(label, files)  # type: ignore[arg-type]  # not what a label hashes to: its class


@singledispatch
def _read(label: Label, files: Files | None) -> Judgement | None:
    """The judgement in a label of a class that has no reader below."""
    if isinstance(label.value, dict):
        return judgement_of_answer({"": label.value})
    names = [label.value] if isinstance(label.value, str) else label.value
    if label.metadata is None and isinstance(names, list) and all(isinstance(name, str) for name in names):
        return Choice(frozenset(names))
    return None


@_read.register
def _class(label: ClassLabel, files: Files | None) -> Judgement | None:
    return Choice(frozenset([label.class_name])) if label.class_name is not None else None


@_read.register
def _classes(label: ClassesLabel, files: Files | None) -> Judgement | None:
    return Choice(frozenset(label.plain))


@_read.register
def _boxes_of_label(label: BoxesLabel, files: Files | None) -> Judgement | None:
    boxes = [NamedBox(name, box.left, box.top, box.width, box.height) for name, box in label.named_shapes]
    return _bounded(Boxes(tuple(boxes)))


@_read.register
def _drawn(label: PathsLabel | KeypointsLabel, files: Files | None) -> Judgement | None:
    return shapes_of_label(label)


@_read.register
def _entities(label: EntitiesLabel, files: Files | None) -> Judgement | None:
    return _bounded(Spans(tuple(NamedSpan(entity.label, entity.start, entity.end) for entity in label.entities)))


@_read.register
def _mask(label: MaskLabel | InstancesLabel, files: Files | None) -> Judgement | None:
    return None if files is None else mask_of_label(files, label)


@_read.register
def _cuboids(label: CuboidsLabel, files: Files | None) -> Judgement | None:
    return cuboids_of_label(label)


@_read.register
def _points(label: PointMaskLabel, files: Files | None) -> Judgement | None:
    return None if files is None else points_of_label(files, label)


@_read.register
def _sequence(label: SequenceLabel, files: Files | None) -> Judgement | None:
    return None if files is None else frames_of_label(files, label) or cuboids_of_sequence(files, label)


_reader_of: Final = cache(_read.dispatch)
"""The reader of a class of labels; calling ``_read`` itself takes twice as long to find it."""


def why_not_compared(label: Label) -> str:
    """Why a label has no judgement, as what follows "labels"."""
    label = by_structure(label)
    kind = (label.metadata or {}).get("type")
    if type(label) is Label and kind is None:
        return f'without "type" in {label.attribute}-metadata, and without the structure of any type'
    if type(label) is Label:
        return f"of the type {str(kind)[:_MAX_KIND]!r}, which can't be compared"
    if isinstance(label, ClassLabel):
        return f'without "class-name" in {label.attribute}{METADATA}'
    return "with too many parts to compare, or with parts far outside the picture"


def _bounded(judgement: Judgement | None) -> Judgement | None:
    """The judgement; None if it has too many parts to compare in reasonable time."""
    boxes = judgement.boxes if isinstance(judgement, Boxes) else ()
    spans = judgement.spans if isinstance(judgement, Spans) else ()
    return judgement if len(boxes) + len(spans) <= _MAX_PARTS else None


make_ready(__name__)
