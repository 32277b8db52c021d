"""A class for every pixel of a picture: the form's element ``crowd-semantic-segmentation``.

Of several workers' masks every pixel is a vote, smoothed with its neighbours.
Source: developer guide, "Annotation consolidation": every pixel is a multi-class vote that takes its neighbours in.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Any, Final

from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.manifest.pictures import PictureError, open_picture
from labeling_provider.service.errors import ObjectFailure
from labeling_provider.service.kinds.kind import (
    Answered,
    AnswerError,
    Content,
    Label,
    Learnable,
    OneByOne,
    runs,
    shown,
)
from labeling_provider.service.kinds.stored_data import stored

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Mask = npt.NDArray[np.uint8]
    """Height × width: 0 background, n the n-th label."""

# Votes that are in memory at a time: a large picture with many classes has more than a machine can hold.
_VOTES_AT_ONCE = 8_000_000
_COLORS: Final = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22")
_COLOR: Final = re.compile("#[0-9a-fA-F]{6}")


@runs("semantic-segmentation")
class SegmentationMasks(OneByOne, Learnable):
    """An answer is a mask; the truth is the URI of a palette or grayscale PNG: 0 background, n the n-th label.

    What is kept of labels is their PNG: the masks of a large job, opened all at once, would fill the memory.
    """

    promised = 0.7

    def _colors(self) -> dict[str, str]:
        """A hex colour per label."""
        chosen = {}
        for position, label in enumerate(self.job.labels):
            shade = (position * 2654435761) & 0xFFFFFF
            chosen[label] = _COLORS[position] if position < len(_COLORS) else f"#{shade:06x}"
        return chosen

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        import numpy as np
        from PIL import Image

        if not isinstance(truth, str):
            return None
        try:
            mask = mask_of(stored(self.job.object_store, truth))
        except ValueError as error:
            raise ObjectFailure(f"{truth}: {error}") from None
        if int(mask.max(initial=0)) > len(self.job.labels):
            return None
        if not right:
            shift = max(1, round(mask.shape[1] * rng.uniform(0.1, 0.25)))
            mask = np.roll(mask, shift if rng.random() < 0.5 else -shift, axis=1)
        colors = self._colors()
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
        """The class of each pixel's colour; of a colour that no label has, background."""
        import numpy as np

        form = self.form(content)
        colors = list(self._colors_in(form.get("labelMappings")))
        image = form.get("labeledImage")
        try:
            body = base64.b64decode(image["pngImageData"], validate=True)  # type: ignore[index]
            pixels = np.asarray(open_picture(body, "RGB"))
        except (TypeError, KeyError, ValueError) as error:
            raise AnswerError(f"{self.key}.labeledImage.pngImageData is no PNG in base64 ({error}).") from None
        mask = np.zeros(pixels.shape[:2], dtype=np.uint8)
        for position, color in colors:
            mask[(pixels == np.array(color, dtype=np.uint8)).all(axis=-1)] = position + 1
        return mask

    def _colors_in(self, mappings: Any) -> Iterator[tuple[int, tuple[int, int, int]]]:
        """The colour of each class that a worker has used."""
        if not isinstance(mappings, dict):
            raise AnswerError(f"{self.key}.labelMappings is missing or no JSON object.")
        for label, mapping in mappings.items():
            position = self.known_class(label, "labelMappings")
            color = mapping.get("color") if isinstance(mapping, dict) else None
            if not isinstance(color, str) or not _COLOR.fullmatch(color):
                raise AnswerError(f'{self.key}.labelMappings: {shown(label)} needs a "color" such as "#1f77b4".')
            yield position, _rgb(color)

    def label_of(self, answers: Sequence[Mask], answered: Answered, stamp: str) -> Label:
        masks = [mask for mask in answers if mask.shape == answers[0].shape]
        mask, support = consolidate_masks(masks, len(self.job.labels) + 1)
        return self._label(mask, self.confidence(support), f"{answered.object_id}_{stamp}")

    def _label(self, mask: Mask, confidence: float, file: str) -> Label:
        """The label of a mask.

        :param file: name of its picture, without an ending.
        """
        import numpy as np
        from PIL import Image

        uri = join_s3_uri(self.job.output, "annotations/consolidated-annotation/output", f"{file}.png")
        colors = self._colors()
        image = Image.fromarray(np.asarray(mask, dtype=np.uint8))
        image.putpalette([255, 255, 255, *(value for color in colors.values() for value in _rgb(color))])
        picture = BytesIO()
        image.save(picture, "PNG")
        names = {0: ("BACKGROUND", "#ffffff"), **dict(enumerate(colors.items(), 1))}
        color_map = {
            str(number): {"class-name": names[number][0], "hex-color": names[number][1], "confidence": confidence}
            for number in sorted({0, *np.unique(mask).tolist()})
        }
        return Label(uri, {"internal-color-map": color_map}, {uri: (picture.getvalue(), "image/png")})

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
        """Mean overlap over the classes that either has, background left out; 1 if both see nothing."""
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

    def label_by_machine(self, answer: Any, confidence: float, line: dict[str, Any], file: str) -> Label:
        return self._label(answer, round(confidence, 2), file)


class _OpenedMasks(Sequence[Any]):
    """Masks that are opened one by one, when they are looked at.

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
    """A mask as an array of height × width: 0 background, n the n-th label.

    :raises PictureError: if it is no picture, or one of other colours than a palette's or grays.
    """
    import numpy as np

    image = open_picture(body)
    if image.mode not in {"P", "L", "1"}:
        raise PictureError("a mask is a PNG with a palette or in grays")
    return np.asarray(image, dtype=np.uint8)


def _rgb(color: str) -> tuple[int, int, int]:
    number = int(color.lstrip("#"), 16)
    return number >> 16, (number >> 8) & 255, number & 255


def consolidate_masks(masks: Sequence[Mask], class_count: int) -> tuple[Mask, float]:
    """The mask that the workers agree on.

    :param masks: per worker an array of height × width holding class numbers, 0 for background.
    :param class_count: number of classes, background included.
    :return: the mask, and the mean share of workers that chose a pixel's class.
    """
    import numpy as np

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
    import numpy as np

    padded = np.pad(votes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    result: npt.NDArray[Any] = around / 4
    return result
