"""How far two sets of labels of a sequence of frames agree: shape by shape, and object by object over time.

An id switch is counted as in the CLEAR MOT metrics (Bernardin and Stiefelhagen, 2008): an object of the one set is
matched with a different object of the other set than in the last frame in which it was matched.

Comparing two sets takes seconds, however large they are: in each frame, only the pairs that
:mod:`~labeling_provider.quality.nearest` finds are compared; and if too many frames have too many pairs, only some of
them, evenly spread, are compared at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple, TypeVar

from labeling_provider.groundtruth.frame_tools import BOX, TOOLS, Tool
from labeling_provider.groundtruth.task_types import FRAME_KEYS
from labeling_provider.manifest import Files, SequenceLabel
from labeling_provider.manifest.cuboids import LabeledCuboid
from labeling_provider.manifest.sequences import MAX_LABEL_BYTES, LabeledFrame, Shape, read_sequence_label
from labeling_provider.quality.judgement import Difference, Judgement, Sides, box_overlap
from labeling_provider.quality.nearest import Extent, Near, near_pairs

if TYPE_CHECKING:
    from labeling_provider.quality.geometry import Points

ALIKE: Final = 0.5
"""Least likeness at which two shapes can be the same object."""
Labeled = TypeVar("Labeled", Shape, LabeledCuboid)
MAX_EFFORT: Final = 40_000
"""Most effort to compare two sets, in comparisons of two cuboids: about ten seconds."""
_EXAMINED: Final = 0.008
"""Effort to check whether a pair is worth comparing, in the same unit."""
_MEASURED: Final = 0.02
"""Effort to find the extent of a shape."""
_EFFORT: Final = {"annotations": 0.01, "polygons": 2.0, "polylines": 10.0, "keypoints": 0.2}
"""Effort to compare two shapes, by their list in a label."""
_FAR: Final = 0.05
"""How far apart similar paths and points can be, as a share of the picture's diagonal."""
_FRAME: Final = (1_000, 1_000)
"""A frame's size, in pixels, unless shapes extend beyond it."""


class SequenceAgreement(NamedTuple):
    """How far two sets of labels of a sequence agree.

    :param overlap: the mean over the frames of the shapes' likeness, a shape without a partner counting as 0; 0 to 1.
        The likeness of boxes and polygons is their Jaccard index.
    :param frames: number of frames that were compared, those without any shape included. It is smaller than the number
        of frames if all of them would have taken too long.
    :param matched: number of pairs of shapes.
    :param only_first: number of shapes without a partner in the first set.
    :param only_second: as ``only_first``, in the second set.
    :param id_switches: how often an object of the first set switches its partner in the second.
    """

    overlap: float
    frames: int
    matched: int
    only_first: int
    only_second: int
    id_switches: int


@dataclass(frozen=True)
class Comparison(Generic[Labeled]):
    """How shapes of one kind are compared.

    :param alike: returns how alike two shapes are, 0 to 1.
    :param extent: returns the extent of a shape.
    :param min_likeness: least likeness at which two shapes can be the same object.
    :param margin: how far apart the extents of similar shapes may be.
    :param effort: effort to compare two shapes, in comparisons of two cuboids.
    """

    alike: Callable[[Labeled, Labeled], float]
    extent: Callable[[Labeled], Extent]
    min_likeness: float = ALIKE
    margin: float = 0.0
    effort: float = 1.0


@dataclass(frozen=True)
class Frames(Judgement):
    """Labels of a sequence of frames. The distance is 1 minus the overlap from :func:`compare`.

    :param tool: the name of the tool with which they were drawn.
    """

    tool: str
    frames: tuple[LabeledFrame, ...]

    compared: ClassVar[int] = 10

    def distance(self, other: Judgement) -> float:
        """How far two judgements differ, 0 to 1, as defined by the class."""
        return self.difference(other).distance

    def difference(self, other: Judgement) -> Difference:
        """The distance, and the id switches if objects are tracked."""
        if not isinstance(other, Frames):
            return Difference(1)
        # Labels without shapes fit any tool.
        if self.tool != other.tool and self.has_shapes and other.has_shapes:
            return Difference(1)
        drawn = self if self.has_shapes else other
        agreed = compare(self.frames, other.frames, TOOLS[drawn.tool])
        return difference_of(agreed, (shape for frame in self.frames for shape in frame.shapes))

    @property
    def has_shapes(self) -> bool:
        """Whether there is a shape in any frame."""
        return any(frame.shapes for frame in self.frames)

    def __hash__(self) -> int:
        return hash((self.tool, tuple((frame.name, len(frame.shapes)) for frame in self.frames)))


def difference_of(agreed: SequenceAgreement, objects: Iterable[Labeled]) -> Difference:
    """How far two sets of labels differ.

    :param objects: the objects of the first set, which show whether objects have ids.
    """
    return Difference(1 - agreed.overlap, agreed.id_switches if any(labeled.object_id for labeled in objects) else None)


def frames_of_label(files: Files, label: SequenceLabel) -> Frames | None:
    """The labels in the file of a sequence of video frames; None if it is not one.

    :raises LabelingError: if the file can't be read, or is not such a file.
    """
    key = FRAME_KEYS.get(str((label.metadata or {}).get("type")).lower())
    if key is None:
        return None
    labeled = read_sequence_label(files.whole(label.uri, MAX_LABEL_BYTES), label.uri, key, label.class_names)
    return Frames((labeled.tool or BOX).name, labeled.frames)


def compare(first: Iterable[LabeledFrame], second: Iterable[LabeledFrame], tool: Tool) -> SequenceAgreement:
    """Compare two sets of labels of the same frames; frames that only one of them has count as empty in the other.

    :param tool: the tool with which both were drawn.
    """
    shapes, other_shapes = ({frame.name: frame.shapes for frame in frames} for frames in (first, second))
    comparison = comparison_of(tool, frame_size([*shapes.values(), *other_shapes.values()], tool))
    return agreement(shapes, other_shapes, lambda _: comparison)


def comparison_of(tool: Tool, size: tuple[int, int]) -> Comparison[Shape]:
    """How shapes that were drawn with a tool are compared.

    :param size: as :func:`frame_size` returns it.
    """
    # Paths and points are alike if they are near each other.
    margin = 0.0 if tool == BOX or tool.name == "Polygon" else _FAR * hypot(*size)
    return Comparison(
        lambda mine, theirs: likeness(mine, theirs, tool, size), _extent, margin=margin, effort=_EFFORT[tool.labels]
    )


def agreement(
    first: Mapping[Any, Sequence[Labeled]],
    second: Mapping[Any, Sequence[Labeled]],
    comparison: Callable[[Any], Comparison[Labeled]],
) -> SequenceAgreement:
    """Compare what two sets of labels have in the same frames.

    :param first: shapes by frame.
    :param comparison: how the shapes of a frame are compared.
    """
    total, matched, only_first, only_second, switches = 0.0, 0, 0, 0, 0
    partners: dict[str, str] = {}
    names = list({**first, **second})
    compared = _compared([(first.get(name, ()), second.get(name, ()), comparison(name)) for name in names])
    for place, pairs in sorted(compared.items()):
        own, theirs = first.get(names[place], ()), second.get(names[place], ())
        larger = max(len(own), len(theirs))
        total += sum(alike for alike, _, _ in pairs) / larger if larger else 1.0
        matched += len(pairs)
        only_first += len(own) - len(pairs)
        only_second += len(theirs) - len(pairs)
        for _, mine, partner in pairs:
            own_id, partner_id = own[mine].object_id, theirs[partner].object_id
            if own_id and partner_id:
                switches += partners.get(own_id, partner_id) != partner_id
                partners[own_id] = partner_id
    return SequenceAgreement(
        total / len(compared) if compared else 1.0, len(compared), matched, only_first, only_second, switches
    )


def _compared(
    frames: Sequence[tuple[Sequence[Labeled], Sequence[Labeled], Comparison[Labeled]]],
) -> dict[int, list[tuple[float, int, int]]]:
    """The pairs of shapes by the frame's position: in all frames, or in as many as the effort allows.

    Frames are taken in an order whose beginnings are always evenly spread.
    """
    matches, effort = dict[int, list[tuple[float, int, int]]](), 0.0
    digits = max(len(frames) - 1, 1).bit_length()
    for place in sorted(range(len(frames)), key=lambda place: f"{place:0{digits}b}"[::-1]):
        own, theirs, comparison = frames[place]
        near = _near(own, theirs, comparison)
        effort += _MEASURED * (len(own) + len(theirs)) + _EXAMINED * near.examined
        effort += comparison.effort * len(near.pairs)
        if matches and effort > MAX_EFFORT:
            break
        matches[place] = _matched(own, theirs, near.pairs, comparison)
    return matches


def match(
    first: Sequence[Shape], second: Sequence[Shape], tool: Tool, size: tuple[int, int]
) -> list[tuple[float, int, int]]:
    """Pairs of shapes of one frame with the same label, the most alike first: likeness, and the index of each.

    :param size: as :func:`frame_size` returns it.
    """
    return paired(first, second, comparison_of(tool, size))


def paired(
    first: Sequence[Labeled], second: Sequence[Labeled], comparison: Comparison[Labeled]
) -> list[tuple[float, int, int]]:
    """As :func:`match`, for shapes of any kind."""
    return _matched(first, second, _near(first, second, comparison).pairs, comparison)


def _near(first: Sequence[Labeled], second: Sequence[Labeled], comparison: Comparison[Labeled]) -> Near:
    own, theirs = ([comparison.extent(shape) for shape in shapes] for shapes in (first, second))
    return near_pairs(own, theirs, comparison.margin)


def _matched(
    first: Sequence[Labeled],
    second: Sequence[Labeled],
    near: Iterable[tuple[int, int]],
    comparison: Comparison[Labeled],
) -> list[tuple[float, int, int]]:
    candidates = [
        (alike, own, other)
        for own, other in near
        if (alike := comparison.alike(first[own], second[other])) >= comparison.min_likeness
    ]
    pairs, paired = [], (set[int](), set[int]())
    for alike, own, other in sorted(candidates, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if own not in paired[0] and other not in paired[1]:
            pairs.append((alike, own, other))
            paired[0].add(own)
            paired[1].add(other)
    return pairs


def _extent(shape: Shape) -> Extent:
    given = shape.geometry
    if "left" in given:
        low, high = (given["left"], given["top"]), (given["left"] + given["width"], given["top"] + given["height"])
        return Extent(shape.label, low, high)
    points = given.get("vertices", [given])
    across, down = ([point[axis] for point in points] for axis in "xy")
    return Extent(shape.label, (min(across), min(down)), (max(across), max(down)))


def likeness(first: Shape, second: Shape, tool: Tool, size: tuple[int, int]) -> float:
    """How alike two shapes are, 0 to 1. See :mod:`~labeling_provider.quality.shapes` for those that are not boxes."""
    if tool == BOX:
        return box_overlap(_sides(first), _sides(second))
    from labeling_provider.quality import shapes

    return float(shapes.LIKENESS[tool.labels](_points(first), _points(second), size))


def frame_size(frames: Iterable[Sequence[Shape]], tool: Tool) -> tuple[int, int]:
    """A width and height in pixels that no shape exceeds: the labels do not contain the frames' own."""
    across, down = _FRAME
    if tool != BOX:
        for shape in (shape for shapes in frames for shape in shapes):
            points = shape.geometry.get("vertices", [shape.geometry])
            across = max(across, *(int(point["x"]) + 1 for point in points))
            down = max(down, *(int(point["y"]) + 1 for point in points))
    return across, down


def _points(shape: Shape) -> Points:
    import numpy as np

    return np.array(
        [(point["x"], point["y"]) for point in shape.geometry.get("vertices", [shape.geometry])], dtype=float
    )


def _sides(box: Shape) -> Sides:
    given = box.geometry
    return given["left"], given["top"], given["width"], given["height"]
