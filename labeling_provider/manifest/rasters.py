"""Outlines and masks: which pixels an outline encloses, what of it is in the picture, and the outlines of a mask.

Outlines are arrays of n × 2: x and y, in pixels from the top left corner. A pixel's center is half a pixel from its
corner. Masks are arrays of height × width.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Points = npt.NDArray[np.float64]
    Cells = npt.NDArray[np.bool_]
    Numbers = npt.NDArray[np.uint16]
    """Height × width: 0 for nothing, n for the n-th instance or class."""

MAX_EDGES: Final = 500_000
"""Longest border of a mask that is traced, in pixels."""
_ROWS_AT_ONCE: Final = 256


def covered(outline: Points, corner: Any, cell: Any, columns: int, rows: int) -> Cells:
    """The cells of a grid whose centers an outline encloses, by the even-odd rule.

    :param corner: x and y of the grid's top left corner.
    :param cell: width and height of a cell.
    :return: an array of rows × columns.
    """
    import numpy as np

    ends = (np.roll(outline, -1, axis=0) - corner) / cell - 0.5
    starts = (outline - corner) / cell - 0.5
    lowest, highest = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    first = np.clip(np.ceil(lowest), 0, rows).astype(np.int64)
    crossed = np.clip(np.ceil(highest), 0, rows).astype(np.int64) - first
    edge = np.repeat(np.arange(len(outline)), crossed)
    row = np.arange(crossed.sum()) - np.repeat(np.cumsum(crossed) - crossed, crossed) + first[edge]
    along = (row - starts[edge, 1]) / (ends[edge, 1] - starts[edge, 1])
    across = starts[edge, 0] + along * (ends[edge, 0] - starts[edge, 0])
    column = np.clip(np.ceil(across), 0, columns).astype(np.int64)
    crossings = np.bincount(row * (columns + 1) + column, minlength=rows * (columns + 1))
    return np.asarray(np.cumsum(crossings.reshape(rows, columns + 1), axis=1)[:, :columns] & 1, dtype=np.bool_)


def area(outline: Points) -> float:
    """The area of an outline, in square pixels."""
    import numpy as np

    # Far from the origin, products of coordinates would be less exact.
    near = outline - outline[0]
    following = np.roll(near, -1, axis=0)
    return abs(float(np.sum(near[:, 0] * following[:, 1] - following[:, 0] * near[:, 1]))) / 2


def inside(outline: Points, width: float, height: float) -> Points:
    """The part of an outline inside the picture; empty if there is none (Sutherland and Hodgman)."""
    import numpy as np

    for axis, limit, sign in ((0, 0.0, 1), (0, width, -1), (1, 0.0, 1), (1, height, -1)):
        depth = sign * (outline[:, axis] - limit)
        if (depth >= 0).all():
            continue
        corners = []
        for number, (point, own) in enumerate(zip(outline, depth, strict=True)):
            before, other = outline[number - 1], depth[number - 1]
            if (own >= 0) != (other >= 0):
                crossing = before + (point - before) * (other / (other - own))
                crossing[axis] = limit
                corners.append(crossing)
            if own >= 0:
                corners.append(point)
        outline = np.array(corners).reshape(-1, 2)
        if not len(outline):
            break
    return outline


def outlines(mask: Cells) -> list[Points]:
    """The outlines of a mask along the edges of its pixels: clockwise for its parts, the other way for holes in them.

    Pixels that touch only at a corner are different parts.

    :raises ValueError: if the border is longer than :data:`MAX_EDGES`.
    """
    import numpy as np

    padded = np.pad(mask.astype(np.int8), 1)
    down, across = np.diff(padded, axis=0)[:, 1:-1], np.diff(padded, axis=1)[1:-1]
    if int(np.count_nonzero(down) + np.count_nonzero(across)) > MAX_EDGES:
        raise ValueError(f"its border is longer than {MAX_EDGES:,} pixels")
    ways: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    # The mask is on the right hand of each step.
    for steps, value, start, end in (
        (down, 1, (0, 0), (1, 0)),
        (down, -1, (1, 0), (0, 0)),
        (across, 1, (0, 1), (0, 0)),
        (across, -1, (0, 0), (0, 1)),
    ):
        for y, x in np.argwhere(steps == value).tolist():
            ways[x + start[0], y + start[1]].append((x + end[0], y + end[1]))
    borders = []
    while ways:
        first = at = next(iter(ways))
        step = (0, 0)
        corners: list[tuple[int, int]] = []
        while at != first or not corners:
            ends = ways[at]
            # Where two parts touch, the turn to the right stays with the same part.
            right = (at[0] - step[1], at[1] + step[0])
            end = right if right in ends else ends[0]
            ends.remove(end)
            if not ends:
                del ways[at]
            before, step = step, (end[0] - at[0], end[1] - at[1])
            if step != before or not corners:
                corners.append(at)
            at = end
        borders.append(np.array(corners, dtype=np.float64))
    return borders


def joined(parts: list[Points]) -> Points:
    """One outline that encloses what several outlines enclose, connected by lines there and back."""
    import numpy as np

    whole = parts[0]
    for part in parts[1:]:
        # A line from the point nearest to the part's first one is short.
        nearest = int(((whole - part[0]) ** 2).sum(axis=1).argmin())
        shift = int(((part - whole[nearest]) ** 2).sum(axis=1).argmin())
        turned = np.roll(part, -shift, axis=0)
        whole = np.concatenate([whole[: nearest + 1], turned, turned[:1], whole[nearest:]])
    return whole


def runs(mask: Cells, left: int, top: int, width: int, height: int) -> list[int]:
    """The lengths of a mask's runs, column by column, beginning with a run of pixels outside it, as in COCO.

    :param mask: the part of the mask that has all of its pixels.
    :param left: where this part is.
    :param top: where this part is.
    :param width: width of the whole picture.
    :param height: height of the whole picture.
    """
    import numpy as np

    changes = np.diff(np.pad(mask.T.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    starts, ends = (
        ((columns + left) * height + rows + top) for columns, rows in (np.nonzero(changes == step) for step in (1, -1))
    )
    # A run at the bottom of a column continues at the top of the next one.
    apart = np.concatenate([[True], starts[1:] != ends[:-1]]) if len(starts) else np.zeros(0, dtype=np.bool_)
    starts, ends = starts[apart], ends[np.roll(apart, -1)]
    borders = np.stack([starts, ends], axis=1).ravel()
    lengths: list[int] = np.diff(np.concatenate([[0], borders, [width * height]])).tolist()
    # COCO's library writes no empty run at the end.
    return lengths if lengths[-1] else lengths[:-1]


def run_text(lengths: list[int]) -> str:
    """Lengths of runs as the string that COCO's library stores.

    Each length, from the fourth on its difference from the last but one, is written in groups of five bits, the lowest
    first: the sixth bit says that more follow, the fifth of the last one is the sign, and 48 makes it a letter.
    """
    letters = bytearray()
    for number, length in enumerate(lengths):
        rest = length - lengths[number - 2] if number > 2 else length
        while True:
            group, rest = rest & 31, rest >> 5
            is_last = rest == (-1 if group & 16 else 0)
            letters.append((group if is_last else group | 32) + 48)
            if is_last:
                break
    return letters.decode()


def blocks(rows: int) -> Iterator[slice]:
    """Parts of a picture that are small enough to be copied."""
    return (slice(top, top + _ROWS_AT_ONCE) for top in range(0, rows, _ROWS_AT_ONCE))


def overlaps(first: Numbers, second: Numbers, areas: Any, other_areas: Any) -> npt.NDArray[np.float64]:
    """The Jaccard index of each instance in one picture with each in another: an array of n × m.

    :param areas: the number of pixels of each instance in the first picture, after that of the background.
    :param other_areas: the same for the second picture.
    """
    import numpy as np

    width = len(other_areas)
    shared = np.zeros(len(areas) * width, dtype=np.int64)
    for rows in blocks(len(first)):
        shared += np.bincount((first[rows].astype(np.int64) * width + second[rows]).ravel(), minlength=len(shared))
    table = shared.reshape(len(areas), width)[1:, 1:]
    joint = areas[1:, None] + other_areas[None, 1:] - table
    indices: npt.NDArray[np.float64] = np.divide(table, joint, out=np.zeros(table.shape), where=joint > 0)
    return indices
