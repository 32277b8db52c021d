"""How far labels of point clouds agree: cuboids, over time if they are tracked, and classes of points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, NamedTuple

import msgspec

from labeling_provider.groundtruth.frame_tools import BOX, CUBOIDS
from labeling_provider.groundtruth.structures import make_ready
from labeling_provider.manifest import CuboidsLabel, Files, PointMaskLabel, SequenceLabel
from labeling_provider.manifest.cuboids import (
    MAX_CUBOIDS,
    TRACKED_TYPE,
    CuboidFrame,
    LabeledCuboid,
    Vector,
    cuboids_of,
    minus,
    plus,
    read_tracked_cuboids,
    turn,
)
from labeling_provider.manifest.linked_boxes import BoxedPicture, read_linked_boxes
from labeling_provider.manifest.point_clouds import MAX_PACKED_BYTES, read_point_classes
from labeling_provider.manifest.point_sequences import MAX_METERS
from labeling_provider.manifest.sequences import MAX_LABEL_BYTES
from labeling_provider.quality.judgement import Difference, Judgement
from labeling_provider.quality.nearest import Extent
from labeling_provider.quality.sequence_agreement import (
    Comparison,
    SequenceAgreement,
    agreement,
    comparison_of,
    difference_of,
    frame_size,
    paired,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ALIKE: Final = 0.25
"""Least overlap at which two cuboids can be the same object: a shift costs more in space than in a picture."""
_CLOUD: Final = -1
"""Takes the place of a camera's number for the cloud itself."""
_SLACK: Final = 1e-9
"""How far from a plane a point still lies on it, as a share of the cuboids' size."""
_AXES: Final = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


_Place = Annotated[float, msgspec.Meta(ge=-MAX_METERS, le=MAX_METERS)]
_Side = Annotated[float, msgspec.Meta(gt=0, le=MAX_METERS)]


class _Answered(msgspec.Struct):
    label: str
    centerX: _Place
    centerY: _Place
    centerZ: _Place
    length: _Side
    width: _Side
    height: _Side
    roll: _Place = 0
    pitch: _Place = 0
    yaw: _Place = 0


@dataclass(frozen=True)
class Cuboids(Judgement):
    """Cuboids in a point cloud, or in the frames of a sequence of them, and boxes in pictures if they are linked.

    The distance is 1 minus the overlap from :func:`compare_cuboids`.
    """

    frames: tuple[CuboidFrame, ...]
    pictures: tuple[BoxedPicture, ...] = ()

    compared: ClassVar[int] = 10

    def distance(self, other: Judgement) -> float:
        """How far two judgements differ, 0 to 1, as defined by the class."""
        return self.difference(other).distance

    def difference(self, other: Judgement) -> Difference:
        """The distance, and the id switches if objects are tracked."""
        if not isinstance(other, Cuboids):
            return Difference(1)
        agreed = compare_cuboids(self.frames, other.frames, self.pictures, other.pictures)
        objects: list[Any] = [cuboid for frame in self.frames for cuboid in frame.cuboids]
        return difference_of(agreed, objects + [box for picture in self.pictures for box in picture.boxes])

    def __hash__(self) -> int:
        return hash(tuple((frame.number, len(frame.cuboids)) for frame in self.frames))


@dataclass(frozen=True)
class PointClasses(Judgement):
    """The class of each point of a cloud. The distance is 1 minus the mean of the classes' Jaccard indices.

    :param numbers: one byte per point.
    :param names: the classes by byte.
    """

    numbers: bytes
    names: tuple[tuple[int, str], ...]

    compared: ClassVar[int] = 10

    def distance(self, other: Judgement) -> float:
        """How far two judgements differ, 0 to 1, as defined by the class."""
        if not isinstance(other, PointClasses) or len(self.numbers) != len(other.numbers):
            return 1
        import numpy as np

        names = sorted({name for _, name in (*self.names, *other.names)})
        own, theirs = (judgement.placed(names) for judgement in (self, other))
        count = len(names) + 1
        table = np.bincount(own.astype(np.int64) * count + theirs, minlength=count**2).reshape(count, count)
        shared, joint = np.diag(table), table.sum(axis=0) + table.sum(axis=1) - np.diag(table)
        is_there = joint > 0
        return 1 - float(np.mean(shared[is_there] / joint[is_there])) if is_there.any() else 0

    def placed(self, names: list[str]) -> npt.NDArray[np.uint16]:
        """The index of each point's class in a list of names; the list's length for a byte without a name."""
        import numpy as np

        table = np.full(256, len(names), dtype=np.uint16)
        for number, name in self.names:
            table[number] = names.index(name)
        return table[np.frombuffer(self.numbers, np.uint8)]


def cuboids_of_label(label: CuboidsLabel) -> Cuboids:
    """The cuboids of one point cloud.

    :raises LabelError: if one has no position or size.
    """
    return Cuboids((CuboidFrame(0, "", {}, cuboids_of(label)),))


def cuboids_of_form(form: Mapping[str, Any]) -> Cuboids | None:
    """The cuboids in a worker's form; None if there are too many.

    :raises msgspec.ValidationError: if the form is malformed.
    """
    given = msgspec.convert(form[CUBOIDS], list[_Answered])
    if len(given) > MAX_CUBOIDS:
        return None
    cuboids = tuple(
        LabeledCuboid(
            cuboid.label,
            (cuboid.centerX, cuboid.centerY, cuboid.centerZ),
            (cuboid.length, cuboid.width, cuboid.height),
            (cuboid.roll, cuboid.pitch, cuboid.yaw),
            "",
            "",
            {},
        )
        for cuboid in given
    )
    return Cuboids((CuboidFrame(0, "", {}, cuboids),))


def cuboids_of_sequence(files: Files, label: SequenceLabel) -> Cuboids | None:
    """The cuboids in the file of a sequence of point clouds; None if it is not one.

    :raises LabelingError: if the file can't be read, or is not such a file.
    """
    if str((label.metadata or {}).get("type")).lower() != TRACKED_TYPE:
        return None
    body, names = files.whole(label.uri, MAX_LABEL_BYTES), label.class_names
    return Cuboids(read_tracked_cuboids(body, label.uri, names), read_linked_boxes(body, label.uri, names))


def points_of_label(files: Files, label: PointMaskLabel) -> PointClasses:
    """The classes of the points of a cloud.

    :raises LabelingError: if the file can't be read, or is not such a file.
    """
    numbers = read_point_classes(files.whole(label.uri, MAX_PACKED_BYTES), label.uri)
    names = tuple((number, color.class_name) for number, color in label.colors.items() if number < 256)
    return PointClasses(numbers, names)


def compare_cuboids(
    first: Iterable[CuboidFrame],
    second: Iterable[CuboidFrame],
    first_pictures: Iterable[BoxedPicture] = (),
    second_pictures: Iterable[BoxedPicture] = (),
) -> SequenceAgreement:
    """Compare two sets of cuboids in the same frames; those that only one of them has count as empty in the other.

    Frames are matched by position, because label files may name them differently than the sequence does. A picture with
    a box counts as one more frame; an object with a different partner there than in the clouds has switched.

    :param first_pictures: the boxes that are linked to the first set.
    """
    by_place, other_by_place = _by_place(first, first_pictures), _by_place(second, second_pictures)
    # The order decides which partner of an object came before.
    by_place = {place: by_place.get(place, ()) for place in sorted({*by_place, *other_by_place})}
    boxes: Comparison[Any] = comparison_of(BOX, frame_size([], BOX))
    return agreement(by_place, other_by_place, lambda place: _COMPARISON if place[1] == _CLOUD else boxes)


def _by_place(frames: Iterable[CuboidFrame], pictures: Iterable[BoxedPicture]) -> dict[tuple[int, int], Sequence[Any]]:
    """Cuboids and boxes by the positions of their frames and the numbers of their cameras."""
    clouds: dict[tuple[int, int], Sequence[Any]] = {(frame.number, _CLOUD): frame.cuboids for frame in frames}
    return clouds | {(place, camera): boxes for place, camera, boxes in pictures if boxes}


def pairs(first: Sequence[LabeledCuboid], second: Sequence[LabeledCuboid]) -> list[tuple[float, int, int]]:
    """Pairs of cuboids of one cloud with the same label, the most alike first: overlap, and the index of each."""
    return paired(first, second, _COMPARISON)


def overlap(first: LabeledCuboid, second: LabeledCuboid) -> float:
    """The Jaccard index of the space of two cuboids, however they are turned."""
    if (first.center, first.size, first.angles) == (second.center, second.size, second.angles):
        return 1.0
    reach = (math.hypot(*first.size) + math.hypot(*second.size)) / 2
    if math.dist(first.center, second.center) >= reach:
        return 0.0
    shared = _shared(first, second, _SLACK * reach)
    joint = math.prod(first.size) + math.prod(second.size) - shared
    return min(max(shared / joint, 0.0), 1.0)


def _extent(cuboid: LabeledCuboid) -> Extent:
    roll, pitch, yaw = cuboid.angles
    if roll or pitch:
        corners = cuboid.corners
        low, high = (tuple(choose(axis) for axis in zip(*corners, strict=True)) for choose in (min, max))
        return Extent(cuboid.label, low, high)
    (length, width, height), cos, sin = cuboid.size, abs(math.cos(yaw)), abs(math.sin(yaw))
    halves = (length * cos + width * sin) / 2, (length * sin + width * cos) / 2, height / 2
    low, high = (
        tuple(middle + sign * half for middle, half in zip(cuboid.center, halves, strict=True)) for sign in (-1, 1)
    )
    return Extent(cuboid.label, low, high)


_COMPARISON: Final = Comparison(overlap, _extent, ALIKE)


class _Face(NamedTuple):
    """A side of a cuboid: the plane on which it lies, and its corners in order.

    :param normal: points out of the cuboid; its length is 1.
    :param offset: distance of the plane from the origin, along the normal.
    """

    normal: Vector
    offset: float
    corners: list[Vector]


def _shared(first: LabeledCuboid, second: LabeledCuboid, slack: float) -> float:
    """The volume that two cuboids share, by the divergence theorem: a third of each face's area times its offset."""
    own, theirs = (list(_faces(cuboid, minus(cuboid.center, first.center))) for cuboid in (first, second))
    volume = 0.0
    # Where faces of both coincide, only one of them counts.
    for faces, cuts, room in ((own, theirs, -slack), (theirs, own, slack)):
        for face in faces:
            part = face.corners
            for cut in cuts:
                part = _behind(part, cut.normal, cut.offset + room)
            volume += face.offset * _area(part) / 3
    return max(volume, 0.0)


def _faces(cuboid: LabeledCuboid, center: Vector) -> Iterator[_Face]:
    halves = [
        turn(cuboid.heading, (axis[0] * side / 2, axis[1] * side / 2, axis[2] * side / 2))
        for axis, side in zip(_AXES, cuboid.size, strict=True)
    ]
    for place, side in enumerate(cuboid.size):
        first, second = halves[place - 2], halves[place - 1]
        for sign in (1, -1):
            out = _scaled(halves[place], sign)
            middle, normal = plus(center, out), _scaled(out, 2 / side)
            corners = [
                plus(middle, plus(_scaled(first, across), _scaled(second, down)))
                for across, down in ((1, 1), (-1, 1), (-1, -1), (1, -1))
            ]
            yield _Face(normal, _dot(normal, middle), corners)


def _behind(polygon: list[Vector], normal: Vector, offset: float) -> list[Vector]:
    """The part of a polygon that is behind a plane (Sutherland and Hodgman)."""
    corners = []
    depths = [offset - _dot(normal, point) for point in polygon]
    for place, (point, depth) in enumerate(zip(polygon, depths, strict=True)):
        before, other = polygon[place - 1], depths[place - 1]
        if (depth >= 0) != (other >= 0):
            share = other / (other - depth)
            corners.append(plus(before, _scaled(minus(point, before), share)))
        if depth >= 0:
            corners.append(point)
    return corners


def _area(polygon: list[Vector]) -> float:
    """The area of a flat polygon."""
    total = (0.0, 0.0, 0.0)
    for place in range(1, len(polygon) - 1):
        (ax, ay, az), (bx, by, bz) = (minus(polygon[place + step], polygon[0]) for step in (0, 1))
        total = plus(total, (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx))
    return math.hypot(*total) / 2


def _scaled(vector: Vector, factor: float) -> Vector:
    return vector[0] * factor, vector[1] * factor, vector[2] * factor


def _dot(first: Vector, second: Vector) -> float:
    return first[0] * second[0] + first[1] * second[1] + first[2] * second[2]


make_ready(__name__)
