"""The metadata of labels as Ground Truth writes it, and the classes of a label.

Source: developer guide, "Labeling job output data", "Output metadata".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from labeling_provider.groundtruth.objects import CREATION_DATE, FAILURE_REASON, HUMAN_ANNOTATED, JOB_NAME
from labeling_provider.groundtruth.point_formats import BACKGROUND as POINT_BACKGROUND
from labeling_provider.groundtruth.structures import make_ready

BACKGROUND: Final = "BACKGROUND"
"""Ground Truth's name for the pixels of a mask that belong to no class."""
_FRAMES: Final = ("tracking-annotations", "detection-annotations")
_SHAPES: Final = (
    "annotations",
    "polylines",
    "polygons",
    "lines",
    "keypoints",
    "boundingBoxes",
    "entities",
    "instances",
)
_ANNOTATION_LISTS: Final = frozenset({*_FRAMES, *_SHAPES})


class Rated(msgspec.Struct, gc=False):
    """Part of a label with a confidence of its own; in point cloud sequences, a list of confidences."""

    confidence: float | list[float] | None = None
    class_name: str | None = msgspec.field(name="class-name", default=None)


class LabelMetadata(msgspec.Struct, gc=False):
    """A label's metadata. Keys that this package does not use are ignored."""

    confidence: float | None = None
    human_annotated: str | None = msgspec.field(name=HUMAN_ANNOTATED, default=None)
    creation_date: str | None = msgspec.field(name=CREATION_DATE, default=None)
    job_name: str | None = msgspec.field(name=JOB_NAME, default=None)
    failure_reason: str | None = msgspec.field(name=FAILURE_REASON, default=None)
    class_name: str | None = msgspec.field(name="class-name", default=None)
    class_map: dict[str, str] | None = msgspec.field(name="class-map", default=None)
    confidence_map: dict[str, float] | None = msgspec.field(name="confidence-map", default=None)
    objects: list[Rated] | None = None
    entities: list[Rated] | None = None
    internal_color_map: dict[str, Rated] | None = msgspec.field(name="internal-color-map", default=None)
    color_map: dict[str, Rated] | None = msgspec.field(name="color-map", default=None)
    # For cuboids alone Amazon's pages spell this key with an underscore.
    cuboid_class_map: dict[str, str] | None = msgspec.field(name="class_map", default=None)

    @property
    def class_names(self) -> Mapping[str, str]:
        """Names of classes by id: those of the label, or all that workers could choose from."""
        return self.class_map or self.cuboid_class_map or {}

    def lowest_confidence_of(self, label: Any) -> float | None:
        """The label's lowest confidence, 0 to 1; None if it has none.

        A classification has one confidence; boxes and entities have one each, several classes one per class.

        :param label: the label's value.
        """
        if self.confidence is not None:
            return self.confidence
        if self.confidence_map:
            chosen = {str(class_id) for class_id in label} if isinstance(label, list) else self.confidence_map.keys()
            return min((rate for class_id, rate in self.confidence_map.items() if class_id in chosen), default=None)
        confidences: list[float] = []
        for part in self.objects or self.entities or (self.internal_color_map or {}).values():
            if isinstance(part.confidence, float):
                confidences.append(part.confidence)
            elif part.confidence is not None:
                confidences.extend(part.confidence)
        return min(confidences, default=None)

    def classes_of(self, label: Any) -> tuple[str, ...]:
        """Names of the label's classes, each once: those of its annotations, not all that workers could choose from.

        A mask's classes are those of its color map without the background. The classes of an annotation file, such as
        a video's, are those of the class map. The files themselves are not read. A class id without a name is used as
        the name.

        :param label: the label's value.
        """
        if self.class_name is not None:
            return (self.class_name,)
        for colors, background in ((self.internal_color_map, BACKGROUND), (self.color_map, POINT_BACKGROUND)):
            if colors is not None:
                names = [color.class_name for color in colors.values()]
                return tuple(dict.fromkeys(name for name in names if name and name != background))
        if isinstance(label, str) and not label.isdecimal():
            return tuple(dict.fromkeys(self.class_names.values()))
        return tuple(dict.fromkeys(_classes_in(label, self.class_names)))


def _classes_in(label: Any, names: Mapping[str, str]) -> Iterator[str]:
    """Names of the classes of a label's annotations, with repetitions."""
    if isinstance(label, dict):
        for key, value in label.items():
            if isinstance(value, dict):
                # Spans, labels of several sensors, and answers of a worker's form are nested.
                yield from _classes_in(value, names)
            elif key in _ANNOTATION_LISTS and isinstance(value, list):
                for annotation in value:
                    yield from _classes_of_annotation(annotation, names)
    elif names:
        for class_id in label if isinstance(label, list) else [label]:
            if _is_class_id(class_id):
                yield names.get(str(class_id), str(class_id))


def _classes_of_annotation(annotation: Any, names: Mapping[str, str]) -> Iterator[str]:
    """The class of an annotation, or the classes of a frame."""
    if not isinstance(annotation, dict):
        return
    class_id = annotation.get("class_id", annotation.get("class-id"))
    if _is_class_id(class_id):
        yield names.get(str(class_id), str(class_id))
    elif isinstance(name := annotation.get("label"), str):
        yield name
    else:
        yield from _classes_in(annotation, names)


def _is_class_id(value: Any) -> bool:
    """Whether a value can be a class id, which Amazon sometimes writes as a string."""
    return isinstance(value, int | str) and not isinstance(value, bool)


make_ready(__name__)
