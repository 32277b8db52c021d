"""Draws labels of point clouds as HTML: a cloud from above, with its cuboids, the paths of objects, or its classes.

The world's y points up. Below are pictures from cameras that see cuboids, with the cuboids drawn in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from markupsafe import Markup

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.frame_tools import BOX
from labeling_provider.groundtruth.point_formats import BACKGROUND, PointFormat, format_of_file
from labeling_provider.manifest import CuboidsLabel, Files, Label, PointMaskLabel, SequenceLabel
from labeling_provider.manifest.cameras import edges
from labeling_provider.manifest.cuboids import (
    TRACKED_TYPE,
    CuboidFrame,
    LabeledCuboid,
    Vector,
    cuboids_of,
    plus,
    read_tracked_cuboids,
    turn,
)
from labeling_provider.manifest.linked_boxes import read_linked_boxes
from labeling_provider.manifest.point_clouds import MAX_PACKED_BYTES, read_point_classes, read_point_cloud
from labeling_provider.manifest.point_sequences import (
    CameraImage,
    PointFrame,
    read_point_frame,
    read_point_sequence,
)
from labeling_provider.manifest.sequences import MAX_LABEL_BYTES, Shape
from labeling_provider.rendering.drawing import COLORS, MAX_PARTS, MAX_POINTS, look_of, svg
from labeling_provider.rendering.sequence_drawing import drawn_shapes, size_of_picture

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Positions = npt.NDArray[np.float32]
    ClassNumbers = npt.NDArray[np.uint8]

MAX_CLOUD_BYTES: Final = 40_000_000
"""Largest cloud that is drawn, in bytes: 2.5 million points with intensity."""
MAX_IMAGES: Final = 2
"""Most camera pictures that are shown."""
MAX_DOTS: Final = 4_000
"""Most points of a cloud that are drawn."""
_GRAY: Final = "#8a8a8a"
_FAR: Final = 0.01
"""Share of the points, the farthest out on each side, that may lie outside the picture."""
_MARGIN: Final = 0.05


class _Scene(NamedTuple):
    """What is drawn.

    :param positions: x, y and z of points.
    :param classes: the points' classes, for segmentation: indexes in the list of names.
    :param ways: the centers of each object over time, in the color of its cuboid.
    :param boxes: boxes in pictures, by camera number.
    """

    positions: Positions
    classes: ClassNumbers | None
    cuboids: tuple[LabeledCuboid, ...]
    ways: list[tuple[LabeledCuboid, list[Vector]]]
    names: list[str]
    boxes: Mapping[int, tuple[Shape, ...]] = MappingProxyType({})


def is_of_points(label: Label | None) -> bool:
    """Whether a label is one of a point cloud, or of a sequence of them."""
    kind = str(((label.metadata if label else None) or {}).get("type")).lower()
    return isinstance(label, CuboidsLabel | PointMaskLabel) or (
        isinstance(label, SequenceLabel) and kind == TRACKED_TYPE
    )


def drawn_cloud(
    files: Files, line: Mapping[str, Any], label: Label, address: Callable[[str, tuple[int, int]], str]
) -> Markup:
    """A cloud from above with its label, as HTML; of a sequence, the frame with the most cuboids and boxes.

    :param line: the line of the manifest.
    :param label: one that :func:`is_of_points` accepts.
    :param address: the URL of a camera's picture, by its URI, and its width and height in pixels.
    :raises LabelingError: if a file can't be read, or is not what it should be.
    """
    if isinstance(label, SequenceLabel):
        scene, frame = _of_sequence(files, str(line["source-ref"]), label)
        seen = _pictures(files, frame.images, scene, address)
        return Markup("<div>{}<bdi>{}</bdi></div>{}").format(_svg(scene), frame.name, seen)
    uri = str(line["source-ref"])
    form, images = format_of_file(uri), tuple[CameraImage, ...]()
    if form is None or line.get("source-ref-metadata") is not None:
        described = read_point_frame(line, uri)
        form, images = described.format, described.images
    positions = _points(files, uri, form)
    if isinstance(label, CuboidsLabel):
        names = list(label.class_names.values())
        scene = _Scene(positions[:: _step(len(positions))], None, cuboids_of(label), [], names)
        return _svg(scene) + _pictures(files, images, scene, address)
    if not isinstance(label, PointMaskLabel):
        raise LabelingError(f"{label.attribute} is not the label of a point cloud")
    return _svg(_segmented(files, positions, label))


def _points(files: Files, uri: str, form: PointFormat) -> Positions:
    return read_point_cloud(files.whole(uri, MAX_CLOUD_BYTES), form, uri).positions


def _step(count: int) -> int:
    return count // MAX_DOTS + 1


def _segmented(files: Files, positions: Positions, label: PointMaskLabel) -> _Scene:
    import numpy as np

    numbers = np.frombuffer(read_point_classes(files.whole(label.uri, MAX_PACKED_BYTES), label.uri), np.uint8)
    if len(numbers) != len(positions):
        raise LabelingError(f"{label.uri} has {len(numbers):,} points, but the cloud has {len(positions):,}")
    colors = label.colors.items()
    known = {number: color.class_name for number, color in colors if number < 256 and color.class_name != BACKGROUND}
    names = list(dict.fromkeys(known.values()))
    table = np.full(256, 255, dtype=np.uint8)
    for number, name in known.items():
        table[number] = names.index(name)
    step = _step(len(positions))
    return _Scene(positions[::step], table[numbers[::step]], (), [], names)


def _of_sequence(files: Files, uri: str, label: SequenceLabel) -> tuple[_Scene, PointFrame]:
    """The scene to draw from a sequence, and its frame."""
    sequence = read_point_sequence(files.whole(uri, Quota.POINT_SEQUENCE_FILE_BYTES), uri)
    body = files.whole(label.uri, MAX_LABEL_BYTES)
    labeled = read_tracked_cuboids(body, label.uri, label.class_names)
    boxes: dict[int, dict[int, tuple[Shape, ...]]] = {}
    for picture in read_linked_boxes(body, label.uri, label.class_names):
        boxes.setdefault(picture.place, {})[picture.camera] = picture.boxes
    places = {frame.name: place for place, frame in enumerate(sequence.frames)}
    # Amazon gives some files other names, but keeps their places.
    known = [(places.get(frame.name, frame.number), frame) for frame in labeled]
    known = [(place, frame) for place, frame in known if place < len(sequence.frames)]
    counts = {place: sum(map(len, own.values())) for place, own in boxes.items()}
    place, shown = max(
        known,
        key=lambda placed: len(placed[1].cuboids) + counts.get(placed[0], 0),
        default=(0, CuboidFrame(0, "", {}, ())),
    )
    frame = sequence.frames[place]
    positions = _points(files, frame.uri, frame.format)
    ways = _ways(frame for _, frame in sorted(known, key=lambda placed: placed[0]))
    names = list(label.class_names.values())
    dots = positions[:: _step(len(positions))]
    return _Scene(dots, None, shown.cuboids, ways, names, boxes.get(place, {})), frame


def _ways(frames: Iterable[CuboidFrame]) -> list[tuple[LabeledCuboid, list[Vector]]]:
    ways: dict[str, tuple[LabeledCuboid, list[Vector]]] = {}
    for frame in frames:
        for cuboid in frame.cuboids:
            if cuboid.object_id in ways or len(ways) < MAX_PARTS:
                ways.setdefault(cuboid.object_id, (cuboid, []))[1].append(cuboid.center)
    return list(ways.values())


# Drawing


def _svg(scene: _Scene) -> Markup:
    left, top, width, height = _frame(scene)
    parts = [*_dots(scene), *_paths(scene), *_outlines(scene)]
    box = f"{left:.3f} {top:.3f} {width:.3f} {height:.3f}"
    return Markup('<svg viewBox="{}" class="cloud">{}</svg>').format(box, Markup("").join(parts))


def _frame(scene: _Scene) -> tuple[float, float, float, float]:
    """Left, top, width and height of what is shown, in meters: nearly all points, and all cuboids."""
    import numpy as np

    # In 8-byte floats, differences of the largest 4-byte numbers are finite.
    across, down = scene.positions[:, 0].astype(float), -scene.positions[:, 1].astype(float)
    sides = [np.quantile(values, [_FAR, 1 - _FAR]) for values in (across, down)]
    corners = np.array([(x, -y) for cuboid in scene.cuboids for x, y, _ in cuboid.corners]).reshape(-1, 2)
    low = np.min([[side[0] for side in sides], *corners], axis=0)
    high = np.max([[side[1] for side in sides], *corners], axis=0)
    margin = max(float((high - low).max()), 1.0) * _MARGIN
    (left, top), (right, bottom) = (low - margin).tolist(), (high + margin).tolist()
    return left, top, right - left, bottom - top


def _dots(scene: _Scene) -> Iterator[Markup]:
    """The points: one path of zero-length strokes per class, which takes less than as many circles."""
    import numpy as np

    classes = np.zeros(len(scene.positions), dtype=np.uint8) if scene.classes is None else scene.classes
    for number in np.unique(classes).tolist():
        places = scene.positions[classes == number].tolist()
        path = "".join(f"M{x:.2f} {-y:.2f}h0" for x, y, _ in places)
        is_known = scene.classes is not None and number < len(scene.names)
        color = COLORS[number % len(COLORS)] if is_known else _GRAY
        title = scene.names[number] if is_known else ""
        yield Markup(
            '<path d="{}" stroke="{}" stroke-width="2" stroke-linecap="round" vector-effect="non-scaling-stroke">'
            "<title>{}</title></path>"
        ).format(path, color, title)


def _paths(scene: _Scene) -> Iterator[Markup]:
    for cuboid, centers in scene.ways:
        shown = centers[:: len(centers) // MAX_POINTS + 1]
        points = " ".join(f"{x:.2f},{-y:.2f}" for x, y, _ in shown)
        look = look_of(scene.names.index(cuboid.label), cuboid.object_name or cuboid.label)
        yield Markup('<polyline stroke-dasharray="2 3" points="{}" {}</polyline>').format(points, look)


def _outlines(scene: _Scene) -> Iterator[Markup]:
    """The upper side of each cuboid, and a line from its middle to its front."""
    for cuboid in scene.cuboids[:MAX_PARTS]:
        look = look_of(scene.names.index(cuboid.label), cuboid.object_name or cuboid.label)
        upper = [_at(cuboid, across, down) for across, down in ((1, 1), (-1, 1), (-1, -1), (1, -1))]
        yield Markup('<polygon points="{}" {}</polygon>').format(" ".join(upper), look)
        ahead = f"{_at(cuboid, 0, 0)} {_at(cuboid, 1, 0)}"
        yield Markup('<polyline points="{}" {}</polyline>').format(ahead, look)


def _pictures(
    files: Files, images: Iterable[CameraImage], scene: _Scene, address: Callable[[str, tuple[int, int]], str]
) -> Markup:
    """The first pictures with cuboids or boxes, and these drawn in."""
    pictures: list[Markup] = []
    for camera, image in enumerate(images):
        boxes = scene.boxes.get(camera, ())
        lines = [(cuboid, edges(image, cuboid)) for cuboid in scene.cuboids[:MAX_PARTS]]
        if len(pictures) == MAX_IMAGES or not (boxes or any(own for _, own in lines)):
            continue
        size = size_of_picture(files, image.uri)
        inside = [(cuboid, own) for cuboid, own in lines if size and any(_is_in(line, size) for line in own)]
        if size and (boxes or inside):
            over = [_wires(cuboid, own, scene.names) for cuboid, own in inside]
            over += drawn_shapes(boxes, BOX, scene.names, size)
            pictures.append(Markup("<div>{}</div>").format(svg(*size, address(image.uri, size), over)))
    return Markup("").join(pictures)


def _is_in(line: Iterable[tuple[float, float]], size: tuple[int, int]) -> bool:
    return any(0 <= x <= size[0] and 0 <= y <= size[1] for x, y in line)


def _wires(cuboid: LabeledCuboid, lines: Iterable[list[tuple[float, float]]], names: list[str]) -> Markup:
    path = "".join(f"M{' '.join(f'{x:.1f},{y:.1f}' for x, y in line)}" for line in lines)
    look = look_of(names.index(cuboid.label), cuboid.object_name or cuboid.label)
    return Markup('<path d="{}" {}</path>').format(path, look)


def _at(cuboid: LabeledCuboid, across: float, down: float) -> str:
    """A point on the upper side of a cuboid, from -1 to 1 along its length and its width."""
    length, width, height = cuboid.size
    x, y, _ = plus(cuboid.center, turn(cuboid.heading, (across * length / 2, down * width / 2, height / 2)))
    return f"{x:.2f},{-y:.2f}"
