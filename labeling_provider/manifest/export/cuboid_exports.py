"""Exports cuboids in point clouds as KITTI and in the tables of nuScenes.

The clouds are not copied. In both formats they keep their coordinates, so that they can be used as they are.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple, cast

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.frame_tools import BOX
from labeling_provider.manifest.cameras import NEAR
from labeling_provider.manifest.cuboids import (
    TRACKED_TYPE,
    CuboidFrame,
    LabeledCuboid,
    Quaternion,
    Vector,
    cuboids_of,
    inverse,
    minus,
    read_tracked_cuboids,
    times,
    turn,
)
from labeling_provider.manifest.export.format import Example, Format, csv_row, json_bytes, stem_of
from labeling_provider.manifest.files import Sink
from labeling_provider.manifest.linked_boxes import CAMERA, BoxedPicture, read_linked_boxes
from labeling_provider.manifest.point_sequences import (
    CameraImage,
    PointFrame,
    Pose,
    read_point_frame,
    read_point_sequence,
)
from labeling_provider.manifest.sequences import MAX_LABEL_BYTES, Shape
from labeling_provider.manifest.typed_labels import CuboidsLabel, Label, LabelError, SequenceLabel

_HERE: Final = Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
_FORWARD: Final = (0.0, 1.0, 0.0)
_LEVEL: Final = 1e-6
"""A cuboid whose roll and pitch are at most this stands upright, in radians."""
Matrix = list[list[float]]


class _Cloud(NamedTuple):
    """A labeled cloud.

    :param pose: the vehicle's pose; None if unknown.
    :param boxes: the boxes in its pictures, by camera number.
    """

    uri: str
    timestamp: float
    pose: Pose | None
    images: tuple[CameraImage, ...]
    cuboids: tuple[LabeledCuboid, ...]
    boxes: Mapping[int, tuple[Shape, ...]] = MappingProxyType({})


class CuboidFormat(Format[dict[str, int]]):
    """Base of the formats for cuboids in point clouds, and in sequences of them."""

    takes: ClassVar[tuple[type[Label], ...]] = (CuboidsLabel, SequenceLabel)
    batch = 8

    def read(self, example: Example) -> dict[str, int]:
        """The export's class ids, by class name.

        :raises LabelError: if it is not a label of cuboids.
        """
        label = cast("CuboidsLabel | SequenceLabel", example.label)
        kind = str((label.metadata or {}).get("type"))
        if isinstance(label, SequenceLabel) and kind.lower() != TRACKED_TYPE:
            raise LabelError(f"{label.attribute}: this format can't store labels of {kind[:80]}")
        if not example.uri:
            raise LabelError('has no "source-ref", but this format is for point clouds')
        names = label.class_names
        if isinstance(label, CuboidsLabel):
            used = {cuboid.label for cuboid in cuboids_of(label)}
            names = {number: name for number, name in names.items() if name in used}
        numbers = self.classes.numbers(label, names)
        return {names[number]: own for number, own in numbers.items()}

    def fetch(self, example: Example) -> list[_Cloud]:
        """The clouds of an object: several for a sequence."""
        label, files = example.label, self.folder.files
        if isinstance(label, CuboidsLabel):
            if example.line.get("source-ref-metadata") is None:
                return [_Cloud(example.uri, 0, None, (), cuboids_of(label))]
            return [_cloud(read_point_frame(example.line, example.uri), cuboids_of(label))]
        tracked = cast(SequenceLabel, label)
        body = files.whole(tracked.uri, MAX_LABEL_BYTES)
        frames = read_tracked_cuboids(body, tracked.uri, tracked.class_names)
        sequence = read_point_sequence(files.whole(example.uri, Quota.POINT_SEQUENCE_FILE_BYTES), example.uri)
        clouds = list(_together(sequence.frames, frames, tracked.uri))
        return _with_boxes(clouds, read_linked_boxes(body, tracked.uri, tracked.class_names), tracked.uri)

    def write(self, example: Example, content: dict[str, int]) -> None:
        """Write an object."""
        self._write(example, content, example.fetched)

    @abstractmethod
    def _write(self, example: Example, numbers: dict[str, int], clouds: list[_Cloud]) -> None: ...


def _cloud(frame: PointFrame, cuboids: tuple[LabeledCuboid, ...]) -> _Cloud:
    return _Cloud(frame.uri, frame.timestamp, frame.pose, frame.images, cuboids)


def _together(frames: Sequence[PointFrame], labeled: Iterable[CuboidFrame], where: str) -> Iterator[_Cloud]:
    """Each frame of a sequence with its cuboids. Amazon gives some files other names, but keeps their places.

    :raises LabelError: if a frame with cuboids is not in the sequence.
    """
    places, labeled_at = {frame.name: place for place, frame in enumerate(frames)}, dict[int, CuboidFrame]()
    for frame in labeled:
        place = places.get(frame.name, frame.number)
        if frame.cuboids and (place >= len(frames) or place in labeled_at):
            raise LabelError(f"{where}: the frame {frame.number} ({frame.name[:80]!r}) is not in the sequence")
        labeled_at[place] = frame
    for place, cloud in enumerate(frames):
        yield _cloud(cloud, labeled_at[place].cuboids if place in labeled_at else ())


def _with_boxes(clouds: list[_Cloud], pictures: Iterable[BoxedPicture], where: str) -> list[_Cloud]:
    """Clouds with the boxes in their pictures.

    :raises LabelError: if there are boxes in a picture that is not in the sequence.
    """
    for place, camera, boxes in pictures:
        if not boxes:
            continue
        if place >= len(clouds) or camera >= len(clouds[place].images):
            raise LabelError(f"{where}: frame {place} of camera-{camera} is not in the sequence")
        clouds[place] = clouds[place]._replace(boxes={**clouds[place].boxes, camera: boxes})
    return clouds


class Kitti(CuboidFormat):
    """KITTI: ``SET/label_2/NAME.txt`` for each cloud, or ``SET/label_02/NAME.txt`` for each sequence, with calibration.

    KITTI describes places as a camera sees them: x right, y down, z forward. The camera stands upright at the vehicle,
    or at the origin, and looks along the vehicle's y; in a sequence, it stands where it was in the first frame with a
    pose. ``SET/calib/NAME.txt`` leads from the cloud's coordinates there (``Tr_velo_to_cam``), and from there to the
    pixels of the frame's first pinhole camera (``P2``), if there is one, without distortion. Boxes in the picture are
    not cut at its edge; where there are none, and for what is not known, the file says -1. In a sequence, they are the
    boxes that are linked to cuboids, of the first camera that has any. ``SET.csv`` maps file names to objects and
    pictures, or to that camera.

    Format: the development kits of the KITTI Vision Benchmark Suite for object detection and for tracking.
    """

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the list of the set's clouds."""
        self._sink = self.folder.sink(stack, f"{set_name}.csv")
        self._sink.write(csv_row(["file_name", "object", "picture"]))

    def _write(self, example: Example, numbers: dict[str, int], clouds: list[_Cloud]) -> None:
        tracked = isinstance(example.label, SequenceLabel)
        view = _View(next((cloud.pose for cloud in clouds if cloud.pose), _HERE))
        images = [] if tracked else [image for image in clouds[0].images if image.model == "pinhole"]
        projection = view.projection(images[0]) if images else None
        lines, tracks = [], dict[str, int]()
        camera = min((number for cloud in clouds for number in cloud.boxes), default=None)
        for place, cloud in enumerate(clouds):
            drawn = {} if camera is None else {box.object_id: box for box in cloud.boxes.get(camera, ())}
            self.notes["boxes_left_out"] += sum(map(len, cloud.boxes.values()))
            for cuboid in cloud.cuboids:
                self.notes["cuboids_leveled"] += any(abs(angle) > _LEVEL for angle in cuboid.angles[:2])
                track = tracks.setdefault(cuboid.object_id, len(tracks))
                before = f"{place} {track} " if tracked else ""
                box = drawn.get(cuboid.object_id)
                self.notes["boxes_left_out"] -= box is not None
                lines.append(f"{before}{view.line(cuboid, projection, box)}\n")
        name = stem_of(self.folder.free_name(example.set_name, example.uri))
        folder = "label_02" if tracked else "label_2"
        self.folder.put(f"{example.set_name}/{folder}/{name}.txt", "".join(lines).encode(errors="backslashreplace"))
        self.folder.put(f"{example.set_name}/calib/{name}.txt", view.calibration(projection).encode())
        picture = images[0].uri if images else "" if camera is None else f"{CAMERA}{camera}"
        self._sink.write(csv_row([f"{name}.txt", example.uri, picture]))


class _View:
    """An upright camera at a vehicle: x right, y down, z forward.

    :param pose: the vehicle's pose.
    """

    def __init__(self, pose: Pose) -> None:
        forward = turn(pose.heading, _FORWARD)
        self._direction = math.atan2(forward[1], forward[0])
        cosine, sine = math.cos(self._direction), math.sin(self._direction)
        self._axes: Matrix = [[sine, -cosine, 0.0], [0.0, 0.0, -1.0], [cosine, sine, 0.0]]
        self._position = pose.position

    def seen(self, point: Vector) -> Vector:
        """A point of the world as the camera sees it."""
        x, y, z = _applied(self._axes, minus(point, self._position))
        return x, y, z

    def line(self, cuboid: LabeledCuboid, projection: Matrix | None, drawn: Shape | None) -> str:
        """A cuboid: class, truncation, occlusion, observation angle, box, height, width, length, bottom, rotation.

        :param drawn: the box that a person has linked to it.
        """
        (x, y, z), (length, width, height) = self.seen(cuboid.center), cuboid.size
        rotation = _turned(-(cuboid.angles[2] - self._direction) - math.pi / 2)
        angle = _turned(rotation - math.atan2(x, z))
        box = self._box(cuboid, projection) if projection else _sides(drawn) if drawn else None
        numbers = (angle, *(box or (-1, -1, -1, -1)), height, width, length, x, y + height / 2, z, rotation)
        return f"{'_'.join(cuboid.label.split())} -1 -1 {' '.join(f'{number:.4f}' for number in numbers)}"

    def _box(self, cuboid: LabeledCuboid, projection: Matrix) -> tuple[float, float, float, float] | None:
        """Left, top, right and bottom of a cuboid in the picture; None if it is not entirely in front of the camera."""
        places = []
        for corner in cuboid.corners:
            across, down, depth = _applied([row[:3] for row in projection], self.seen(corner))
            depth += projection[2][3]
            if depth < NEAR:
                return None
            places.append(((across + projection[0][3]) / depth, (down + projection[1][3]) / depth))
        lefts, tops = zip(*places, strict=True)
        return min(lefts), min(tops), max(lefts), max(tops)

    def projection(self, image: CameraImage) -> Matrix:
        """The 3 × 4 matrix that projects this camera's coordinates to the pixels of a picture."""
        back, (fx, fy), (cx, cy) = inverse(image.pose.heading), image.focal, image.center
        # The rows of this camera's matrix are its axes in the world; the picture's camera sees them turned back.
        turned = [turn(back, (axis[0], axis[1], axis[2])) for axis in self._axes]
        moved = turn(back, minus(self._position, image.pose.position))
        outside = [[turned[0][row], turned[1][row], turned[2][row], moved[row]] for row in range(3)]
        inside = [[fx, image.skew, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]
        return [[sum(own[k] * outside[k][column] for k in range(3)) for column in range(4)] for own in inside]

    def calibration(self, projection: Matrix | None) -> str:
        """The content of a calibration file."""
        same: Matrix = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
        moved = _applied(self._axes, minus((0.0, 0.0, 0.0), self._position))
        matrices = {f"P{number}": projection or same for number in range(4)}
        matrices["R0_rect"] = [row[:3] for row in same]
        matrices["Tr_velo_to_cam"] = [[*row, shift] for row, shift in zip(self._axes, moved, strict=True)]
        matrices["Tr_imu_to_velo"] = same
        rows = (
            f"{name}: {' '.join(f'{value:.12e}' for row in matrix for value in row)}\n"
            for name, matrix in matrices.items()
        )
        return "".join(rows)


def _sides(box: Shape) -> tuple[float, float, float, float]:
    """Left, top, right and bottom."""
    left, top, width, height = (box.geometry[key] for key in BOX.keys)
    return left, top, left + width, top + height


def _applied(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    return [sum(own * other for own, other in zip(row, vector, strict=True)) for row in matrix]


def _turned(angle: float) -> float:
    """The same angle, between -π and π."""
    return math.remainder(angle, math.tau)


class NuScenes(CuboidFormat):
    """The tables of nuScenes: ``SET/TABLE.json``.

    A sequence is a scene, and its frames are samples; a cloud alone is a scene of its own. An object is an instance:
    in object detection, each cuboid. ``ego_pose`` is the vehicle's; the calibration of the sensor ``LIDAR`` takes it
    back, because the clouds are in the coordinates of the world. Pictures of pinhole cameras are ``CAM_0`` and so on.
    Boxes that are linked to cuboids are in ``image_annotations.json``, with the keys under which the development kit
    writes cuboids in pictures; where its object has no cuboid, a box has no ``instance_token``.
    ``log`` and ``map`` are empty, and numbers of points are -1, because the clouds are not read.

    Format: the schema in the nuScenes development kit.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._sets: list[tuple[_Tables, set[str], dict[str, str]]] = []

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the set's tables."""
        self._set = set_name
        self._tables = _Tables(lambda name: self.folder.sink(stack, f"{set_name}/{name}.json"))
        self._channels, self._attributes = set[str](), dict[str, str]()
        self._sets.append((self._tables, self._channels, self._attributes))

    def _write(self, example: Example, numbers: dict[str, int], clouds: list[_Cloud]) -> None:
        name = stem_of(self.folder.free_name(self._set, example.uri))
        scene = _token("scene", self._set, name)
        samples = [_token("sample", scene, place) for place in range(len(clouds))]
        ends = {"first_sample_token": samples[0], "last_sample_token": samples[-1]}
        about = {"name": name, "description": example.uri, "log_token": "", "nbr_samples": len(samples)}
        self._tables.add("scene", {"token": scene, **about, **ends})
        tracks: dict[str, list[tuple[str, LabeledCuboid]]] = {}
        for place, cloud in enumerate(clouds):
            about = {"timestamp": _microseconds(cloud.timestamp), "scene_token": scene, **_around(samples, place)}
            self._tables.add("sample", {"token": samples[place], **about})
            for number, cuboid in enumerate(cloud.cuboids):
                tracks.setdefault(cuboid.object_id or f"{place}:{number}", []).append((samples[place], cuboid))
        self._add_data(clouds, samples)
        for key, places in tracks.items():
            self._add_instance(_token("instance", scene, key), places)
        for cloud, sample in zip(clouds, samples, strict=True):
            self._add_boxes(cloud, sample, scene, set(tracks))

    def _add_data(self, clouds: list[_Cloud], samples: list[str]) -> None:
        """The clouds and their pictures."""
        recordings: dict[str, list[tuple[str, _Cloud, CameraImage | None]]] = {}
        for cloud, sample in zip(clouds, samples, strict=True):
            recordings.setdefault("LIDAR", []).append((sample, cloud, None))
            for number, image in enumerate(cloud.images):
                if image.model == "pinhole":
                    recordings.setdefault(f"CAM_{number}", []).append((sample, cloud, image))
                else:
                    self.notes["fisheye_images_left_out"] += 1
        for channel, whole in recordings.items():
            self._channels.add(channel)
            tokens = [_token("data", sample, channel) for sample, _, _ in whole]
            for place, (sample, cloud, own) in enumerate(whole):
                about = {"token": tokens[place], "sample_token": sample, **_around(tokens, place)}
                self._add_one(channel, cloud, own, about)

    def _add_one(self, channel: str, cloud: _Cloud, image: CameraImage | None, about: dict[str, Any]) -> None:
        vehicle, inside, size = cloud.pose or _HERE, list[Any](), dict[str, Any]()
        uri, timestamp, sensor = cloud.uri, cloud.timestamp, _HERE
        if image is not None:
            uri, timestamp, sensor = image.uri, image.timestamp, image.pose
            inside = [[image.focal[0], image.skew, image.center[0]], [0, image.focal[1], image.center[1]], [0, 0, 1]]
            size = {"width": None, "height": None}
        # Where the sensor is, seen from the vehicle. The cloud is in the coordinates of the world.
        back = inverse(vehicle.heading)
        mounted = Pose(turn(back, minus(sensor.position, vehicle.position)), times(back, sensor.heading))
        token, moment = about["token"], _microseconds(timestamp)
        self._tables.add("ego_pose", {"token": token, "timestamp": moment, **_placed(vehicle)})
        calibrated = {"sensor_token": _token("sensor", self._set, channel), "camera_intrinsic": inside}
        self._tables.add("calibrated_sensor", {"token": token, **calibrated, **_placed(mounted)})
        tokens = {"ego_pose_token": token, "calibrated_sensor_token": token}
        file = {"filename": uri, "fileformat": uri.rpartition(".")[2], "timestamp": moment, "is_key_frame": True}
        self._tables.add("sample_data", {**about, **tokens, **file, **size})

    def _add_instance(self, instance: str, places: list[tuple[str, LabeledCuboid]]) -> None:
        tokens = [_token("annotation", instance, sample) for sample, _ in places]
        about = {"category_token": _token("category", self._set, places[0][1].label), "nbr_annotations": len(places)}
        ends = {"first_annotation_token": tokens[0], "last_annotation_token": tokens[-1]}
        self._tables.add("instance", {"token": instance, **about, **ends})
        for place, (sample, cuboid) in enumerate(places):
            length, width, height = cuboid.size
            row = {
                "token": tokens[place],
                "sample_token": sample,
                "instance_token": instance,
                "attribute_tokens": [self._attribute(key, value) for key, value in cuboid.attributes.items()],
                "visibility_token": "",
                "translation": list(cuboid.center),
                "size": [width, length, height],
                "rotation": _w_first(cuboid.heading),
                "num_lidar_pts": -1,
                "num_radar_pts": -1,
            }
            self._tables.add("sample_annotation", {**row, **_around(tokens, place)})

    def _add_boxes(self, cloud: _Cloud, sample: str, scene: str, known: set[str]) -> None:
        """The boxes in the pictures of a cloud.

        :param known: the objects that have a cuboid anywhere.
        """
        tracked = {cuboid.object_id for cuboid in cloud.cuboids}
        for camera, boxes in cloud.boxes.items():
            if cloud.images[camera].model != "pinhole":
                self.notes["boxes_left_out"] += len(boxes)
                continue
            for box in boxes:
                instance = _token("instance", scene, box.object_id)
                row = {
                    "token": _token("box", sample, camera, box.object_id),
                    "sample_data_token": _token("data", sample, f"CAM_{camera}"),
                    "sample_annotation_token": _token("annotation", instance, sample)
                    if box.object_id in tracked
                    else "",
                    "instance_token": instance if box.object_id in known else "",
                    "category_name": box.label,
                    "attribute_tokens": [self._attribute(key, value) for key, value in box.attributes.items()],
                    "bbox_corners": list(_sides(box)),
                    "filename": cloud.images[camera].uri,
                }
                self._tables.add(
                    "image_annotations", {**row, "visibility_token": "", "num_lidar_pts": -1, "num_radar_pts": -1}
                )

    def _attribute(self, key: str, value: Any) -> str:
        name = f"{key}.{value}"
        return self._attributes.setdefault(name, _token("attribute", self._set, name))

    def finish(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """Write the tables that list sensors, categories and the like."""
        for set_name, (tables, channels, attributes) in zip(objects, self._sets, strict=True):
            for name in self.classes.used.values():
                tables.add("category", {"token": _token("category", set_name, name), "name": name, "description": ""})
            for channel in sorted(channels):
                modality = "lidar" if channel == "LIDAR" else "camera"
                token = _token("sensor", set_name, channel)
                tables.add("sensor", {"token": token, "channel": channel, "modality": modality})
            for name, token in attributes.items():
                tables.add("attribute", {"token": token, "name": name, "description": ""})
            tables.finish()
        return {}


_TABLES: Final = (
    *("attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map", "sample"),
    *("sample_annotation", "sample_data", "scene", "sensor", "visibility"),
)


class _Tables:
    """Files that each hold a list, written row by row.

    :param open_file: creates a table's file. nuScenes's own tables are created even if they have no rows.
    """

    def __init__(self, open_file: Callable[[str], Sink]) -> None:
        self._open = open_file
        self._sinks, self._rows = {name: open_file(name) for name in _TABLES}, dict.fromkeys(_TABLES, 0)

    def add(self, table: str, row: dict[str, Any]) -> None:
        """Write a row."""
        if table not in self._sinks:
            self._sinks[table], self._rows[table] = self._open(table), 0
        self._sinks[table].write((b",\n" if self._rows[table] else b"[\n") + json_bytes(row))
        self._rows[table] += 1

    def finish(self) -> None:
        """Write the ends of the lists."""
        for table, sink in self._sinks.items():
            sink.write(b"\n]\n" if self._rows[table] else b"[]\n")


def _token(*parts: Any) -> str:
    """An id of 32 hexadecimal digits, always the same for the same parts."""
    return blake2b(json_bytes(parts), digest_size=16).hexdigest()


def _around(tokens: Sequence[str], place: int) -> dict[str, str]:
    """The tokens before and after one."""
    return {"prev": tokens[place - 1] if place else "", "next": "".join(tokens[place + 1 : place + 2])}


def _microseconds(timestamp: float) -> int:
    return round(timestamp * 1e6)


def _placed(pose: Pose) -> dict[str, list[float]]:
    return {"translation": list(pose.position), "rotation": _w_first(pose.heading)}


def _w_first(heading: Quaternion) -> list[float]:
    x, y, z, w = heading
    return [w, x, y, z]
