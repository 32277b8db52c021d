"""Masks of single things: the form element ``crowd-instance-segmentation``.

Instances of different workers are matched by overlap. Those that at least half of the workers drew are kept. A pixel
belongs to the instance that the largest share of its workers gave it to, if that is more than half of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labeling_provider.manifest.rasters import blocks, overlaps
from labeling_provider.service.kinds.drawings.paths import MAX_SHAPES, element, known_label
from labeling_provider.service.kinds.kind import AnswerError, shown
from labeling_provider.service.kinds.masks import painted
from labeling_provider.service.kinds.matching import Pair, Place, groups, of_half, voted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.uint16]
    """Height × width: 0 for no instance, n for the n-th."""

_MATCH: Final = 0.5
_COLOR: Final = re.compile("#[0-9a-fA-F]{6}")
_PALETTE_SIZE: Final = 256


class Masks(NamedTuple):
    """What one worker drew.

    :param labels: for each instance, the position of its label among the job's.
    :param numbers: the instance of each pixel.
    """

    labels: list[int]
    numbers: Numbers

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, in pixels."""
        return self.numbers.shape[1], self.numbers.shape[0]


def read_masks(content: Mapping[str, Any], labels: Mapping[str, int]) -> Masks:
    """Parse a worker's answer. Pixels whose color no instance has belong to none.

    :param content: what the form submitted.
    :param labels: the position of each of the job's labels.
    :raises AnswerError: if it is malformed, too large, or has an unknown label.
    """
    import numpy as np

    where, form = element(content, "instances")
    if len(form["instances"]) > MAX_SHAPES:
        raise AnswerError(f"{where}.instances has more than {MAX_SHAPES:,} instances.")
    colors: dict[int, int] = {}
    own_labels = []
    for number, given in enumerate(form["instances"]):
        place = f"{where}.instances[{number}]"
        color = given.get("color") if isinstance(given, dict) else None
        if not isinstance(color, str) or not _COLOR.fullmatch(color):
            raise AnswerError(f'{place}.color is {shown(color)}; it must be one such as "#1f77b4".')
        if colors.setdefault(int(color[1:], 16), number + 1) != number + 1:
            raise AnswerError(f"{place}.color is {color}, which another instance has.")
        own_labels.append(known_label(given.get("label"), labels, place))
    pixels = painted(form, where)
    known = np.array(sorted(colors), dtype=np.uint32)
    number_of = np.array([colors[color] for color in known.tolist()], dtype=np.uint16)
    numbers = np.zeros(pixels.shape[:2], dtype=np.uint16)
    for rows in blocks(len(numbers)) if colors else ():
        red, green, blue = (pixels[rows, :, channel].astype(np.uint32) for channel in range(3))
        color_of = red << 16 | green << 8 | blue
        at = np.searchsorted(known, color_of).clip(max=len(known) - 1)
        numbers[rows] = np.where(known[at] == color_of, number_of[at], 0)
    return Masks(own_labels, numbers)


def consolidate_masks(masks: Sequence[Masks]) -> tuple[Masks, list[float]]:
    """The instances that the workers agree on, each with a confidence of 0 to 1.

    :param masks: what each worker drew, on the same picture.
    """
    import numpy as np

    areas = [np.bincount(mask.numbers.ravel(), minlength=len(mask.labels) + 1) for mask in masks]
    likeness = {
        (first, second): overlaps(masks[first].numbers, masks[second].numbers, areas[first], areas[second])
        for first in range(len(masks))
        for second in range(first + 1, len(masks))
    }
    pairs = (
        Pair(float(table[row, column]), Place(first, row), Place(second, column))
        for (first, second), table in likeness.items()
        for row, column in np.argwhere(table >= _MATCH).tolist()
    )
    labels = [mask.labels for mask in masks]
    # An instance without pixels does not count.
    drawn = [
        members
        for members in sorted(of_half(groups(labels, pairs), len(masks)))
        if all(areas[place.worker][place.shape + 1] for place in members)
    ]
    numbers = _vote(masks, drawn)
    left = np.bincount(numbers.ravel(), minlength=len(drawn) + 1)
    tables = [overlaps(mask.numbers, numbers, area, left) for mask, area in zip(masks, areas, strict=True)]
    chosen: list[int] = []
    confidences: list[float] = []
    number_of = np.zeros(len(drawn) + 1, dtype=np.uint16)
    for group, members in enumerate(drawn):
        if not left[group + 1]:
            continue
        label, named = voted(labels, members)
        agreement = sum(float(tables[place.worker][place.shape, group]) for place in members) / len(members)
        chosen.append(label)
        confidences.append(len(members) / len(masks) * agreement * named)
        number_of[group + 1] = len(chosen)
    return Masks(chosen, number_of[numbers]), confidences


def png_of(masks: Masks) -> bytes:
    """The instances as a PNG in which the n-th one has the pixel value n and the rest 0: with a palette, or with gray
    values of 16 bits if there are more than 255."""
    import numpy as np
    from PIL import Image

    picture = BytesIO()
    if len(masks.labels) < _PALETTE_SIZE:
        image = Image.fromarray(masks.numbers.astype(np.uint8))
        # Neighbors in number differ in color; no instance is as white as the background.
        shades = [(number * 2654435761) & 0xDFDFDF for number in range(1, _PALETTE_SIZE)]
        image.putpalette([255, 255, 255, *(value for shade in shades for value in shade.to_bytes(3))])
    else:
        image = Image.fromarray(masks.numbers)
    image.save(picture, "PNG")
    return picture.getvalue()


def _vote(masks: Sequence[Masks], drawn: Sequence[Sequence[Place]]) -> Numbers:
    """The group of each pixel, from 1; 0 for none.

    :param drawn: the groups.
    """
    import numpy as np

    group_of = [np.zeros(len(mask.labels) + 1, dtype=np.uint16) for mask in masks]
    sizes = np.ones(len(drawn) + 1, dtype=np.float32)
    for group, members in enumerate(drawn):
        sizes[group + 1] = len(members)
        for place in members:
            group_of[place.worker][place.shape + 1] = group + 1
    numbers = np.zeros(masks[0].numbers.shape, dtype=np.uint16)
    for rows in blocks(len(numbers)):
        given = [table[mask.numbers[rows]] for table, mask in zip(group_of, masks, strict=True)]
        best = np.full(given[0].shape, 0.5, dtype=np.float32)
        for own in given:
            votes = sum((other == own).astype(np.float32) for other in given)
            share = np.where(own > 0, votes / sizes[own], 0)
            better = share > best
            numbers[rows][better] = own[better]
            best[better] = share[better]
    return numbers
