"""A mask from the four extreme points of a thing, without a model: the leftmost, topmost, rightmost and lowest.

The gradient of the picture is flooded from two sides: from the middle of the points, and from outside of their box. The
border is where the floods meet, which is where the picture changes most.
Source of the flood: scipy's ``watershed_ift`` (Felkel, Wegenkittl, Bruckschwaiger, 2001).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from labeling_provider.manifest.rasters import covered

_LONGEST: Final = 512
"""Longest side of what is flooded, in pixels; a larger part of a picture is scaled down."""
_MARGIN: Final = 0.1
"""How much of the picture around the box is looked at, as a share of its sides."""
_MIDDLE: Final = 0.5
"""How far the flood of the thing begins from its middle, as a share of the way to the extreme points."""


def mask_of(picture: Any, points: Any) -> npt.NDArray[np.bool_]:
    """The pixels of a thing.

    :param picture: a Pillow picture.
    :param points: four or more points of its border, an array of n × 2: x and y, in pixels.
    :return: an array of height × width.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.maximum((high - low) * _MARGIN, 3)
    left, top = np.floor(np.maximum(low - margin, 0)).astype(int).tolist()
    right, bottom = np.ceil(np.minimum(high + margin, picture.size)).astype(int).tolist()
    part = picture.convert("RGB").crop((left, top, right, bottom))
    full = part.size
    part.thumbnail((_LONGEST, _LONGEST))
    scale = np.array(part.size) / full
    own = (points - [left, top]) * scale
    channels = np.asarray(part, dtype=np.float32)
    steepness = np.max([ndimage.gaussian_gradient_magnitude(channels[..., at], 1.0) for at in range(3)], axis=0)
    ground = (steepness / max(float(steepness.max()), 1.0) * 255).astype(np.uint8)
    markers = np.zeros(ground.shape, dtype=np.int16)
    rows, columns = np.indices(ground.shape)
    (x0, y0), (x1, y1) = own.min(axis=0), own.max(axis=0)
    markers[(columns + 1 < x0) | (columns > x1) | (rows + 1 < y0) | (rows > y1)] = 2
    center = own.mean(axis=0)
    around = own[np.argsort(np.arctan2(own[:, 1] - center[1], own[:, 0] - center[0]))]
    middle = covered(center + (around - center) * _MIDDLE, np.zeros(2), np.ones(2), *part.size)
    markers[middle] = 1
    # A thin thing may have no pixel whose center is in its middle.
    markers[tuple(np.clip(center[::-1].astype(int), 0, np.array(ground.shape) - 1))] = 1
    flooded = ndimage.watershed_ift(ground, markers) == 1
    found = np.zeros((picture.height, picture.width), dtype=np.bool_)
    down = np.minimum((np.arange(bottom - top) + 0.5) * scale[1], ground.shape[0] - 1).astype(int)
    across = np.minimum((np.arange(right - left) + 0.5) * scale[0], ground.shape[1] - 1).astype(int)
    found[top:bottom, left:right] = ndimage.binary_fill_holes(flooded)[np.ix_(down, across)]
    return found
