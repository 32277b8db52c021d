"""The part of a label inside its picture: boxes, polygons, keypoints, and the instances of masks.

Shapes are cut at the edge, and left out if they lie entirely outside. Both are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labeling_provider.manifest.label_parts import ImageSize
from labeling_provider.manifest.pictures import PictureError, open_mask
from labeling_provider.manifest.rasters import area, inside
from labeling_provider.manifest.typed_labels import (
    BoxesLabel,
    InstancesLabel,
    KeypointsLabel,
    Label,
    LabelError,
    MaskLabel,
    ShapesLabel,
)

if TYPE_CHECKING:
    from labeling_provider.manifest.rasters import Cells, Points

MAX_SIDE: Final = 1_000_000_000
"""Longest side of a picture or box, in pixels."""


class ShownShape(NamedTuple):
    """The part of a shape inside its picture: its bounding box and, unless it is a box, more. In pixels.

    :param area: its area, in square pixels.
    :param outline: a polygon's outline.
    :param pixels: for an instance in a mask, which pixels of the bounding box belong to it.
    """

    number: int
    name: str
    left: float
    top: float
    width: float
    height: float
    confidence: float | None
    area: float
    outline: Points | None = None
    pixels: Cells | None = None


class Shown(NamedTuple):
    """The shapes in a picture, its size, and the number of changes by kind."""

    size: ImageSize
    shapes: list[ShownShape]
    notes: Counter[str]


def shown(label: Label, numbers: Mapping[int, int], mask: bytes) -> Shown:
    """The part of a label inside its picture.

    :param label: boxes, polygons, instances, or a mask.
    :param numbers: the export's class ids by the labeling job's.
    :param mask: the PNG with the label's pixels, if it has one.
    :raises LabelError: if the picture's size is not positive, a size or position is out of range, or the PNG is wrong.
    """
    if isinstance(label, InstancesLabel | MaskLabel):
        return _shown_mask(label, numbers, mask)
    if not isinstance(label, ShapesLabel):
        raise LabelError(f"{label.attribute}: has no shapes")
    size = picture_size(label)
    shapes, notes = [], Counter[str]()
    kind = "boxes" if isinstance(label, BoxesLabel) else "shapes"
    for position, drawn in enumerate(label.shapes):
        where = f"{label.attribute}.{label.key or label.noun}[{position}]"
        about = numbers[drawn.class_id], label.class_names[drawn.class_id], _confidence(label, position)
        shape, is_cut = (box_inside if isinstance(label, BoxesLabel) else polygon_inside)(drawn, size, where, about)
        if shape is None:
            notes[f"{kind}_left_out"] += 1
            continue
        notes[f"{kind}_cut"] += is_cut
        shapes.append(shape)
    return Shown(size, shapes, notes)


_About = tuple[int, str, float | None]
"""A shape's class id, class name and confidence."""


def picture_size(label: ShapesLabel) -> ImageSize:
    """The size of a label's picture.

    :raises LabelError: if it is not positive or out of range.
    """
    size = label.size
    if not (0 < size.width <= MAX_SIDE and 0 < size.height <= MAX_SIDE):
        raise LabelError(f"{label.attribute}.image_size: each side must be 1 to {MAX_SIDE:,} pixels")
    return size


def keypoints(label: KeypointsLabel, numbers: Mapping[int, int]) -> tuple[dict[int, tuple[float, float]], Counter[str]]:
    """The points inside a picture by the export's class id, and the number of changes by kind.

    :raises LabelError: if two points have the same class, because then their object is ambiguous.
    """
    size, points, notes = picture_size(label), {}, Counter[str]()
    seen = set()
    for position, point in enumerate(label.shapes):
        if point.class_id in seen:
            where = f"{label.attribute}.keypoints[{position}]"
            name = label.class_names[point.class_id][:80]
            raise LabelError(
                f"{where}: {name!r} occurs twice; this format takes one object with its points per picture"
            )
        seen.add(point.class_id)
        if 0 <= point.x <= size.width and 0 <= point.y <= size.height:
            points[numbers[point.class_id]] = (float(point.x), float(point.y))
        else:
            notes["shapes_left_out"] += 1
    return points, notes


def _confidence(label: ShapesLabel, position: int) -> float | None:
    return label.confidences[position] if label.confidences else None


def box_inside(box: Any, size: ImageSize, where: str, about: _About) -> tuple[ShownShape | None, bool]:
    """The part of a box inside its picture, None if there is none, and whether it was cut.

    :raises LabelError: if a number is out of range.
    """
    if any(abs(number) > MAX_SIDE for number in (box.left, box.top, box.width, box.height)):
        raise LabelError(f"{where}: no number may exceed {MAX_SIDE:,} pixels")
    left, top = max(box.left, 0), max(box.top, 0)
    width = min(box.left + box.width, size.width) - left
    height = min(box.top + box.height, size.height) - top
    if width <= 0 or height <= 0:
        return None, False
    if is_whole := box.is_in(size):
        # As in the label: adding and subtracting would round it.
        left, top, width, height = box.left, box.top, box.width, box.height
    number, name, confidence = about
    return ShownShape(number, name, left, top, width, height, confidence, width * height), not is_whole


def polygon_inside(path: Any, size: ImageSize, where: str, about: _About) -> tuple[ShownShape | None, bool]:
    """The part of a polygon inside its picture, None if there is none, and whether it was cut.

    :raises LabelError: if a number is out of range.
    """
    import numpy as np

    if any(abs(number) > MAX_SIDE for point in path.vertices for number in (point.x, point.y)):
        raise LabelError(f"{where}: no number may exceed {MAX_SIDE:,} pixels")
    whole = np.array([[point.x, point.y] for point in path.vertices], dtype=np.float64)
    outline = inside(whole, size.width, size.height)
    covers = area(outline) if len(outline) > 2 else 0.0
    if not covers:
        return None, False
    (left, top), (right, bottom) = outline.min(axis=0).tolist(), outline.max(axis=0).tolist()
    number, name, confidence = about
    box = (number, name, left, top, right - left, bottom - top, confidence)
    return ShownShape(*box, covers, outline=outline), outline is not whole


def _shown_mask(label: InstancesLabel | MaskLabel, numbers: Mapping[int, int], mask: bytes) -> Shown:
    import numpy as np
    from scipy.ndimage import find_objects

    try:
        values = np.asarray(open_mask(mask), dtype=np.int32)
    except PictureError as error:
        raise LabelError(f"{label.attribute}: {label.mask_uri}: {error}") from None
    height, width = values.shape
    if isinstance(label, InstancesLabel):
        if (label.size.width, label.size.height) != (width, height):
            raise LabelError(f"{label.attribute}.image_size: {label.uri} has {width:,} × {height:,} pixels")
        wanted = [
            (
                instance.pixel_value,
                instance.class_id,
                label.class_names[instance.class_id],
                _confidence(label, position),
            )
            for position, instance in enumerate(label.shapes)
        ]
    else:
        rated = label.colors
        wanted = [(value, value, name, rated[value].confidence) for value, name in label.named_classes.items()]
    places = find_objects(values)
    shapes, notes = [], Counter[str]()
    for value, class_id, name, confidence in wanted:
        place = places[value - 1] if 0 < value <= len(places) else None
        if place is None:
            # A color map may name classes that a mask does not have; an instance always has pixels.
            notes["shapes_left_out"] += isinstance(label, InstancesLabel)
            continue
        pixels = values[place] == value
        rows, columns = place
        box = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        covers = int(np.count_nonzero(pixels))
        shapes.append(ShownShape(numbers[class_id], name, *box, confidence, covers, pixels=pixels))
    return Shown(ImageSize(width, height), shapes, notes)
