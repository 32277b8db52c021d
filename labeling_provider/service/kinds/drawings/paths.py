"""Polygons, polylines, lines and keypoints: reads them from workers' answers, and consolidates those of one object.

Shapes are matched by overlap (polygons) or distance (all others). Those that at least half of the workers drew are
kept: the median of the matched shapes, with the label that most of them have.
Answers: developer guide, "Crowd HTML elements reference".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from labeling_provider.quality import geometry, shapes
from labeling_provider.quality.geometry import Points
from labeling_provider.service.kinds.kind import AnswerError, shown
from labeling_provider.service.kinds.matching import Pair, Place, groups, of_half, voted

MAX_SHAPES: Final = 1_000
"""Most shapes in one answer."""
MAX_POINTS: Final = 2_000
"""Most points of one shape."""
MAX_ALL_POINTS: Final = 20_000
"""Most points in one answer."""
MAX_SIDE: Final = 1_000_000
"""Longest side of a picture, in pixels."""
MAX_PAIRS: Final = 10_000
"""Most pairs of shapes that are compared for one object; the nearest ones if there are more."""
_CANDIDATES: Final = 4
_OVERLAP: Final = 0.5


class DrawnShape(NamedTuple):
    """A shape.

    :param label: the position of its label among the job's.
    """

    label: int
    points: Points


class Drawing(NamedTuple):
    """What one worker drew.

    :param size: width and height of the picture, in pixels.
    """

    size: tuple[int, int]
    shapes: list[DrawnShape]


class AgreedShape(NamedTuple):
    """A shape that workers agree on.

    :param confidence: 0 to 1.
    """

    shape: DrawnShape
    confidence: float


class Paths(ABC):
    """One kind of shape.

    :param name: the key of the list of shapes, in answers and in labels.
    :param min_points: the fewest points of a shape.
    :param max_points: the most points of a shape.
    """

    name: str
    min_points = 1
    max_points = MAX_POINTS

    # What each kind defines

    @abstractmethod
    def common(self, members: Sequence[Points], base: int) -> Points:
        """The shape in the middle of several.

        :param base: the position of the one that is most like the others.
        """

    # What all kinds share

    def similarity(self, first: Points, second: Points, size: tuple[int, int]) -> float:
        """How similar two shapes are, 0 to 1; 0 if they can't stand for the same thing.

        :param size: width and height of the picture, in pixels.
        """
        return shapes.LIKENESS[self.name](first, second, size)

    def read(self, content: Mapping[str, Any], labels: Mapping[str, int]) -> Drawing:
        """Parse a worker's answer.

        :param content: what the form submitted.
        :param labels: the position of each of the job's labels.
        :raises AnswerError: if it is malformed, too large, or has an unknown label.
        """
        where, form = element(content, self.name)
        if len(form[self.name]) > MAX_SHAPES:
            raise AnswerError(f"{where}.{self.name} has more than {MAX_SHAPES:,} {self.name}.")
        size = picture_size(where, form)
        shapes, count = [], 0
        for number, given in enumerate(form[self.name]):
            place = f"{where}.{self.name}[{number}]"
            if not isinstance(given, dict):
                raise AnswerError(f"{place} is not a JSON object.")
            label = known_label(given.get("label"), labels, place)
            points = [_point(point, size, f"{place}{key}") for key, point in self._points(given, place)]
            count += len(points)
            if count > MAX_ALL_POINTS:
                raise AnswerError(f"{where}.{self.name} has more than {MAX_ALL_POINTS:,} points.")
            shapes.append(DrawnShape(label, np.array(points, dtype=np.float64)))
        return Drawing(size, shapes)

    def _points(self, given: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any]]:
        """The points of a shape, each with its key."""
        points = given.get("vertices")
        low, high = self.min_points, self.max_points
        if not isinstance(points, list) or not low <= len(points) <= high:
            allowed = f"{low}" if low == high else f"{low} to {high:,}"
            raise AnswerError(f"{place}.vertices is not a list of {allowed} points.")
        return ((f".vertices[{number}]", point) for number, point in enumerate(points))

    def annotation(self, points: Points) -> dict[str, Any]:
        """The keys of a label's annotation that say where a shape is."""
        return {"vertices": [{"x": x, "y": y} for x, y in points.round(2).tolist()]}

    def consolidate(self, drawings: Sequence[Drawing]) -> list[AgreedShape]:
        """The shapes that the workers agree on.

        :param drawings: what each worker drew, on the same picture.
        """
        size = drawings[0].size
        if len(drawings) == 1:
            return [AgreedShape(shape, 1.0) for shape in drawings[0].shapes]
        similarities = {pair[1:]: pair.similarity for pair in self._pairs(drawings)}
        labels = [[shape.label for shape in drawing.shapes] for drawing in drawings]
        pairs = (Pair(similarity, *places) for places, similarity in similarities.items())
        result = []
        for members in of_half(groups(labels, pairs), len(drawings)):
            own = [drawings[place.worker].shapes[place.shape].points for place in members]
            likeness = [
                sum(
                    similarities.get((min(place, other), max(place, other)), 0.0) for other in members if other != place
                )
                for place in members
            ]
            points = self.common(own, int(np.argmax(likeness))) if len(own) > 1 else own[0]
            label, named = voted(labels, members)
            agreement = sum(self.similarity(shape, points, size) for shape in own) / len(own)
            share = len(members) / len(drawings)
            result.append((members[0], AgreedShape(DrawnShape(label, points), share * agreement * named)))
        return [common for _, common in sorted(result, key=lambda pair: pair[0])]

    def _pairs(self, drawings: Sequence[Drawing]) -> Iterator[Pair]:
        """The pairs of shapes of different workers that are similar enough."""
        size = drawings[0].size
        for places in _near(drawings):
            first, second = (drawings[place.worker].shapes[place.shape].points for place in places)
            similarity = self.similarity(first, second, size)
            if similarity > 0:
                yield Pair(similarity, *places)


class Polygons(Paths):
    """Outlines; the same if they overlap by half."""

    name, min_points = "polygons", 3

    def similarity(self, first: Points, second: Points, size: tuple[int, int]) -> float:
        return shapes.polygons(first, second, size, _OVERLAP)

    def common(self, members: Sequence[Points], base: int) -> Points:
        return geometry.middle(members, base, closed=True)


class Polylines(Paths):
    """Paths; the same if their mean distance is small."""

    name, min_points = "polylines", 2

    def common(self, members: Sequence[Points], base: int) -> Points:
        return geometry.middle(_directed(members, base), base, closed=False)


class Lines(Paths):
    """Two points; the same if the ends are near each other, whichever was drawn first."""

    name, min_points, max_points = "lines", 2, 2

    def common(self, members: Sequence[Points], base: int) -> Points:
        middle: Points = np.median(_directed(members, base), axis=0)
        return middle


class Keypoints(Paths):
    """Points; the same if they are near each other."""

    name = "keypoints"

    def _points(self, given: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any]]:
        return iter([("", given)])

    def annotation(self, points: Points) -> dict[str, Any]:
        x, y = points[0].round(2).tolist()
        return {"x": x, "y": y}

    def common(self, members: Sequence[Points], base: int) -> Points:
        middle: Points = np.median(members, axis=0)
        return middle


PATHS: Final[dict[str, Paths]] = {kind.name: kind for kind in (Polygons(), Polylines(), Lines(), Keypoints())}
"""Each kind of shape by its name."""


def element(content: Mapping[str, Any], key: str) -> tuple[str, dict[str, Any]]:
    """The form's element with a list under this key: its name and its value.

    :raises AnswerError: if none has it, or several.
    """
    elements = [
        (name, form) for name, form in content.items() if isinstance(form, dict) and isinstance(form.get(key), list)
    ]
    if len(elements) != 1:
        raise AnswerError(f"{len(elements)} elements of the answer have a list of {key}; there must be one.")
    return elements[0]


def known_label(label: Any, labels: Mapping[str, int], place: str) -> int:
    """The position of a label that a worker chose.

    :raises AnswerError: if the job has no such label.
    """
    position = labels.get(label) if isinstance(label, str) else None
    if position is None:
        raise AnswerError(f"{place}.label is {shown(label)}, which is not one of the job's labels.")
    return position


def picture_size(where: str, form: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height of the picture according to an answer, in pixels.

    :raises AnswerError: if the answer does not say, or the size is out of range.
    """
    given = form.get("inputImageProperties")
    sides = [given.get(side) for side in ("width", "height")] if isinstance(given, dict) else [None]
    if not all(type(side) is int and 1 <= side <= MAX_SIDE for side in sides):
        raise AnswerError(f"{where}.inputImageProperties needs a width and a height of 1 to {MAX_SIDE:,} pixels.")
    return sides[0], sides[1]  # type: ignore[return-value]


def _point(point: Any, size: tuple[int, int], place: str) -> list[float]:
    """The coordinates of a point. Up to a picture's side beyond the edge is allowed, as for boxes.

    :raises AnswerError: if it is not a point, or too far outside.
    """
    coordinates = []
    for axis, side in zip("xy", size, strict=True):
        value = point.get(axis) if isinstance(point, dict) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise AnswerError(f"{place}.{axis} is not a number of pixels.")
        # NaN fails this test too, and whole numbers may have more digits than a float can hold.
        if not -side <= value <= 2 * side:
            raise AnswerError(f"{place}.{axis} is outside the picture of {size[0]:,} × {size[1]:,} pixels.")
        coordinates.append(float(value))
    return coordinates


def _directed(members: Sequence[Points], base: int) -> list[Points]:
    """The paths, all in the direction that most of them have."""
    first = members[base]
    ends = first[[0, -1]]

    def turned(path: Points) -> bool:
        own = path[[0, -1]]
        return bool(((own - ends) ** 2).sum() > ((own[::-1] - ends) ** 2).sum())

    is_turned = [turned(path) for path in members]
    majority = 2 * sum(is_turned) > len(members)
    return [path[::-1] if flag != majority else path for path, flag in zip(members, is_turned, strict=True)]


def _near(drawings: Sequence[Drawing]) -> list[tuple[Place, Place]]:
    """The pairs of shapes of different workers that are worth comparing: for each shape the few with the most similar
    bounding boxes."""
    boxes = [
        np.array([[*shape.points.min(axis=0), *shape.points.max(axis=0)] for shape in drawing.shapes])
        for drawing in drawings
    ]
    distances: dict[tuple[Place, Place], float] = {}
    for worker in range(len(drawings)):
        for another in range(worker + 1, len(drawings)):
            if not len(boxes[worker]) or not len(boxes[another]):
                continue
            apart = np.abs(boxes[worker][:, None] - boxes[another]).sum(axis=2)
            few = min(_CANDIDATES, *apart.shape)
            is_near = np.zeros(apart.shape, dtype=np.bool_)
            for axis in (0, 1):
                np.put_along_axis(is_near, np.argpartition(apart, few - 1, axis).take(range(few), axis), True, axis)
            for row, column in np.argwhere(is_near).tolist():
                distances[Place(worker, row), Place(another, column)] = float(apart[row, column])
    return sorted(distances, key=lambda places: (distances[places], places))[:MAX_PAIRS]
