"""A class for every pixel of a picture: the form element ``crowd-semantic-segmentation``.

The masks of several workers are votes on each pixel, smoothed over its neighbors. Skilled workers count for more.
Source: developer guide, "Annotation consolidation": each pixel is a multi-class vote that takes its neighbors in.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from math import log
from random import Random
from typing import TYPE_CHECKING, Any, Final

from labeling_provider.groundtruth.label_colors import label_colors
from labeling_provider.groundtruth.layout import label_file_uri
from labeling_provider.manifest import Label, MaskLabel
from labeling_provider.manifest.metadata import BACKGROUND
from labeling_provider.manifest.pictures import open_mask, open_picture
from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.kind import (
    Answered,
    AnswerError,
    Auditable,
    Content,
    Learnable,
    ObjectLabel,
    runs,
    shown,
)
from labeling_provider.service.kinds.skills import Evidence, Skill
from labeling_provider.service.kinds.stored_data import stored

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Mask = npt.NDArray[np.uint8]
    """Height × width: 0 background, n the n-th label."""

_MIN_MASKS: Final = 3
_OBJECT_WEIGHT: Final = 10.0
"""How much a picture reveals about a worker, as a number of marks: its many pixels are not independent."""
# How many votes are in memory at once: a large picture with many classes has more than fit into memory.
_VOTES_AT_ONCE = 8_000_000
USUAL: Final = Skill(recall=0.9, extra=0.06, misnamed=0.05, off=0.3)
"""A worker about whom nothing is known; how far masks are off is the share of contested pixels on which a worker
disagrees with most others."""
_AGREED: Final = 0.995
"""The probability that a pixel is right on which all workers agree."""
_PIXEL_WEIGHT: Final = 0.8
"""Weight of a worker's vote, less than 1 because workers mistake the same pixels."""
_ABOUT_RIGHT: Final = 0.75
"""Least overlap of each class with the right mask at which simulated workers leave a mask alone."""
_COLOR: Final = re.compile("#[0-9a-fA-F]{6}")


@runs("semantic-segmentation")
class SegmentationMasks(Auditable, Learnable):
    """An answer is a mask; the truth is the URI of a palette or grayscale PNG: 0 background, n the n-th label.

    Labels are kept as PNG files, because all masks of a large job, decoded, would not fit into memory.
    """

    promised = 0.7
    usual = USUAL
    # Each reveals a lot, and takes long to read.
    remembers = 50

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        import numpy as np

        mask = self._true(truth)
        if mask is None:
            return None
        if not right:
            shift = max(1, round(mask.shape[1] * rng.uniform(0.1, 0.25)))
            mask = np.roll(mask, shift if rng.random() < 0.5 else -shift, axis=1)
        return self.form_of(mask, line)

    def _true(self, truth: Any) -> Mask | None:
        """The right mask; None if the truth is not valid.

        :raises ObjectFailure: if the file is missing or can't be read.
        """
        if not isinstance(truth, str):
            return None
        mask = self._stored_mask(truth)
        return None if int(mask.max(initial=0)) > len(self.job.labels) else mask

    def _stored_mask(self, uri: str) -> Mask:
        try:
            return mask_of(stored(self.job.object_store, uri))
        except ValueError as error:
            raise ObjectFailure(f"{uri}: {error}") from None

    def fault(self, label: Label, truth: Any) -> str | None:
        if not isinstance(truth, str) or not isinstance(label, MaskLabel):
            return None
        wrong = _classes_off(self._stored_mask(label.uri), self._stored_mask(truth))
        names = [label.colors[number].class_name if number in label.colors else f"class {number}" for number in wrong]
        return f"To correct: {', '.join(names)}." if wrong else ""

    def former_answer(self, label: Label) -> Mask:
        import numpy as np

        numbers = np.zeros(256, dtype=np.uint8)
        for number, color in label.colors.items() if isinstance(label, MaskLabel) else ():
            if color.class_name != BACKGROUND and number < len(numbers):
                numbers[number] = self.positions[color.class_name] + 1
        mask: Mask = numbers[self._stored_mask(str(label.value))]
        return mask

    def is_same(self, answer: Any, other: Any) -> bool:
        import numpy as np

        return bool(np.array_equal(answer, other))

    def corrected(self, former: Any, line: dict[str, Any], truth: Any, rng: Random) -> Mask | None:
        true = self._true(truth)
        return former if true is not None and not _classes_off(former, true) else true

    def form_of(self, answer: Any, line: dict[str, Any]) -> Content:
        import numpy as np
        from PIL import Image

        mask, colors = answer, label_colors(self.job.labels)
        picture = BytesIO()
        palette = [(255, 255, 255), *(_rgb(color) for color in colors.values())]
        Image.fromarray(np.array(palette, dtype=np.uint8)[mask]).save(picture, "PNG")
        used = set(np.unique(mask).tolist())
        return {
            self.key: {
                "labeledImage": {"pngImageData": base64.b64encode(picture.getvalue()).decode()},
                "labelMappings": {
                    label: {"color": color} for number, (label, color) in enumerate(colors.items(), 1) if number in used
                },
                "inputImageProperties": {"width": mask.shape[1], "height": mask.shape[0]},
            }
        }

    def read_answer(self, content: Content, line: dict[str, Any]) -> Mask:
        """The class of each pixel by its color; background if no label has that color."""
        import numpy as np

        form = self.form(content)
        colors = list(self._colors_in(form.get("labelMappings")))
        pixels = painted(form, self.key)
        mask = np.zeros(pixels.shape[:2], dtype=np.uint8)
        for position, color in colors:
            mask[(pixels == np.array(color, dtype=np.uint8)).all(axis=-1)] = position + 1
        return mask

    def _colors_in(self, mappings: Any) -> Iterator[tuple[int, tuple[int, int, int]]]:
        """The position and RGB color of each class that a worker used.

        :raises AnswerError: if the mappings are malformed, or a label is unknown.
        """
        if not isinstance(mappings, dict):
            raise AnswerError(f"{self.key}.labelMappings is missing or not a JSON object.")
        for label, mapping in mappings.items():
            position = self.known_class(label, "labelMappings")
            color = mapping.get("color") if isinstance(mapping, dict) else None
            if not isinstance(color, str) or not _COLOR.fullmatch(color):
                raise AnswerError(f'{self.key}.labelMappings: {shown(label)} needs a "color" such as "#1f77b4".')
            yield position, _rgb(color)

    def evidence(self, answers: Sequence[Mask]) -> Sequence[Evidence]:
        return evidence_of_masks(answers)

    def label_of(self, answers: Sequence[Mask], skills: Sequence[Skill], answered: Answered, stamp: str) -> ObjectLabel:
        size = _common_size(answers)
        fitting = [(mask, skill) for mask, skill in zip(answers, skills, strict=True) if mask.shape == size]
        masks, known = zip(*fitting, strict=True)
        mask, sure = consolidate_masks(masks, len(self.job.labels) + 1, known)
        return self._label(mask, self.confidence(sure), f"{answered.object_id}_{stamp}")

    def _label(self, mask: Mask, confidence: float, file: str) -> ObjectLabel:
        """The label for a mask.

        :param file: the name of its PNG, without extension.
        """
        import numpy as np
        from PIL import Image

        uri = label_file_uri(self.job.output, f"{file}.png")
        colors = label_colors(self.job.labels)
        image = Image.fromarray(np.asarray(mask, dtype=np.uint8))
        image.putpalette([255, 255, 255, *(value for color in colors.values() for value in _rgb(color))])
        picture = BytesIO()
        image.save(picture, "PNG")
        names = {0: ("BACKGROUND", "#ffffff"), **dict(enumerate(colors.items(), 1))}
        color_map = {
            str(number): {"class-name": names[number][0], "hex-color": names[number][1], "confidence": confidence}
            for number in sorted({0, *np.unique(mask).tolist()})
        }
        return ObjectLabel(uri, {"internal-color-map": color_map}, {uri: (picture.getvalue(), "image/png")})

    def answer_in(self, value: Any) -> bytes | None:
        try:
            kept = stored(self.job.object_store, value)
            mask_of(kept)
        except ValueError:
            return None
        return kept

    def opened(self, kept: Sequence[Any]) -> Sequence[Any]:
        return _OpenedMasks(kept)

    def agreement(self, machine: Any, people: Any) -> float:
        """The mean overlap over the classes in either mask, without background; 1 if both are empty."""
        import numpy as np

        mask = mask_of(people)
        if machine.shape != mask.shape:
            return 0.0
        names = sorted({*np.unique(machine), *np.unique(mask)} - {0})
        shares = [
            float(((machine == name) & (mask == name)).sum() / ((machine == name) | (mask == name)).sum())
            for name in names
        ]
        return sum(shares) / len(shares) if shares else 1.0

    def label_by_machine(self, answer: Any, confidence: float, line: dict[str, Any], file: str) -> ObjectLabel:
        return self._label(answer, round(confidence, 2), file)


class _OpenedMasks(Sequence[Any]):
    """Masks that are decoded one at a time, when they are accessed.

    :param kept: PNG files.
    """

    def __init__(self, kept: Sequence[bytes]) -> None:
        self._kept = kept

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return _OpenedMasks(self._kept[place])
        return mask_of(self._kept[place])


def mask_of(body: bytes) -> Mask:
    """Decode a mask: an array of height × width, 0 background, n the n-th label.

    :raises PictureError: as :func:`~labeling_provider.manifest.pictures.open_mask` does.
    """
    import numpy as np

    return np.asarray(open_mask(body, only_bytes=True), dtype=np.uint8)


def _classes_off(mask: Mask, true: Mask) -> list[int]:
    """The classes whose pixels are not about right; all that occur if the two have different sizes."""
    import numpy as np

    numbers = [int(number) for number in np.union1d(np.unique(mask), np.unique(true)) if number]
    if mask.shape != true.shape:
        return numbers
    shares = {
        number: ((mask == number) & (true == number)).sum() / ((mask == number) | (true == number)).sum()
        for number in numbers
    }
    return [number for number, share in shares.items() if share < _ABOUT_RIGHT]


def _rgb(color: str) -> tuple[int, int, int]:
    number = int(color.lstrip("#"), 16)
    return number >> 16, (number >> 8) & 255, number & 255


def consolidate_masks(
    masks: Sequence[Mask], class_count: int, skills: Sequence[Skill] | None = None
) -> tuple[Mask, float]:
    """The mask that the workers probably meant.

    :param masks: for each worker, an array of height × width with class numbers, 0 for background.
    :param class_count: the number of classes, including background.
    :param skills: how well each of them works, see :func:`evidence_of_masks`; None if all work alike.
    :return: the mask, and the share of its pixels that is probably right, 0 to 1.
    """
    import numpy as np

    known = [USUAL] * len(masks) if skills is None else skills
    ranked = sorted(zip(masks, known, strict=True), key=lambda pair: (pair[1], pair[0].tobytes()))
    weights = np.array([_weight(skill) for _, skill in ranked], dtype=np.float32)
    height, width = masks[0].shape
    chosen, right = np.empty((height, width), dtype=np.uint8), 0.0
    rows = max(_VOTES_AT_ONCE // max(width * class_count, 1), 1)
    for top in range(0, height, rows):
        # One extra row on either side, for the neighbors.
        first, end = max(top - 1, 0), min(top + rows, height)
        stack = np.stack([mask[first : end + 1] for mask, _ in ranked])
        votes: npt.NDArray[Any] = np.stack(
            [np.tensordot(weights, (stack == number).astype(np.float32), 1) for number in range(class_count)]
        )
        leaning = 0.25 * _neighbors(votes) if len(masks) > 1 else 0.0
        own = slice(top - first, end - first)
        chosen[top:end] = (votes + leaning).argmax(axis=0)[own]
        for_it = np.take_along_axis(votes[:, own], chosen[None, top:end].astype(np.intp), axis=0)[0]
        is_contested = (stack[:, own] != stack[:1, own]).any(axis=0)
        odds = np.exp(-_PIXEL_WEIGHT * (2 * for_it - float(weights.sum())))
        right += float(np.where(is_contested, 1 / (1 + odds), _AGREED).sum(dtype=np.float64))
    return chosen, right / max(height * width, 1)


def evidence_of_masks(masks: Sequence[Mask]) -> list[Evidence]:
    """What the masks of a picture reveal about each worker; three of the same size are needed.

    :param masks: as for :func:`consolidate_masks`.
    """
    import numpy as np

    size = _common_size(masks) if masks else ()
    fitting = [mask for mask in masks if mask.shape == size]
    if len(fitting) < _MIN_MASKS:
        return [Evidence()] * len(masks)
    contested, off = 0, np.zeros(len(masks))
    rows = max(_VOTES_AT_ONCE // max(size[1] * len(masks) * 2, 1), 1)
    for top in range(0, size[0], rows):
        stack = np.stack([mask[top : top + rows].ravel() for mask in fitting])
        stack = stack[:, (stack != stack[:1]).any(axis=0)]
        contested += stack.shape[1]
        votes = np.stack([(stack == own).sum(axis=0, dtype=np.uint8) for own in stack])
        wrong = iter((votes < votes.max(axis=0)).sum(axis=1))
        off += [next(wrong) if mask.shape == size else 0 for mask in masks]
    if not contested:
        return [Evidence()] * len(masks)
    return [
        Evidence(compared=_OBJECT_WEIGHT, off=_OBJECT_WEIGHT * float(share)) if mask.shape == size else Evidence()
        for mask, share in zip(masks, off / contested, strict=True)
    ]


def _common_size(masks: Sequence[Mask]) -> tuple[int, ...]:
    """The height and width that most masks have; the largest if several are as frequent."""
    sizes = Counter(mask.shape for mask in masks)
    return max(sizes, key=lambda size: (sizes[size], size))


def _weight(skill: Skill) -> float:
    """The weight of a worker's vote on a contested pixel: the logarithm of how much more probable it makes a class."""
    wrong = min(max(skill.off, 0.02), 0.48)
    return log((1 - wrong) / wrong)


def _neighbors(votes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The mean of the four neighbors' votes. At an edge, a pixel is its own neighbor."""
    import numpy as np

    padded = np.pad(votes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    result: npt.NDArray[Any] = around / 4
    return result


def painted(form: Mapping[str, Any], where: str) -> Any:
    """The pixels that a worker painted: height × width × red, green, blue.

    :param form: what the element submitted.
    :param where: its place in the answer.
    :raises AnswerError: if it has no picture.
    """
    import numpy as np

    image = form.get("labeledImage")
    try:
        body = base64.b64decode(image["pngImageData"], validate=True)  # type: ignore[index]
        return np.asarray(open_picture(body, "RGB"))
    except (TypeError, KeyError, ValueError) as error:
        raise AnswerError(f"{where}.labeledImage.pngImageData is not a PNG in base64 ({error}).") from None
