"""How alike two shapes of one kind are, 0 to 1: polygons by overlap, all others by distance.

The service uses the same for consolidation. Points are arrays of n × 2: x and y, in pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from labeling_provider.manifest.rasters import area
from labeling_provider.quality import geometry
from labeling_provider.quality.geometry import Points

Size = tuple[int, int]
"""Width and height of a picture, in pixels."""

MIN_PIXELS: Final = 3.0
"""Distance at which shapes may still be the same, however small the picture."""
MAX_PICTURE_SHARE: Final = 0.05
"""Shapes farther apart than this share of the picture's diagonal are not the same."""


def polygons(first: Points, second: Points, size: Size, min_overlap: float = 0.0) -> float:
    """The Jaccard index of two outlines.

    :param min_overlap: a lower index counts as 0 and need not be computed.
    """
    areas = sorted([area(first), area(second)])
    # Two outlines share at most what their bounding boxes share, and at most the smaller area.
    sides = np.minimum(first.max(axis=0), second.max(axis=0)) - np.maximum(first.min(axis=0), second.min(axis=0))
    max_shared = min(float(np.prod(np.maximum(sides, 0))), areas[0])
    if not max_shared or max_shared < min_overlap * areas[1]:
        return 0.0
    index = geometry.overlap(first, second)
    return index if index >= min_overlap else 0.0


def polylines(first: Points, second: Points, size: Size) -> float:
    """How small the mean distance of two paths is."""
    longest = max(geometry.length(first), geometry.length(second))
    limit = max(min(0.03 * float(np.hypot(*size)), 0.25 * longest), MIN_PIXELS)
    gap = np.maximum(first.min(axis=0), second.min(axis=0)) - np.minimum(first.max(axis=0), second.max(axis=0))
    if gap.max() >= limit:
        return 0.0
    return max(1 - geometry.distance(first, second) / limit, 0.0)


def lines(first: Points, second: Points, size: Size) -> float:
    """How near the ends of two lines are, whichever was drawn first."""
    longest = max(geometry.length(first), geometry.length(second))
    limit = max(min(MAX_PICTURE_SHARE * float(np.hypot(*size)), 0.25 * longest), MIN_PIXELS)
    apart = min(float(np.hypot(*(first - ends).T).mean()) for ends in (second, second[::-1]))
    return max(1 - apart / limit, 0.0)


def keypoints(first: Points, second: Points, size: Size) -> float:
    """How near two points are."""
    limit = max(0.03 * float(np.hypot(*size)), MIN_PIXELS)
    return max(1 - float(np.hypot(*(first[0] - second[0]))) / limit, 0.0)


LIKENESS: Final[dict[str, Callable[[Points, Points, Size], float]]] = {
    "polygons": polygons,
    "polylines": polylines,
    "lines": lines,
    "keypoints": keypoints,
}
"""How alike two shapes are, by their kind."""
