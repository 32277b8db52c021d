"""One segmentation mask out of several workers' masks: a vote per pixel, smoothed with its neighbours.

Source: developer guide, "Annotation consolidation": every pixel is a multi-class vote that takes its neighbours in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# Votes that are in memory at a time: a large picture with many classes has more than a machine can hold.
_VOTES_AT_ONCE = 8_000_000

Mask = npt.NDArray[np.uint8]


def consolidate_masks(masks: Sequence[Mask], class_count: int) -> tuple[Mask, float]:
    """The mask that the workers agree on.

    :param masks: per worker an array of height × width holding class numbers, 0 for background.
    :param class_count: number of classes, background included.
    :return: the mask, and the mean share of workers that chose a pixel's class.
    """
    height, width = masks[0].shape
    chosen, support = np.empty((height, width), dtype=np.uint8), 0.0
    rows = max(_VOTES_AT_ONCE // max(width * class_count, 1), 1)
    for top in range(0, height, rows):
        # One more row on either side, for the neighbours.
        first, end = max(top - 1, 0), min(top + rows, height)
        stack = np.stack([mask[first : end + 1] for mask in masks])
        votes: npt.NDArray[Any] = np.stack([(stack == one).sum(axis=0, dtype=np.float32) for one in range(class_count)])
        leaning = 0.25 * _neighbours(votes) if len(masks) > 1 else 0.0
        own = slice(top - first, end - first)
        chosen[top:end] = (votes + leaning).argmax(axis=0)[own]
        support += float(np.take_along_axis(votes[:, own], chosen[None, top:end].astype(np.intp), axis=0).sum())
    return chosen, support / len(masks) / max(height * width, 1)


def _neighbours(votes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Mean of the four neighbours' votes; at the edge a pixel is its own neighbour."""
    padded = np.pad(votes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    result: npt.NDArray[Any] = around / 4
    return result
