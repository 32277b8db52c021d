"""A mask from the four extreme points of a thing, without a model: the leftmost, topmost, rightmost and lowest.

The gradient of the picture is flooded from two sides: from the middle of the points, and from outside of their box. The
border is near where the floods meet, which is where the picture changes most. Each pixel there then goes to the side
whose pixels near it have more of its color.
Source of the flood: scipy's ``watershed_ift`` (Felkel, Wegenkittl, Bruckschwaiger, 2001).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from labeling_provider.manifest.rasters import covered

_MAX_SIDE: Final = 512
"""Longest side of the flooded part, in pixels; a larger part is scaled down."""
_MARGIN: Final = 0.1
"""Margin around the box that is flooded as well, as a share of its sides."""
_MIDDLE: Final = 0.5
"""How far from its middle the flood of the thing begins, as a share of the way to the extreme points."""
_INSIDE, _OUTSIDE = 2, 4
"""How far the border may be from where the floods meet, in pixels of the flooded part."""
_NEAR: Final = 9
"""Width of the square in which pixels count as near, in the same pixels."""
_ROUNDS: Final = 3


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
    part.thumbnail((_MAX_SIDE, _MAX_SIDE))
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
    # A thin thing may contain no pixel center in its middle.
    markers[tuple(np.clip(center[::-1].astype(int), 0, np.array(ground.shape) - 1))] = 1
    flooded = _by_color(ndimage.watershed_ift(ground, markers) == 1, channels, markers)
    mask = np.zeros((picture.height, picture.width), dtype=np.bool_)
    down = np.minimum((np.arange(bottom - top) + 0.5) * scale[1], ground.shape[0] - 1).astype(int)
    across = np.minimum((np.arange(right - left) + 0.5) * scale[0], ground.shape[1] - 1).astype(int)
    mask[top:bottom, left:right] = ndimage.binary_fill_holes(flooded)[np.ix_(down, across)]
    return mask


def _by_color(
    inside: npt.NDArray[np.bool_], channels: npt.NDArray[np.float32], markers: npt.NDArray[np.int16]
) -> npt.NDArray[np.bool_]:
    """The pixels of a thing after those along its border have gone to the side that is more like them.

    :param inside: its pixels so far, an array of height × width.
    :param channels: the picture, height × width × 3.
    :param markers: 1 for what is known to be inside, 2 for what is known to be outside.
    """
    colors = np.stack([ndimage.gaussian_filter(channels[..., at], 0.7) for at in range(3)], axis=-1)
    for _ in range(_ROUNDS):
        core = ndimage.binary_erosion(inside, iterations=_INSIDE, border_value=1) | (markers == 1)
        beyond = ~ndimage.binary_dilation(inside, iterations=_OUTSIDE) | (markers == 2)
        to_core, to_beyond = (_unlikeness(colors, channels, part) for part in (core, beyond))
        inside = core | (~beyond & (to_core < to_beyond))
    return inside


def _unlikeness(
    colors: npt.NDArray[np.float32], channels: npt.NDArray[np.float32], part: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """How far each pixel's color is from the mean of a part's pixels near it, squared; infinite if there are none."""
    share = ndimage.uniform_filter(part.astype(np.float32), _NEAR, mode="nearest")
    means = [ndimage.uniform_filter(channels[..., at] * part, _NEAR, mode="nearest") for at in range(3)]
    # A single pixel of the square has this share; anything below is rounding.
    near = share > 0.5 / _NEAR**2
    far = ((colors - np.stack(means, axis=-1) / np.maximum(share, 1e-6)[..., None]) ** 2).sum(axis=-1)
    return np.where(near, far, np.float32(np.inf)).astype(np.float32)
