"""How far drawings agree: polygons, polylines, lines and keypoints, and what is painted in a mask.

Answers: developer guide, "Crowd HTML elements reference".
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import hypot
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import msgspec

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.forms import FormColor, FormImage, FormPoint, FormSize
from labeling_provider.groundtruth.structures import make_ready
from labeling_provider.manifest import (
    Files,
    InstancesLabel,
    KeypointsLabel,
    MaskLabel,
    PathsLabel,
)
from labeling_provider.manifest.pictures import MAX_BYTES, PictureError, open_mask, open_picture
from labeling_provider.quality.judgement import Judgement, matched
from labeling_provider.quality.nearest import Extent, near_pairs

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from labeling_provider.manifest.rasters import Numbers
    from labeling_provider.quality.geometry import Points

MAX_SHAPES: Final = 300
"""Most shapes, and most instances, that are compared."""
MAX_POINTS: Final = 20_000
"""Most points of all shapes."""
MAX_SIDE: Final = 1_000_000
"""Longest side of a picture, in pixels."""
_CELLS: Final = 256
"""Most rows and columns of the grid on which masks are compared."""
_COMPARED: Final = 100
_MANY: Final = 50
_COMPARED_OF_MANY: Final = 10
_MIN_POINTS: Final = {"polygons": 3, "polylines": 2, "lines": 2, "keypoints": 1}


class NamedShape(NamedTuple):
    """A shape with a class; its points in pixels."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Shapes(Judgement):
    """Shapes of one kind; each is matched with the most similar one of its class.

    The distance is 1 minus the sum of the matches' likeness divided by the larger number of shapes. How alike two
    shapes are is defined by :mod:`~labeling_provider.quality.shapes`; of many that overlap, only the pairs that
    :mod:`~labeling_provider.quality.nearest` finds are compared.

    :param kind: ``polygons``, ``polylines``, ``lines`` or ``keypoints``.
    :param size: width and height of the picture, in pixels.
    """

    kind: str
    size: tuple[int, int]
    shapes: tuple[NamedShape, ...]

    @property
    def compared(self) -> int:  # type: ignore[override]
        """How many others it is compared with: fewer if comparing takes long."""
        return _COMPARED if len(self.shapes) <= _MANY else _COMPARED_OF_MANY

    def distance(self, other: Judgement) -> float:
        """How far two judgements differ, 0 to 1, as defined by the class."""
        if not isinstance(other, Shapes) or other.kind != self.kind:
            return 1
        larger = max(len(self.shapes), len(other.shapes))
        return max(1 - sum(matched(self._alike(other))) / larger, 0) if larger else 0

    def _alike(self, other: Shapes) -> Iterator[tuple[float, int, int]]:
        from labeling_provider.quality import shapes

        size = max(self.size[0], other.size[0]), max(self.size[1], other.size[1])
        far = max(shapes.MAX_PICTURE_SHARE * hypot(*size), shapes.MIN_PIXELS)
        likeness = shapes.LIKENESS[self.kind]
        for own, theirs in near_pairs(self._extents, other._extents, far).pairs:
            alike = likeness(self._points[own], other._points[theirs], size)
            if alike > 0:
                yield alike, own, theirs

    @cached_property
    def _points(self) -> list[Points]:
        import numpy as np

        return [np.array(shape.points, dtype=np.float64) for shape in self.shapes]

    @cached_property
    def _extents(self) -> list[Extent]:
        return [
            Extent(shape.name, points.min(axis=0).tolist(), points.max(axis=0).tolist())
            for shape, points in zip(self.shapes, self._points, strict=True)
        ]


@dataclass(frozen=True)
class Painted(Judgement):
    """What is painted in a mask, on a grid of at most 256 × 256 cells: the pixel in the middle of each.

    For classes, the distance is 1 minus the mean Jaccard index of the classes that either mask has. Instances are
    matched as shapes are, by their Jaccard index.

    :param size: width and height of the picture, in pixels.
    :param has_instances: whether instances of a class are distinguished.
    :param names: the class of each number, from 1.
    :param cells: the number of each cell, row after row, two bytes each, compressed; 0 for nothing.
    """

    size: tuple[int, int]
    has_instances: bool
    names: tuple[str, ...]
    cells: bytes

    compared: ClassVar[int] = _COMPARED

    def distance(self, other: Judgement) -> float:
        """How far two judgements differ, 0 to 1, as defined by the class."""
        import numpy as np

        from labeling_provider.manifest.rasters import overlaps

        if not isinstance(other, Painted) or (other.size, other.has_instances) != (self.size, self.has_instances):
            return 1
        grids = [painted._grid for painted in (self, other)]
        areas = [
            np.bincount(grid.ravel(), minlength=len(painted.names) + 1)
            for grid, painted in zip(grids, (self, other), strict=True)
        ]
        alike = (
            (float(overlap), own, theirs)
            for (own, theirs), overlap in np.ndenumerate(overlaps(*grids, *areas))
            if overlap > 0 and self.names[own] == other.names[theirs]
        )
        names = [
            [name for name, cells in zip(painted.names, own[1:].tolist(), strict=True) if cells]
            for painted, own in zip((self, other), areas, strict=True)
        ]
        larger = max(map(len, names)) if self.has_instances else len({*names[0], *names[1]})
        return max(1 - sum(matched(alike)) / larger, 0) if larger else 0

    @property
    def _grid(self) -> Numbers:
        import numpy as np

        width, height = (min(side, _CELLS) for side in self.size)
        return np.frombuffer(zlib.decompress(self.cells), dtype=np.uint16).reshape(height, width)


class _Path(msgspec.Struct):
    label: str
    vertices: list[FormPoint]


class _Keypoint(FormPoint):
    label: str


class _Instance(FormColor):
    label: str


class _MaskForm(msgspec.Struct, rename="camel"):
    labeled_image: FormImage
    label_mappings: dict[str, FormColor] | None = None
    instances: list[_Instance] | None = None


def shapes_of_form(kind: str, form: Mapping[str, Any]) -> Shapes | None:
    """The shapes in a worker's form; None if there are too many, or they are far outside the picture.

    :param kind: the key of the list of shapes.
    :raises msgspec.ValidationError: if the form is malformed.
    """
    size = msgspec.convert(form.get("inputImageProperties"), FormSize)
    if kind == "keypoints":
        points = msgspec.convert(form[kind], list[_Keypoint])
        return _shapes(kind, size, ((point.label, [point]) for point in points))
    paths = msgspec.convert(form[kind], list[_Path])
    return _shapes(kind, size, ((path.label, path.vertices) for path in paths))


def shapes_of_label(label: PathsLabel | KeypointsLabel) -> Shapes | None:
    """The shapes of a label; None if there are too many, or they are far outside the picture."""
    return _shapes(label.noun, label.size, ((name, shape.points) for name, shape in label.named_shapes))


def _shapes(kind: str, size: Any, drawn: Iterable[tuple[str, Sequence[Any]]]) -> Shapes | None:
    if not (0 < size.width <= MAX_SIDE and 0 < size.height <= MAX_SIDE):
        return None
    shapes = [NamedShape(name, tuple((float(point.x), float(point.y)) for point in points)) for name, points in drawn]
    points = [point for shape in shapes for point in shape.points]
    if len(shapes) > MAX_SHAPES or len(points) > MAX_POINTS:
        return None
    if any(len(shape.points) < _MIN_POINTS[kind] or (kind == "lines" and len(shape.points) > 2) for shape in shapes):
        return None
    if not all(-size.width <= x <= 2 * size.width and -size.height <= y <= 2 * size.height for x, y in points):
        return None
    return Shapes(kind, (size.width, size.height), tuple(shapes))


def mask_of_form(form: Mapping[str, Any]) -> Painted | None:
    """What a worker has painted; None if it can't be read, or has too many instances.

    :raises msgspec.ValidationError: if the form is malformed.
    """
    import numpy as np

    mask = msgspec.convert(form, _MaskForm)
    if mask.instances is not None:
        drawn = [(instance.label, instance.color) for instance in mask.instances]
    else:
        drawn = [(name, mapping.color) for name, mapping in (mask.label_mappings or {}).items()]
    try:
        body = base64.b64decode(mask.labeled_image.png_image_data, validate=True)
        image = open_picture(body, "RGB")
        colors = [int.from_bytes(bytes.fromhex(color.removeprefix("#"))) for _, color in drawn]
    except ValueError:
        # So are base64's and pictures' errors.
        return None
    red, green, blue = np.moveaxis(_sampled(np.asarray(image)).astype(np.uint32), 2, 0)
    names = [name for name, _ in drawn]
    return _painted(image.size, mask.instances is not None, names, red << 16 | green << 8 | blue, colors)


def mask_of_label(files: Files, label: MaskLabel | InstancesLabel) -> Painted | None:
    """What a label's PNG shows; None if it has too many classes or instances.

    :raises LabelingError: if the file can't be read, or is not a mask.
    """
    import numpy as np

    image, drawn = read_mask(files, label.uri), label.named_values
    values = _sampled(np.asarray(image)).astype(np.uint32)
    has_instances = isinstance(label, InstancesLabel)
    return _painted(image.size, has_instances, [name for name, _ in drawn], values, [value for _, value in drawn])


def read_mask(files: Files, uri: str) -> Any:
    """The PNG of a label, as a Pillow picture of numbers.

    :raises LabelingError: if the file can't be read, or is not a mask.
    """
    body = files.whole(uri, MAX_BYTES)
    try:
        return open_mask(body)
    except PictureError as error:
        raise LabelingError(f"{uri}: {error}") from None


def _sampled(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The pixels in the middle of the cells of the grid."""
    import numpy as np

    rows, columns = (
        ((np.arange(min(side, _CELLS)) + 0.5) * side / min(side, _CELLS)).astype(np.int64) for side in pixels.shape[:2]
    )
    return pixels[np.ix_(rows, columns)]


def _painted(
    size: tuple[int, int], has_instances: bool, names: Sequence[str], values: npt.NDArray[np.uint32], own: Sequence[int]
) -> Painted | None:
    """What is painted, if each name's pixels have their own value; None if there are too many names."""
    import numpy as np

    if len(names) > MAX_SHAPES:
        return None
    numbers = np.zeros(values.shape, dtype=np.uint16)
    for number, value in enumerate(own, 1):
        numbers[values == value] = number
    return Painted(size, has_instances, tuple(names), zlib.compress(numbers.tobytes(), 1))


make_ready(__name__)
