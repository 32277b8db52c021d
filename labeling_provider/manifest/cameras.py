"""Projects points of the world into the pictures of a sequence's cameras.

Sources: developer guide, "Understand Coordinate Systems and Sensor Fusion", which refers to OpenCV for distortion;
OpenCV, "Camera Calibration and 3D Reconstruction" and "Fisheye camera model".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from labeling_provider.manifest.cuboids import LabeledCuboid, Vector, inverse, minus, turn
from labeling_provider.manifest.point_sequences import CameraImage

NEAR: Final = 0.1
"""Distance in meters from which a point counts as in front of a camera."""
_STEP: Final = 1e-4
_EDGES: Final = tuple(
    (first, second) for first in range(8) for second in range(first + 1, 8) if (first ^ second).bit_count() == 1
)
"""The edges of a cuboid, as pairs of indexes of its corners."""
_PARTS: Final = 8
"""How many straight parts an edge is drawn in, because lenses bend it."""

Pixel = tuple[float, float]


def projected(image: CameraImage, point: Vector) -> Pixel | None:
    """Where a picture shows a point of the world, in pixels from the top left corner, possibly outside the picture.

    As in OpenCV, ``k4`` of a pinhole camera belongs to the denominator of its distortion.

    :return: None if the point is behind the camera, or so far aside that the lens's model does not hold.
    """
    x, y, z = turn(inverse(image.pose.heading), minus(point, image.pose.position))
    if z < NEAR:
        return None
    across, down = x / z, y / z
    radius = math.hypot(across, down)
    # Beyond the radius where a model turns back, it would show two points at the same pixel.
    if _bent(image, radius + _STEP) <= _bent(image, radius):
        return None
    factor = _bent(image, radius) / radius if radius else 1.0
    p1, p2 = image.tangential
    sideways = (
        2 * p1 * across * down + p2 * (radius**2 + 2 * across**2),
        2 * p2 * across * down + p1 * (radius**2 + 2 * down**2),
    )
    bent = across * factor + sideways[0], down * factor + sideways[1]
    (fx, fy), (cx, cy) = image.focal, image.center
    return fx * bent[0] + image.skew * bent[1] + cx, fy * bent[1] + cy


def _bent(image: CameraImage, radius: float) -> float:
    """How far from the center a lens shows a point, by the point's distance from the axis at 1 m."""
    k1, k2, k3, k4 = image.radial
    if image.model == "fisheye":
        angle = math.atan(radius)
        square = angle**2
        return angle * (1 + square * (k1 + square * (k2 + square * (k3 + square * k4))))
    square = radius**2
    denominator = 1 + k4 * square
    return radius * (1 + square * (k1 + square * (k2 + square * k3))) / denominator if denominator > 0 else 0.0


def edges(image: CameraImage, cuboid: LabeledCuboid) -> list[list[Pixel]]:
    """The edges of a cuboid in a picture: lines of points, without what the camera does not see."""
    corners, lines = cuboid.corners, list[list[Pixel]]()
    for start, end in _EDGES:
        line: list[Pixel] = []
        for part in range(_PARTS + 1):
            pixel = projected(image, _between(corners[start], corners[end], part / _PARTS))
            if pixel is not None:
                line.append(pixel)
            elif line:
                lines.append(line)
                line = []
        lines.append(line)
    return [line for line in lines if len(line) > 1]


def _between(first: Sequence[float], second: Sequence[float], share: float) -> Vector:
    x, y, z = (start + (end - start) * share for start, end in zip(first, second, strict=True))
    return x, y, z
