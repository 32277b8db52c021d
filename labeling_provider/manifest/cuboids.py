"""Cuboids in point clouds: reads and writes the labels of object detection and tracking, and turns cuboids.

A cuboid's length lies along its own x, its width along its y and its height along its z. It is turned about z by the
yaw, then about its own y by the pitch, then about its own x by the roll, all counter-clockwise, and moved to its
center.

Sources: developer guide, "3D Point Cloud Object Detection Output", "3D Point Cloud Object Tracking Output" and "3D-2D
Object Tracking Output".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from labeling_provider.groundtruth.facts import MetadataType, Quota
from labeling_provider.groundtruth.structures import make_ready
from labeling_provider.manifest.label_parts import Cuboid
from labeling_provider.manifest.point_sequences import MAX_METERS
from labeling_provider.manifest.sequences import MAX_LABEL_BYTES, SequenceError, read_document
from labeling_provider.manifest.typed_labels import CuboidsLabel, LabelError

TRACKED_TYPE: Final = MetadataType.POINT_CLOUD_OBJECT_TRACKING
"""The type of the labels of tracked cuboids."""
MAX_CUBOIDS: Final = 500
"""Most cuboids in one frame."""

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
"""x, y, z and w."""


class LabeledCuboid(NamedTuple):
    """A cuboid with its class.

    :param center: x, y and z in meters.
    :param size: length, width and height in meters.
    :param angles: roll, pitch and yaw in radians.
    :param object_id: the same in all frames for the same object; empty in object detection.
    :param object_name: ``<label>:<number>``; may be empty.
    :param attributes: the attributes of its label category, by name.
    """

    label: str
    center: Vector
    size: Vector
    angles: Vector
    object_id: str
    object_name: str
    attributes: dict[str, Any]

    @property
    def heading(self) -> Quaternion:
        """Its rotation, as a quaternion."""
        (sr, cr), (sp, cp), (sy, cy) = ((math.sin(angle / 2), math.cos(angle / 2)) for angle in self.angles)
        return (
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
            cr * cp * cy + sr * sp * sy,
        )

    @property
    def corners(self) -> list[Vector]:
        """Its eight corners, in meters."""
        heading, (length, width, height) = self.heading, self.size
        signs = [(x, y, z) for x in (0.5, -0.5) for y in (0.5, -0.5) for z in (0.5, -0.5)]
        turned = (turn(heading, (x * length, y * width, z * height)) for x, y, z in signs)
        return [plus(self.center, corner) for corner in turned]


class CuboidFrame(NamedTuple):
    """The labels of one point cloud of a sequence.

    :param number: its place in the sequence, from 0.
    :param name: the name of its file.
    :param attributes: the attributes of the frame, by name.
    """

    number: int
    name: str
    attributes: dict[str, Any]
    cuboids: tuple[LabeledCuboid, ...]


class _Tracked(Cuboid, frozen=True, rename="kebab", kw_only=True):
    object_id: str


class _Frame(msgspec.Struct, frozen=True, rename="kebab"):
    frame_number: int | str
    frame_name: str = ""
    frame_attributes: dict[str, Any] = {}
    annotations: list[_Tracked] = []


class _Sequence(msgspec.Struct, frozen=True, rename="kebab"):
    tracking_annotations: list[_Frame]


def cuboids_of(label: CuboidsLabel) -> tuple[LabeledCuboid, ...]:
    """The cuboids of one point cloud.

    :raises LabelError: if one has no class, or an impossible place or size.
    """
    cuboids = []
    for place, cuboid in enumerate(label.cuboids):
        try:
            cuboids.append(_labeled(cuboid, "", label.class_names))
        except ValueError as error:
            raise LabelError(f"{label.attribute}.annotations[{place}].{error}") from None
    return tuple(cuboids)


def read_tracked_cuboids(body: bytes | str, where: str, names: Mapping[int, str]) -> tuple[CuboidFrame, ...]:
    """Parse the ``SeqLabel.json`` of a sequence of point clouds.

    If the job also labels camera images, only the cuboids are read.

    :param where: its URI, for errors.
    :param names: the classes by id.
    :raises SequenceError: naming the key that is wrong.
    """
    document = read_document(body, where, MAX_LABEL_BYTES)
    lidar = "lidar" if "lidar" in document else ""
    try:
        sequence = msgspec.convert(document["lidar"] if lidar else document, _Sequence)
    except msgspec.ValidationError as error:
        raise SequenceError(where, [f"{f'{lidar}: ' if lidar else ''}{error}"]) from None
    except UnicodeEncodeError:
        raise SequenceError(where, ["a key is not valid Unicode"]) from None
    if len(sequence.tracking_annotations) > Quota.POINT_SEQUENCE_FRAMES:
        allowed = f"at most {Quota.POINT_SEQUENCE_FRAMES:,} are allowed"
        raise SequenceError(
            where, [f"tracking-annotations has {len(sequence.tracking_annotations):,} frames; {allowed}"]
        )
    return tuple(
        _frame(frame, where, f"tracking-annotations[{place}]", names)
        for place, frame in enumerate(sequence.tracking_annotations)
    )


def _frame(frame: _Frame, where: str, key: str, names: Mapping[int, str]) -> CuboidFrame:
    number = str(frame.frame_number)
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise SequenceError(where, [f"{key}.frame-number is {number[:40]!r}; write a whole number"])
    if len(frame.annotations) > MAX_CUBOIDS:
        count = f"{len(frame.annotations):,} cuboids; at most {MAX_CUBOIDS:,} are allowed"
        raise SequenceError(where, [f"{key}.annotations has {count}"])
    cuboids, ids = [], set[str]()
    for place, cuboid in enumerate(frame.annotations):
        try:
            cuboids.append(_labeled(cuboid, cuboid.object_id, names))
            if not cuboid.object_id or cuboid.object_id in ids:
                raise ValueError(f"object-id is {cuboid.object_id[:40]!r}; write one that no other in the frame has")
        except ValueError as error:
            raise SequenceError(where, [f"{key}.annotations[{place}].{error}"]) from None
        ids.add(cuboid.object_id)
    return CuboidFrame(int(number), frame.frame_name, frame.frame_attributes, tuple(cuboids))


def _labeled(cuboid: Cuboid, object_id: str, names: Mapping[int, str]) -> LabeledCuboid:
    """A cuboid with the name of its class.

    :raises ValueError: beginning with the key that is wrong.
    """
    class_id = str(cuboid.class_id)
    name = names.get(int(class_id)) if class_id.isascii() and class_id.isdecimal() and len(class_id) < 10 else None
    if name is None:
        raise ValueError(f"class-id is {class_id[:40]!r}, which is not a class of the label")
    center = (cuboid.center_x, cuboid.center_y, cuboid.center_z)
    size, angles = (cuboid.length, cuboid.width, cuboid.height), (cuboid.roll, cuboid.pitch, cuboid.yaw)
    for key, value in zip(("center-x", "center-y", "center-z", "roll", "pitch", "yaw"), center + angles, strict=True):
        if not abs(value) <= MAX_METERS:
            raise ValueError(f"{key} is {value}, which is too large")
    for key, value in zip(("length", "width", "height"), size, strict=True):
        if not 0 < value <= MAX_METERS:
            raise ValueError(f"{key} is {value}; a cuboid has a length, a width and a height")
    attributes = cuboid.label_category_attributes
    return LabeledCuboid(name, center, size, angles, object_id, cuboid.object_name or "", attributes)


def cuboids_document(cuboids: Iterable[LabeledCuboid], class_ids: Mapping[str, int]) -> dict[str, Any]:
    """The value of a label of one point cloud.

    :param class_ids: by the names of the classes.
    """
    return {"annotations": [_document(cuboid, class_ids) for cuboid in cuboids]}


def tracked_cuboids_document(frames: Iterable[CuboidFrame], class_ids: Mapping[str, int]) -> dict[str, Any]:
    """The content of the ``SeqLabel.json`` of a sequence of point clouds.

    :param class_ids: by the names of the classes.
    """
    return {
        "tracking-annotations": [
            {
                "frame-number": frame.number,
                "frame-name": frame.name,
                **({"frame-attributes": frame.attributes} if frame.attributes else {}),
                "annotations": [
                    {**_document(cuboid, class_ids), "object-id": cuboid.object_id} for cuboid in frame.cuboids
                ],
            }
            for frame in frames
        ]
    }


def _document(cuboid: LabeledCuboid, class_ids: Mapping[str, int]) -> dict[str, Any]:
    keys = ("center-x", "center-y", "center-z", "length", "width", "height", "roll", "pitch", "yaw")
    return {
        "label-category-attributes": cuboid.attributes,
        "object-name": cuboid.object_name,
        "class-id": class_ids[cuboid.label],
        **dict(zip(keys, (*cuboid.center, *cuboid.size, *cuboid.angles), strict=True)),
    }


# Turning


def plus(first: Vector, second: Vector) -> Vector:
    """The sum of two vectors."""
    return first[0] + second[0], first[1] + second[1], first[2] + second[2]


def minus(first: Vector, second: Vector) -> Vector:
    """The difference of two vectors."""
    return first[0] - second[0], first[1] - second[1], first[2] - second[2]


def times(first: Quaternion, second: Quaternion) -> Quaternion:
    """The quaternion that turns as the second one does, then as the first one does."""
    (ax, ay, az, aw), (bx, by, bz, bw) = first, second
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def inverse(heading: Quaternion) -> Quaternion:
    """The quaternion that turns back. Its length must be 1."""
    x, y, z, w = heading
    return -x, -y, -z, w


def turn(heading: Quaternion, vector: Vector) -> Vector:
    """A vector turned by a quaternion of length 1."""
    x, y, z, _ = times(times(heading, (*vector, 0.0)), inverse(heading))
    return x, y, z


make_ready(__name__)
