"""What an adjustment has changed: how much of a label, in the result and in each worker's answer.

Sources: developer guide, "Labeling job output data" (``adjustment-status``) and "Crowd HTML elements reference"
(``initialValueModified``, and the answer of ``crowd-semantic-segmentation``).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from labeling_provider.groundtruth.forms import FormColor, FormImage
from labeling_provider.groundtruth.layout import ADJUSTED, ADJUSTMENT_STATUS, UNADJUSTED
from labeling_provider.groundtruth.structures import make_ready
from labeling_provider.manifest import Files, Label, MaskLabel
from labeling_provider.manifest.metadata import BACKGROUND
from labeling_provider.manifest.pictures import open_picture
from labeling_provider.quality.drawing_agreement import read_mask
from labeling_provider.quality.reading import forms_of, judgement_of_answer, judgement_of_label

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.bool_]

_IS_ADJUSTED: Final = {ADJUSTED: True, UNADJUSTED: False}


class Change(NamedTuple):
    """A label that an adjustment has changed.

    :param line: the object's line, with the label before and after.
    :param overlap: IoU of the label before and after, 0 to 1.
    :param number: its line number, from 1.
    """

    line: dict[str, Any]
    overlap: float
    number: int


class AnswerChange(NamedTuple):
    """What a worker's answer has changed.

    :param is_changed: whether it differs from the label before; None if that is not known.
    :param overlap: IoU of the answer with the label before, 0 to 1; None if they can't be compared.
    """

    is_changed: bool | None
    overlap: float | None


@dataclass
class Adjustments:
    """The labels of an adjustment, compared with those before.

    :param adjusted: number of labels that at least one worker has changed.
    :param unadjusted: number of labels that nobody has changed.
    :param compared: number of changed labels that could be compared with those before.
    :param near: sum of their IoU with the label before, 0 to 1 each.
    :param golden: number of golden objects whose label before can be compared.
    :param golden_near: sum of the agreement of these labels with the golden ones, 0 to 1 each.
    :param changes: the labels that have changed most.
    :param workers: the workers who have changed an object's label, by its position in the manifest, from 0.
    """

    adjusted: int = 0
    unadjusted: int = 0
    compared: int = 0
    near: float = 0.0
    golden: int = 0
    golden_near: float = 0.0
    changes: list[Change] = field(default_factory=list)
    workers: dict[int, list[str]] = field(default_factory=dict)

    @property
    def mean_overlap(self) -> float | None:
        """Mean IoU of the changed labels before and after, 0 to 1; None if there are none to compare."""
        return self.near / self.compared if self.compared else None

    @property
    def golden_accuracy(self) -> float | None:
        """Mean agreement of the labels before with the golden ones, 0 to 1; None if there are none."""
        return self.golden_near / self.golden if self.golden else None


def is_adjusted(label: Label) -> bool | None:
    """Whether a label was changed, according to its metadata; None if it does not say."""
    return _IS_ADJUSTED.get(str((label.metadata or {}).get(ADJUSTMENT_STATUS)))


def overlap_of_labels(files: Files, before: Label, after: Label) -> float | None:
    """IoU of two labels of one object, 0 to 1; for masks, the mean over their classes, without background.

    :return: None if they are of a kind that can't be compared.
    :raises LabelingError: if a mask can't be read.
    """
    if isinstance(before, MaskLabel) and isinstance(after, MaskLabel):
        return _overlap(_mask_of_label(files, before), _mask_of_label(files, after))
    first, second = judgement_of_label(before, files), judgement_of_label(after, files)
    return None if first is None or second is None else 1 - first.distance(second)


def change_in_answer(files: Files, before: Label, content: Any) -> AnswerChange:
    """What a worker's answer has changed.

    :param content: ``answerContent`` of a worker response. It is user input.
    :raises LabelingError: if a mask can't be read.
    """
    forms = list(forms_of(content))
    is_modified = next((form["initialValueModified"] for form in forms if "initialValueModified" in form), None)
    if is_modified is False:
        return AnswerChange(False, 1.0)
    overlap = None
    if isinstance(before, MaskLabel):
        mask = next((_mask_of_form(form) for form in forms if "labeledImage" in form), None)
        overlap = None if mask is None else _overlap(_mask_of_label(files, before), mask)
    else:
        first, second = judgement_of_label(before, files), judgement_of_answer(content)
        overlap = None if first is None or second is None else 1 - first.distance(second)
    is_changed = is_modified if isinstance(is_modified, bool) else None if overlap is None else overlap < 1
    return AnswerChange(is_changed, overlap)


def _mask_of_label(files: Files, label: MaskLabel) -> dict[str, Pixels]:
    """The pixels of each class.

    :raises LabelingError: if the file can't be read, or is not a mask.
    """
    import numpy as np

    image = read_mask(files, label.uri)
    numbers = np.asarray(image)
    names = {number: color.class_name for number, color in label.colors.items()}
    return {names.get(number, str(number)): numbers == number for number in map(int, np.unique(numbers))}


class _ClassMaskForm(msgspec.Struct, rename="camel"):
    labeled_image: FormImage
    label_mappings: dict[str, FormColor]


def _mask_of_form(form: Mapping[str, Any]) -> dict[str, Pixels] | None:
    """The pixels of each class; None if the form is malformed."""
    import numpy as np

    try:
        mask = msgspec.convert(form, _ClassMaskForm)
        body = base64.b64decode(mask.labeled_image.png_image_data, validate=True)
        pixels = np.asarray(open_picture(body, "RGB"))
        colors = {name: bytes.fromhex(mapping.color.removeprefix("#")) for name, mapping in mask.label_mappings.items()}
    except ValueError:
        # So are msgspec's, base64's and pictures' errors.
        return None
    if any(len(color) != pixels.shape[2] for color in colors.values()):
        return None
    return {name: (pixels == np.frombuffer(color, dtype=np.uint8)).all(axis=-1) for name, color in colors.items()}


def _overlap(before: Mapping[str, Pixels], after: Mapping[str, Pixels]) -> float:
    """The mean IoU over the classes of either mask, without background; 1 if both have none."""
    shares = []
    for name in dict.fromkeys((*before, *after)):
        own_before, own_after = before.get(name), after.get(name)
        if name == BACKGROUND:
            continue
        if own_before is None or own_after is None or own_before.shape != own_after.shape:
            shares.append(0.0 if _any(own_before) or _any(own_after) else 1.0)
        else:
            joint = int((own_before | own_after).sum())
            shares.append(int((own_before & own_after).sum()) / joint if joint else 1.0)
    return sum(shares) / len(shares) if shares else 1.0


def _any(pixels: Pixels | None) -> bool:
    return pixels is not None and bool(pixels.any())


make_ready(__name__)
