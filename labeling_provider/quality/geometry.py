"""Outlines and paths: how much they overlap, how far apart they are, and what lies in the middle of several.

Points are arrays of n × 2: x and y, in pixels from the top left corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from labeling_provider.manifest.rasters import covered

Points = npt.NDArray[np.float64]

_CELLS: Final = 64
_PARTS: Final = 64
_PARTS_SEARCHED: Final = 256
_TINY: Final = 1e-9


def overlap(first: Points, second: Points) -> float:
    """The Jaccard index of what two outlines enclose, 0 to 1, to about one percent."""
    both = np.concatenate([first, second])
    corner = both.min(axis=0)
    cell = np.maximum(both.max(axis=0) - corner, _TINY) / _CELLS
    first_cells, second_cells = (covered(outline, corner, cell, _CELLS, _CELLS) for outline in (first, second))
    union = int((first_cells | second_cells).sum())
    return int((first_cells & second_cells).sum()) / union if union else 0.0


def length(path: Points) -> float:
    """The length of an open path, in pixels."""
    return float(np.hypot(*np.diff(path, axis=0).T).sum())


def distance(first: Points, second: Points) -> float:
    """How far apart two open paths are, in pixels: the mean distance from the points of one to the other, or the other
    way round if that is more."""
    forth, back = (
        float(np.hypot(*(_nearest(dense, other, closed=False) - dense).T).mean())
        for dense, other in (
            (_dense(first, _PARTS, closed=False), second),
            (_dense(second, _PARTS, closed=False), first),
        )
    )
    return max(forth, back)


def middle(paths: Sequence[Points], base: int, *, closed: bool) -> Points:
    """A path in the middle of several: at each place the median of the paths' nearest points.

    It is simplified to within a pixel, less in small pictures.

    :param base: the position of the path to begin with, the one that is most like the others.
    :param closed: whether the paths are outlines; if not, all must have the same direction.
    """
    start = _dense(paths[base], _PARTS, closed=closed)
    near = np.median([_nearest(start, path, closed=closed) for path in paths], axis=0)
    if not closed:
        # The nearest point to a path's end is rarely the end of another one.
        for end in (0, -1):
            near[end] = np.median([path[end] for path in paths], axis=0)
    size = float(np.hypot(*np.ptp(near, axis=0)))
    return _simplified(near, min(1.0, size / 200), closed=closed)


def _dense(path: Points, parts: int, *, closed: bool) -> Points:
    """The path with points added on edges longer than a ``parts``-th of it."""
    ends = np.roll(path, -1, axis=0) if closed else path[1:]
    starts = path if closed else path[:-1]
    edges = np.hypot(*(ends - starts).T)
    pieces = np.maximum(np.ceil(edges / max(float(edges.sum()) / parts, _TINY)), 1).astype(np.int64)
    edge = np.repeat(np.arange(len(starts)), pieces)
    part = (np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[edge]
    dense = starts[edge] + part[:, None] * (ends - starts)[edge]
    return dense if closed else np.concatenate([dense, path[-1:]])


def _nearest(points: Points, path: Points, *, closed: bool) -> Points:
    """For each point the nearest one on a path, searched for beside the nearest of many points of the path."""
    from scipy.spatial import cKDTree

    dense = _dense(path, _PARTS_SEARCHED, closed=closed)
    at = cKDTree(dense).query(points)[1]
    best: Points = dense[at]
    nearest = ((best - points) ** 2).sum(axis=1)
    for step in (-1, 1):
        neighbor = (at + step) % len(dense) if closed else np.clip(at + step, 0, len(dense) - 1)
        edge = dense[neighbor] - dense[at]
        square = np.maximum((edge**2).sum(axis=1), _TINY)
        along = np.clip(((points - dense[at]) * edge).sum(axis=1) / square, 0, 1)
        candidate = dense[at] + along[:, None] * edge
        apart = ((candidate - points) ** 2).sum(axis=1)
        best = np.where((apart < nearest)[:, None], candidate, best)
        nearest = np.minimum(apart, nearest)
    return best


def _simplified(path: Points, tolerance: float, *, closed: bool) -> Points:
    """The path without points that lie within a tolerance of the simplified path (Douglas and Peucker).

    :param tolerance: largest deviation, in pixels.
    """
    if closed:
        # Begin at a point that is certainly a corner: the one farthest from the center.
        path = np.roll(path, -int(((path - path.mean(axis=0)) ** 2).sum(axis=1).argmax()), axis=0)
        path = np.concatenate([path, path[:1]])
    keep = np.zeros(len(path), dtype=np.bool_)
    keep[[0, -1]] = True
    pieces = [(0, len(path) - 1)]
    if closed:
        opposite = int(((path - path[0]) ** 2).sum(axis=1).argmax())
        keep[opposite] = True
        pieces = [(0, opposite), (opposite, len(path) - 1)]
    while pieces:
        first, last = pieces.pop()
        if last - first < 2:
            continue
        step, between = path[last] - path[first], path[first + 1 : last] - path[first]
        size = float(np.hypot(*step))
        off = np.abs(between[:, 0] * step[1] - between[:, 1] * step[0]) / size if size else np.hypot(*between.T)
        farthest = int(off.argmax())
        if off[farthest] > tolerance:
            keep[first + 1 + farthest] = True
            pieces += [(first, first + 1 + farthest), (first + 1 + farthest, last)]
    # The last point of an outline is its first.
    return path[:-1][keep[:-1]] if closed else path[keep]
