"""Draws labels of video frames as HTML: some frames of a sequence, with their shapes and the paths of objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from markupsafe import Markup

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.frame_tools import BOX, Tool
from labeling_provider.groundtruth.task_types import FRAME_KEYS
from labeling_provider.manifest import Files, SequenceLabel
from labeling_provider.manifest.pictures import BEGINNING_BYTES, facts_of
from labeling_provider.manifest.sequences import (
    MAX_LABEL_BYTES,
    FrameSequence,
    LabeledFrame,
    SequenceData,
    Shape,
    read_sequence,
    read_sequence_label,
)
from labeling_provider.rendering.drawing import MAX_PARTS, MAX_POINTS, look_of, svg

MAX_FRAMES: Final = 4
"""Most frames of a sequence that are shown."""
_POINTS_ACROSS: Final = 80
"""The longer side of a picture, in radii of a keypoint."""


def drawn_sequence(
    files: Files, uri: str, label: SequenceLabel, address: Callable[[str, tuple[int, int]], str]
) -> Markup:
    """Some frames of a sequence with their labels, as HTML.

    :param uri: URI of the sequence file.
    :param address: the URL of a frame's picture, by its URI, and its width and height in pixels.
    :raises LabelingError: if a file can't be read, or is not what it should be.
    """
    sequence = read_sequence(files.whole(uri, Quota.SEQUENCE_FILE_BYTES), uri)
    key = FRAME_KEYS[str((label.metadata or {}).get("type")).lower()]
    data = read_sequence_label(files.whole(label.uri, MAX_LABEL_BYTES), label.uri, key, label.class_names)
    places = {frame.name: sequence.uri(frame) for frame in sequence.frames}
    names = list(label.class_names.values())
    pictures = []
    for frame in _chosen(data, sequence):
        size = size_of_picture(files, places[frame.name])
        if size is None:
            continue
        over = [*_ways(data, names), *drawn_shapes(frame.shapes, data.tool or BOX, names, size)]
        picture = svg(*size, address(places[frame.name], size), over)
        pictures.append(Markup("<div>{}<bdi>{}</bdi></div>").format(picture, frame.name))
    return Markup("").join(pictures)


def _chosen(data: SequenceData, sequence: FrameSequence) -> list[LabeledFrame]:
    """Frames spread evenly over those with a shape, or over all if none has one."""
    known = {frame.name for frame in sequence.frames}
    frames = [frame for frame in data.frames if frame.name in known]
    frames = [frame for frame in frames if frame.shapes] or frames
    last = min(MAX_FRAMES, len(frames)) - 1
    return [frames[number * (len(frames) - 1) // last] for number in range(last + 1)] if last > 0 else frames[:1]


def size_of_picture(files: Files, uri: str) -> tuple[int, int] | None:
    """A picture's width and height, in pixels; None if it is not a picture.

    :raises LabelingError: if it can't be read.
    """
    beginning = b""
    for chunk in files.chunks(uri):
        beginning += chunk
        if len(beginning) >= BEGINNING_BYTES:
            break
    facts = facts_of(beginning[:BEGINNING_BYTES])
    return None if facts is None or min(facts.width, facts.height) <= 0 else (facts.width, facts.height)


def _ways(data: SequenceData, names: list[str]) -> Iterator[Markup]:
    """The path of each object, from the middle of its shape in one frame to that in the next."""
    ways: dict[str, tuple[Shape, list[tuple[float, float]]]] = {}
    for frame in data.frames:
        for shape in frame.shapes:
            if shape.object_id and (shape.object_id in ways or len(ways) < MAX_PARTS):
                ways.setdefault(shape.object_id, (shape, []))[1].append(_middle(shape.geometry))
    for shape, points in ways.values():
        shown = points[:: len(points) // MAX_POINTS + 1]
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in shown)
        look = look_of(names.index(shape.label), shape.object_name)
        yield Markup('<polyline stroke-dasharray="2 3" points="{}" {}</polyline>').format(text, look)


def _middle(geometry: dict[str, Any]) -> tuple[float, float]:
    if "left" in geometry:
        return geometry["left"] + geometry["width"] / 2, geometry["top"] + geometry["height"] / 2
    points = geometry.get("vertices", [geometry])
    return sum(point["x"] for point in points) / len(points), sum(point["y"] for point in points) / len(points)


def drawn_shapes(shapes: Sequence[Shape], tool: Tool, names: list[str], size: tuple[int, int]) -> Iterator[Markup]:
    """The shapes of a picture, as parts of a drawing over it.

    :param names: the classes, which determine the colors of shapes.
    :param size: size of the picture, in pixels.
    """
    for shape in shapes[:MAX_PARTS]:
        look, geometry = look_of(names.index(shape.label), shape.object_name or shape.label), shape.geometry
        if tool == BOX:
            outline = Markup('<rect x="{left}" y="{top}" width="{width}" height="{height}" {look}</rect>')
            yield outline.format(**geometry, look=look)
        elif "vertices" in geometry:
            points = " ".join(f"{point['x']},{point['y']}" for point in geometry["vertices"][:MAX_POINTS])
            tag = "polygon" if tool.name == "Polygon" else "polyline"
            yield Markup('<{tag} points="{points}" {look}</{tag}>').format(tag=tag, points=points, look=look)
        else:
            radius = max(size) / _POINTS_ACROSS
            yield Markup('<circle cx="{}" cy="{}" r="{}" {}</circle>').format(
                geometry["x"], geometry["y"], radius, look
            )
