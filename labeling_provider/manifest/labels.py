"""Typed label values: what a labeled line says, for each kind of task.

A label keeps the JSON that it was read from, so what is written again is the same, unknown keys and all. Its typed
parts are read once, when it is made; what is wrong with one is told in a sentence that names the key.

Sources: developer guide, "Labeling job output data" (one section for each task type) and "Output metadata".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec

from labeling_provider.errors import LabelingError
from labeling_provider.manifest.scan import LabelMetadata

Number = int | float
_DIGITS = 9
Part = TypeVar("Part")


class LabelError(LabelingError):
    """A label is not of the shape that its type has."""


class Box(msgspec.Struct, frozen=True):
    """A box in an image, in pixels, the origin at the top left."""

    class_id: int
    left: Number
    top: Number
    width: Number
    height: Number

    def is_in(self, size: ImageSize) -> bool:
        """Whether it has an area, all of it in an image of this size."""
        across = self.left >= 0 and self.width > 0 and self.left + self.width <= size.width
        return across and self.top >= 0 and self.height > 0 and self.top + self.height <= size.height


class ImageSize(msgspec.Struct, frozen=True):
    """Size of an image in pixels, and its number of channels."""

    width: int
    height: int
    depth: int = 3


class Entity(msgspec.Struct, frozen=True):
    """A span of a text, in Unicode characters; the end is not part of it."""

    label: str
    start: int = msgspec.field(name="startOffset")
    end: int = msgspec.field(name="endOffset")


class EntityLabel(msgspec.Struct, frozen=True):
    """A label that spans may have."""

    label: str
    short_display_name: str | None = msgspec.field(name="shortDisplayName", default=None)


class MaskColor(msgspec.Struct, frozen=True, rename="kebab"):
    """What an index of a mask's palette, or a byte of a point cloud's labels, stands for."""

    class_name: str
    hex_color: str | None = None
    confidence: Number | None = None


class Cuboid(msgspec.Struct, frozen=True, rename="kebab"):
    """A box in a point cloud, in metres and radians; x points right, y forward, z up."""

    class_id: int | str
    center_x: Number
    center_y: Number
    center_z: Number
    length: Number
    width: Number
    height: Number
    roll: Number = 0
    pitch: Number = 0
    yaw: Number = 0
    object_name: str | None = None
    label_category_attributes: dict[str, Any] = {}


class _Boxes(msgspec.Struct):
    annotations: list[Box]
    image_size: Annotated[list[ImageSize], msgspec.Meta(min_length=1)]


class _Rated(msgspec.Struct):
    confidence: float


class _Spans(msgspec.Struct):
    entities: list[Entity]
    labels: list[EntityLabel] = []


class _Entities(msgspec.Struct):
    annotations: _Spans


class _Cuboids(msgspec.Struct):
    annotations: list[Cuboid]


class _Comment(msgspec.Struct):
    comment: str


@dataclass(frozen=True)
class Label:
    """The label of a data object as an output manifest holds it. Of a custom task the value may be anything.

    :param attribute: name of the label attribute.
    :param value: its JSON value.
    :param metadata: the JSON object beside it, ``<attribute>-metadata``; None if there is none, as in one's own data.
    :raises LabelError: if they are not of the shape that this kind of label has.
    """

    attribute: str
    value: Any
    metadata: Mapping[str, Any] | None = None

    types: ClassVar[tuple[str, ...]] = ()
    parts: ClassVar[tuple[str, ...]] = ("about",)

    def __post_init__(self) -> None:
        # A wrong part is told here, not where somebody happens to look at it.
        for part in self.parts:
            getattr(self, part)

    @cached_property
    def about(self) -> LabelMetadata:
        """What is known of the label: confidence, people or machine, job, date."""
        return self._read(self.metadata or {}, LabelMetadata, "-metadata")

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that the label has, each once; see :meth:`LabelMetadata.classes_of`."""
        return self.about.classes_of(self.value)

    @property
    def keys(self) -> dict[str, Any]:
        """The keys of the manifest line, as they were read."""
        beside = {} if self.metadata is None else {f"{self.attribute}-metadata": self.metadata}
        return {self.attribute: self.value, **beside}

    def _read(self, value: Any, shape: type[Part], under: str = "") -> Part:
        try:
            return msgspec.convert(value, shape)
        except msgspec.ValidationError as error:
            raise LabelError(f"{self.attribute}{under}: {error}") from None

    def _beside(self, key: str, shape: type[Part], default: Part) -> Part:
        """A key of the metadata."""
        value = (self.metadata or {}).get(key)
        return default if value is None else self._read(value, shape, f"-metadata.{key}")

    def _numbered(self, key: str, shape: type[Part]) -> dict[int, Part]:
        """A map of the metadata whose keys are numbers of classes."""
        found: dict[str, Part] = self._beside(key, dict[str, shape], {})  # type: ignore[valid-type]
        return {self._number(number, f"-metadata.{key}"): one for number, one in found.items()}

    def _number(self, value: int | str, under: str = "") -> int:
        # Amazon writes class ids as numbers, some of its examples and all keys of maps as strings.
        if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= _DIGITS):
            raise LabelError(f"{self.attribute}{under}: {value[:40]!r} is not the number of a class")
        return int(value)


class ClassLabel(Label):
    """One class: of an image, a text or a video clip."""

    types: ClassVar[tuple[str, ...]] = (
        "groundtruth/image-classification",
        "groundtruth/text-classification",
        "groundtruth/video-classification",
    )
    parts: ClassVar[tuple[str, ...]] = ("about", "class_id")

    @cached_property
    def class_id(self) -> int:
        """Number of the class."""
        return self._number(self._read(self.value, int | str))  # type: ignore[arg-type]

    @property
    def class_name(self) -> str | None:
        """Name of the class."""
        return self.about.class_name


class VerdictLabel(ClassLabel):
    """What was found when the label of an earlier job was verified."""

    types = ("groundtruth/label-verification",)
    parts = ("about", "class_id", "comments")

    @cached_property
    def comments(self) -> list[str]:
        """What workers wrote."""
        return [one.comment for one in self._beside("worker-feedback", list[_Comment], [])]


class ClassesLabel(Label):
    """Several classes of an image or a text: each that any worker chose."""

    types = ("groundtruth/image-classification-multilabel", "groundtruth/text-classification-multilabel")
    parts = ("about", "class_ids", "class_names", "confidences")

    @cached_property
    def class_ids(self) -> list[int]:
        """Numbers of the classes."""
        return self._read(self.value, list[int])

    @cached_property
    def class_names(self) -> dict[int, str]:
        """Their names."""
        return self._numbered("class-map", str)

    @cached_property
    def confidences(self) -> dict[int, float]:
        """Their confidences, 0 to 1."""
        return self._numbered("confidence-map", float)


class BoxesLabel(Label):
    """Boxes in an image."""

    types = ("groundtruth/object-detection",)
    parts = ("about", "boxes", "class_names", "confidences")

    @cached_property
    def _value(self) -> _Boxes:
        return self._read(self.value, _Boxes)

    @property
    def boxes(self) -> list[Box]:
        """The boxes; none if the image shows nothing of the classes."""
        return self._value.annotations

    @property
    def size(self) -> ImageSize:
        """Size of the image."""
        return self._value.image_size[0]

    @cached_property
    def class_names(self) -> dict[int, str]:
        """Names of the classes by number; also of such that no box has, where somebody else has written the label."""
        return self._numbered("class-map", str)

    @cached_property
    def confidences(self) -> list[float]:
        """Confidence of each box, 0 to 1; empty if the metadata rates none."""
        found = [one.confidence for one in self._beside("objects", list[_Rated], [])]
        if found and len(found) != len(self.boxes):
            raise LabelError(f"{self.attribute}-metadata.objects: {len(found)} for {len(self.boxes)} boxes")
        return found

    @property
    def outside(self) -> list[int]:
        """Positions in ``boxes`` of those that are not wholly in the image, or that are no boxes."""
        return [number for number, box in enumerate(self.boxes) if not box.is_in(self.size)]


class EntitiesLabel(Label):
    """Named entities in a text."""

    types = ("groundtruth/text-span",)
    parts = ("about", "entities")

    @cached_property
    def _value(self) -> _Spans:
        found = self._read(self.value, _Entities).annotations
        for number, one in enumerate(found.entities):
            if not 0 <= one.start < one.end:
                where = f"{self.attribute}.annotations.entities[{number}]"
                raise LabelError(f"{where}: characters {one.start} to {one.end} are no span")
        return found

    @property
    def entities(self) -> list[Entity]:
        """The spans."""
        return self._value.entities

    @property
    def labels(self) -> list[EntityLabel]:
        """The labels that a span could have had."""
        return self._value.labels


class MaskLabel(Label):
    """Classes of the pixels of an image: a PNG with a palette."""

    types = ("groundtruth/semantic-segmentation",)
    parts = ("about", "uri", "colors")
    _key: ClassVar[str] = "internal-color-map"

    @cached_property
    def uri(self) -> str:
        """Where the file is."""
        return self._read(self.value, str)

    @cached_property
    def colors(self) -> dict[int, MaskColor]:
        """What each number in it stands for."""
        return self._numbered(self._key, MaskColor)


class PointMaskLabel(MaskLabel):
    """Classes of the points of a point cloud: a zlib file of one byte for each point."""

    types = ("groundtruth/point_cloud_single_frame_semantic_segmentation",)
    _key = "color-map"


class SequenceLabel(Label):
    """Boxes, lines, polygons, key points or cuboids over time: a sequence file."""

    types = (
        "groundtruth/video-object-detection",
        "groundtruth/video-object-tracking",
        "groundtruth/point_cloud_object_tracking",
    )
    parts = ("about", "uri", "class_names")

    @cached_property
    def uri(self) -> str:
        """Where the file is."""
        return self._read(self.value, str)

    @cached_property
    def class_names(self) -> dict[int, str]:
        """Names of the classes."""
        return self._numbered("class-map", str)


class CuboidsLabel(Label):
    """Cuboids in one point cloud."""

    types = ("groundtruth/point_cloud_object_detection",)
    parts = ("about", "cuboids", "class_names")

    @cached_property
    def cuboids(self) -> list[Cuboid]:
        """The cuboids."""
        return self._read(self.value, _Cuboids).annotations

    @cached_property
    def class_names(self) -> dict[int, str]:
        """Names of the classes; Amazon's pages write this map with an underscore for this type alone."""
        return self._numbered("class_map", str) or self._numbered("class-map", str)


_KINDS: dict[str, type[Label]] = {
    kind: one
    for one in (
        ClassLabel,
        VerdictLabel,
        ClassesLabel,
        BoxesLabel,
        EntitiesLabel,
        MaskLabel,
        PointMaskLabel,
        SequenceLabel,
        CuboidsLabel,
    )
    for kind in one.types
}


def read_label(line: Mapping[str, Any], attribute: str) -> Label | None:
    """The label of a manifest line, typed by what its metadata says it is.

    :param line: the line, as ``parse_line`` and ``read_manifest`` give it.
    :param attribute: name of the label attribute.
    :return: None if the line has no label, be it that it waits for one or that it failed.
    :raises LabelError: if the label is not of its type's shape.
    """
    if line.get(attribute) is None:
        return None
    metadata = line.get(f"{attribute}-metadata")
    if metadata is not None and not isinstance(metadata, Mapping):
        raise LabelError(f"{attribute}-metadata: a JSON object is expected")
    kind = (metadata or {}).get("type")
    return _KINDS.get(str(kind).lower(), Label)(attribute, line[attribute], metadata)
