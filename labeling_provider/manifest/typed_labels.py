"""Typed labels: one class for each kind of label in an output manifest.

A label keeps the JSON it was read from, so it can be written back unchanged, unknown keys included. Its typed parts are
read on construction; an error names the key that is wrong.

Sources: developer guide, "Labeling job output data" (one section for each task type) and "Output metadata".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.facts import MetadataType
from labeling_provider.groundtruth.objects import METADATA
from labeling_provider.groundtruth.ready_functions import drawing_type
from labeling_provider.groundtruth.structures import make_ready
from labeling_provider.manifest.label_parts import (
    Box,
    Cuboid,
    Entity,
    EntityLabel,
    ImageSize,
    Instance,
    Keypoint,
    MaskColor,
    Path,
)
from labeling_provider.manifest.metadata import BACKGROUND, LabelMetadata

_DIGITS = 9
Converted = TypeVar("Converted")


class LabelError(LabelingError):
    """A label does not have the structure of its type, or can't be exported."""


class _OnPicture(msgspec.Struct):
    image_size: Annotated[list[ImageSize], msgspec.Meta(min_length=1)]


class _Boxes(_OnPicture):
    annotations: list[Box]


class _Polygons(_OnPicture):
    polygons: list[Path]


class _Polylines(_OnPicture):
    polylines: list[Path]


class _Lines(_OnPicture):
    lines: list[Path]


class _Keypoints(_OnPicture):
    keypoints: list[Keypoint]


class _Instances(_OnPicture):
    mask: str
    instances: list[Instance]


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
    """A data object's label, as in an output manifest. The label of a custom task may be any JSON value.

    :param attribute: name of the label attribute.
    :param value: its JSON value.
    :param metadata: the JSON object in ``<attribute>-metadata``; None if there is none, as in data from elsewhere.
    :raises LabelError: if value or metadata do not have the structure of this kind of label.
    """

    attribute: str
    value: Any
    metadata: Mapping[str, Any] | None = None

    types: ClassVar[tuple[str, ...]] = ()
    parts: ClassVar[tuple[str, ...]] = ("about",)
    revealed_by: ClassVar[str | None] = None
    """The key in the metadata that reveals such a label if there is no type; None if none does."""

    def __post_init__(self) -> None:
        # Report wrong parts on construction, not on first access.
        for part in self.parts:
            getattr(self, part)

    @cached_property
    def about(self) -> LabelMetadata:
        """The label's metadata: confidence, human or machine, job, date."""
        return self._read(self.metadata or {}, LabelMetadata, METADATA)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the label's classes, each once; see :meth:`LabelMetadata.classes_of`."""
        return self.about.classes_of(self.value)

    @property
    def named_classes(self) -> dict[int, str]:
        """Names by id of the classes that the label has, or that its mask may have, without the background.

        :return: empty if the label doesn't say, because its classes have no ids or are in its files.
        :raises LabelError: if a class has no name.
        """
        return {}

    @property
    def mask_uri(self) -> str | None:
        """S3 URI of the PNG with its pixels; None if it has none."""
        return None

    @property
    def plain(self) -> Any:
        """The label in plain words.

        A class is its name, several classes are the list of their names; boxes, entities, polygons, polylines, lines
        and keypoints are lists of dicts with the class as ``label``. Any other label is its JSON value, such as the URI
        of a mask.
        """
        return self.value

    @property
    def keys(self) -> dict[str, Any]:
        """The label's keys in the manifest line, as they were read."""
        metadata = {} if self.metadata is None else {f"{self.attribute}{METADATA}": self.metadata}
        return {self.attribute: self.value, **metadata}

    def _read(self, value: Any, structure: type[Converted], suffix: str = "") -> Converted:
        try:
            return msgspec.convert(value, structure)
        except msgspec.ValidationError as error:
            raise LabelError(f"{self.attribute}{suffix}: {error}") from None
        except UnicodeEncodeError:
            raise LabelError(f"{self.attribute}{suffix}: a key is not valid Unicode") from None

    def _from_metadata(self, key: str, structure: type[Converted], default: Converted) -> Converted:
        value = (self.metadata or {}).get(key)
        return default if value is None else self._read(value, structure, f"-metadata.{key}")

    def _by_class_id(self, key: str, structure: type[Converted]) -> dict[int, Converted]:
        """A map in the metadata whose keys are class ids."""
        entries: dict[str, Converted] = self._from_metadata(key, dict[str, structure], {})  # type: ignore[valid-type]
        return {self._class_id(class_id, f"-metadata.{key}"): entry for class_id, entry in entries.items()}

    def _all_named(self, names: Mapping[int, str | None]) -> dict[int, str]:
        named = {class_id: name for class_id, name in names.items() if name is not None}
        if unnamed := names.keys() - named.keys():
            raise LabelError(f"{self.attribute}: class {min(unnamed)} has no name in {self.attribute}{METADATA}")
        return named

    def _class_id(self, value: int | str, suffix: str = "") -> int:
        # Amazon writes class ids as numbers; in some of its examples and in all map keys they are strings.
        if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= _DIGITS):
            raise LabelError(f"{self.attribute}{suffix}: {value[:40]!r} is not a class id")
        return int(value)


class ClassLabel(Label):
    """A single class for an image, a text or a video clip."""

    types: ClassVar[tuple[str, ...]] = (
        MetadataType.IMAGE_CLASSIFICATION,
        MetadataType.TEXT_CLASSIFICATION,
        MetadataType.VIDEO_CLASSIFICATION,
    )
    parts: ClassVar[tuple[str, ...]] = ("about", "class_id")
    revealed_by = "class-name"

    @cached_property
    def class_id(self) -> int:
        """Id of the class."""
        return self._class_id(self._read(self.value, int | str))  # type: ignore[arg-type]

    @property
    def class_name(self) -> str | None:
        """Name of the class."""
        return self.about.class_name

    @property
    def named_classes(self) -> dict[int, str]:
        """The class's name by its id.

        :raises LabelError: if it has no name.
        """
        return self._all_named({self.class_id: self.class_name})

    @property
    def plain(self) -> str:
        """The class's name; its id if it has none."""
        return self.class_name or str(self.class_id)


class VerdictLabel(ClassLabel):
    """The verdict on the label of an earlier job."""

    types = (MetadataType.LABEL_VERIFICATION,)
    parts = ("about", "class_id", "comments")

    @cached_property
    def comments(self) -> list[str]:
        """The workers' comments."""
        return [feedback.comment for feedback in self._from_metadata("worker-feedback", list[_Comment], [])]


class ClassesLabel(Label):
    """Several classes for an image or a text: every class that any worker chose."""

    types = (MetadataType.IMAGE_CLASSIFICATION_MULTILABEL, MetadataType.TEXT_CLASSIFICATION_MULTILABEL)
    parts = ("about", "class_ids", "class_names", "confidences")
    revealed_by = "class-map"

    @cached_property
    def class_ids(self) -> list[int]:
        """Ids of the classes."""
        return self._read(self.value, list[int])

    @cached_property
    def class_names(self) -> dict[int, str]:
        """Names of the classes by id."""
        return self._by_class_id("class-map", str)

    @cached_property
    def confidences(self) -> dict[int, float]:
        """Confidences by class id, 0 to 1."""
        return self._by_class_id("confidence-map", float)

    @property
    def named_classes(self) -> dict[int, str]:
        """Names by id of the chosen classes; the class map may list more.

        :raises LabelError: if a class has no name.
        """
        return self._all_named({class_id: self.class_names.get(class_id) for class_id in self.class_ids})

    @property
    def plain(self) -> list[str]:
        """The classes' names; the id of one that has none."""
        return [self.class_names.get(class_id, str(class_id)) for class_id in self.class_ids]


class ShapesLabel(Label):
    """Shapes in an image, each with a class and a confidence: the base of the labels for boxes and drawings."""

    parts = ("about", "shapes", "class_names", "confidences")
    revealed_by = "class-map"
    structure: ClassVar[Any]
    """What the label's value looks like."""
    noun: ClassVar[str]
    """What the shapes are called."""
    key: ClassVar[str] = ""
    """The key of the list of shapes, if it is not what they are called."""

    @cached_property
    def _value(self) -> Any:
        return self._read(self.value, self.structure)

    @property
    def shapes(self) -> list[Any]:
        """The shapes; empty if the image shows none of the classes."""
        return getattr(self._value, self.key or self.noun)  # type: ignore[no-any-return]

    @property
    def size(self) -> ImageSize:
        """The image's size."""
        return self._value.image_size[0]  # type: ignore[no-any-return]

    @property
    def named_shapes(self) -> list[tuple[str, Any]]:
        """The shapes, each with the name of its class; its id if it has none."""
        names = self.class_names
        return [(names.get(shape.class_id, str(shape.class_id)), shape) for shape in self.shapes]

    @cached_property
    def named_classes(self) -> dict[int, str]:
        """Names by id of the classes of the shapes; the class map may list more.

        :raises LabelError: if a class has no name.
        """
        names = {}
        for position, drawn in enumerate(self.shapes):
            if drawn.class_id not in self.class_names:
                where = f"{self.attribute}.{self.key or self.noun}[{position}]"
                raise LabelError(f"{where}: class {drawn.class_id} has no name in {self.attribute}-metadata.class-map")
            names[drawn.class_id] = self.class_names[drawn.class_id]
        return names

    @cached_property
    def class_names(self) -> dict[int, str]:
        """Names of the classes by id. Labels from elsewhere may list classes that no box has."""
        return self._by_class_id("class-map", str)

    @cached_property
    def confidences(self) -> list[float]:
        """The confidence of each box, 0 to 1; empty if the metadata has none.

        :raises LabelError: if there are more or fewer of them than boxes.
        """
        confidences = [rating.confidence for rating in self._from_metadata("objects", list[_Rated], [])]
        if confidences and len(confidences) != len(self.shapes):
            raise LabelError(
                f"{self.attribute}-metadata.objects: {len(confidences)} confidences for {len(self.shapes)} {self.noun}"
            )
        return confidences

    def _plain_shapes(self) -> list[dict[str, Any]]:
        plain = []
        for name, shape in self.named_shapes:
            rest = msgspec.to_builtins(shape)
            del rest["class_id"]
            plain.append({"label": name, **rest})
        return plain


class PathsLabel(ShapesLabel):
    """Polygons, polylines or lines in an image."""

    @property
    def plain(self) -> list[dict[str, Any]]:
        """The paths as ``{"label": …, "vertices": [{"x": …, "y": …}, …]}``, in pixels."""
        return self._plain_shapes()


class PolygonsLabel(PathsLabel):
    """Outlines in an image."""

    types = (drawing_type("polygons"),)
    structure, noun = _Polygons, "polygons"


class PolylinesLabel(PathsLabel):
    """Paths in an image."""

    types = (drawing_type("polylines"),)
    structure, noun = _Polylines, "polylines"


class LinesLabel(PathsLabel):
    """Straight lines in an image: two points each."""

    types = (drawing_type("lines"),)
    structure, noun = _Lines, "lines"


class KeypointsLabel(ShapesLabel):
    """Points in an image."""

    types = (drawing_type("keypoints"),)
    structure, noun = _Keypoints, "keypoints"

    @property
    def plain(self) -> list[dict[str, Any]]:
        """The points as ``{"label": …, "x": …, "y": …}``, in pixels."""
        return self._plain_shapes()


class InstancesLabel(ShapesLabel):
    """Instances in an image with their pixels: a PNG in which the pixels of each have a value of their own."""

    types = (drawing_type("instances"),)
    structure, noun = _Instances, "instances"

    @property
    def uri(self) -> str:
        """S3 URI of the PNG."""
        return self._value.mask  # type: ignore[no-any-return]

    @property
    def mask_uri(self) -> str:
        """As :attr:`uri`."""
        return self.uri

    @property
    def named_values(self) -> list[tuple[str, int]]:
        """The class of each instance, and the value of its pixels."""
        return [(name, instance.pixel_value) for name, instance in self.named_shapes]


class BoxesLabel(ShapesLabel):
    """Boxes in an image."""

    types = (MetadataType.OBJECT_DETECTION,)
    structure, noun, key = _Boxes, "boxes", "annotations"

    @property
    def boxes(self) -> list[Box]:
        """The boxes; empty if the image shows none of the classes."""
        return self.shapes

    @property
    def plain(self) -> list[dict[str, Any]]:
        """The boxes as ``{"label": …, "left": …, "top": …, "width": …, "height": …}``, in pixels."""
        return self._plain_shapes()

    @property
    def outside(self) -> list[int]:
        """Positions of the boxes that have no area or do not lie entirely inside the image."""
        return [number for number, box in enumerate(self.boxes) if not box.is_in(self.size)]


class EntitiesLabel(Label):
    """Named entities in a text."""

    types = (MetadataType.TEXT_SPAN,)
    parts = ("about", "entities")
    revealed_by = "entities"

    @cached_property
    def _value(self) -> _Spans:
        annotations = self._read(self.value, _Entities).annotations
        for number, entity in enumerate(annotations.entities):
            if not 0 <= entity.start < entity.end:
                where = f"{self.attribute}.annotations.entities[{number}]"
                raise LabelError(f"{where}: characters {entity.start} to {entity.end} are not a span")
        return annotations

    @property
    def entities(self) -> list[Entity]:
        """The spans."""
        return self._value.entities

    @property
    def plain(self) -> list[dict[str, Any]]:
        """The spans as ``{"label": …, "startOffset": …, "endOffset": …}``, in characters; the end is exclusive."""
        return [msgspec.to_builtins(entity) for entity in self.entities]

    @property
    def labels(self) -> list[EntityLabel]:
        """The labels that workers could choose from."""
        return self._value.labels


class ColoredLabel(Label):
    """The class of each part of an object, in a file of numbers: the base of the labels for segmentation."""

    parts = ("about", "uri", "colors")
    _key: ClassVar[str]

    @cached_property
    def uri(self) -> str:
        """S3 URI of the file."""
        return self._read(self.value, str)

    @cached_property
    def colors(self) -> dict[int, MaskColor]:
        """The class of each number in the file."""
        return self._by_class_id(self._key, MaskColor)


class MaskLabel(ColoredLabel):
    """The class of each pixel of an image: a PNG with a palette."""

    types = (MetadataType.SEMANTIC_SEGMENTATION,)
    _key = revealed_by = "internal-color-map"

    @property
    def mask_uri(self) -> str:
        """As :attr:`uri`."""
        return self.uri

    @property
    def named_classes(self) -> dict[int, str]:
        """Names by the value of their pixels of the classes that the mask may have, without the background."""
        return {value: color.class_name for value, color in self.colors.items() if color.class_name != BACKGROUND}

    @property
    def named_values(self) -> list[tuple[str, int]]:
        """Each class that the mask may have, without the background, and the value of its pixels."""
        return [(name, value) for value, name in self.named_classes.items()]


class PointMaskLabel(ColoredLabel):
    """The class of each point of a point cloud: a zlib file with one byte per point."""

    types = (MetadataType.POINT_CLOUD_SINGLE_FRAME_SEMANTIC_SEGMENTATION,)
    _key = revealed_by = "color-map"


class SequenceLabel(Label):
    """Boxes, lines, polygons, keypoints or cuboids over time: a sequence file."""

    types = (
        MetadataType.VIDEO_OBJECT_DETECTION,
        MetadataType.VIDEO_OBJECT_TRACKING,
        MetadataType.POINT_CLOUD_OBJECT_TRACKING,
    )
    parts = ("about", "uri", "class_names")

    @cached_property
    def uri(self) -> str:
        """S3 URI of the file."""
        return self._read(self.value, str)

    @cached_property
    def class_names(self) -> dict[int, str]:
        """Names of the classes by id."""
        return self._by_class_id("class-map", str)


class CuboidsLabel(Label):
    """Cuboids in one point cloud."""

    types = (MetadataType.POINT_CLOUD_OBJECT_DETECTION,)
    parts = ("about", "cuboids", "class_names")
    revealed_by = "class-map"

    @cached_property
    def cuboids(self) -> list[Cuboid]:
        """The cuboids."""
        return self._read(self.value, _Cuboids).annotations

    @cached_property
    def class_names(self) -> dict[int, str]:
        """Names of the classes by id. For this type alone Amazon's pages spell the map's key with an underscore."""
        return self._by_class_id("class_map", str) or self._by_class_id("class-map", str)


_LABEL_CLASSES: tuple[type[Label], ...] = (
    ClassLabel,
    VerdictLabel,
    ClassesLabel,
    BoxesLabel,
    PolygonsLabel,
    PolylinesLabel,
    LinesLabel,
    KeypointsLabel,
    InstancesLabel,
    EntitiesLabel,
    MaskLabel,
    PointMaskLabel,
    SequenceLabel,
    CuboidsLabel,
)
_BY_TYPE = {metadata_type: label_class for label_class in _LABEL_CLASSES for metadata_type in label_class.types}


def read_label(line: Mapping[str, Any], attribute: str) -> Label | None:
    """The label of a manifest line, as the class for the type in its metadata.

    :param line: the line, as returned by ``parse_line`` and ``read_manifest``.
    :param attribute: name of the label attribute.
    :return: None if the line has no label, because it is not labeled yet or labeling failed.
    :raises LabelError: if the label does not have the structure of its type.
    """
    if line.get(attribute) is None:
        return None
    metadata = line.get(f"{attribute}{METADATA}")
    if metadata is not None and not isinstance(metadata, Mapping):
        raise LabelError(f"{attribute}-metadata: must be a JSON object")
    metadata_type = (metadata or {}).get("type")
    return _BY_TYPE.get(str(metadata_type).lower(), Label)(attribute, line[attribute], metadata)


def by_structure(label: Label) -> Label:
    """A label without a type in its metadata, as the first class whose structure it has; itself if there is none."""
    metadata = label.metadata
    if type(label) is not Label or metadata is None or metadata.get("type") is not None:
        return label
    for label_class in _LABEL_CLASSES:
        if label_class.revealed_by in metadata:
            try:
                return label_class(label.attribute, label.value, metadata)
            except LabelError:
                continue
    return label


make_ready(__name__)
