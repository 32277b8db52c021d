"""What the service knows of each task type that it runs: how a simulated worker answers, how answers become a label.

A kind belongs to one job and may learn from its answers. Formats: developer guide, "Labeling job output data" and
"Crowd HTML elements reference".
"""

from __future__ import annotations

import base64
import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from random import Random
from typing import Any, NamedTuple

from labeling_provider.groundtruth.layout import data_object
from labeling_provider.groundtruth.task_types import TaskType
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.manifest.pictures import open_picture
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.errors import ObjectFailure, for_object
from labeling_provider.service.kinds.pictures import image_size, mask_of, stored

# Enough answers to know the workers by; older ones are left out of the models.
_MOST_VOTES = 200_000
_COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22")


class Answer(NamedTuple):
    """What one worker sent: ``content`` is the form's values by element name."""

    worker: str
    content: dict[str, Any]


class Answered(NamedTuple):
    """A data object with the answers of its workers."""

    object_id: int
    line: dict[str, Any]
    answers: Sequence[Answer]


@dataclass
class Label:
    """A consolidated label.

    :param value: what goes under the label attribute.
    :param metadata: what goes into its metadata, besides what every label has.
    :param files: files that the value names: bytes and content type by URI.
    """

    value: Any
    metadata: dict[str, Any]
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)


class Consolidated(NamedTuple):
    """What has become of some objects, by object id.

    :param labels: of those that have got one.
    :param failed: why others can't get any.
    """

    labels: dict[int, Label]
    failed: dict[int, str]


@dataclass(frozen=True)
class JobFacts:
    """What a kind needs to know of its job.

    :param labels: label names in class order.
    :param categories: the category document.
    :param workers_per_object: how many answers were asked for.
    :param output: ``<S3OutputPath>/<job name>``.
    :param request: the CreateLabelingJob request.
    :param consolidation_function: ARN of the caller's own, for custom tasks; empty without one.
    """

    name: str
    arn: str
    attribute: str
    task_type: TaskType
    labels: list[str]
    categories: dict[str, Any]
    workers_per_object: int
    output: str
    request: dict[str, Any]
    object_store: ObjectStore
    consolidation_function: str = ""


class Kind(ABC):
    """One task type at work in one job."""

    consolidates_itself = True

    def __init__(self, job: JobFacts) -> None:
        self.job = job

    @property
    def key(self) -> str:
        """Name of the element in the worker's form."""
        return self.job.task_type.answer_key or "answer"

    @property
    def alone(self) -> bool:
        """Whether each object has one worker: then Amazon gives no confidence."""
        return self.job.workers_per_object == 1

    @abstractmethod
    def answer(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> dict[str, Any] | None:
        """What a simulated worker sends; None if the truth makes no sense here, so the worker declines.

        :param right: False for a plausible mistake.
        :raises ObjectFailure: if no worker can answer, with the reason.
        """

    def consolidate(self, batch: Sequence[Answered], stamp: str) -> Consolidated:
        """Labels out of answers. An object that is left out had no answer that could be used.

        :param stamp: the time of consolidation, as in file names.
        """
        found = Consolidated({}, {})
        for answered in batch:
            try:
                label = for_object(self._label_of, answered, stamp)
            except ObjectFailure as failure:
                found.failed[answered.object_id] = str(failure)
            else:
                if label is not None:
                    found.labels[answered.object_id] = label
        return found

    def _label_of(self, answered: Answered, stamp: str) -> Label | None:
        """The label of one object, for kinds that need no other for it; None if no answer can be used.

        :raises ObjectFailure: if it can't get any, with the reason.
        """
        raise NotImplementedError

    def source(self, line: dict[str, Any]) -> str:
        """What a manifest line says under its data key: a text, or where the data is."""
        return data_object(line, self.job.task_type.data_key)[1]

    def learn(self, earlier: Sequence[Answered]) -> None:  # noqa: B027 - only some kinds learn
        """Take in answers that were consolidated before this process started."""

    def class_id(self, label: Any) -> int | None:
        """Position of a label among the job's labels."""
        return self._positions.get(label) if isinstance(label, str) else None

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.job.labels)}

    def _another(self, label: str, rng: Random) -> str:
        return rng.choice([name for name in self.job.labels if name != label] or [label])


class _VoteBook:
    """Votes of a job so far, numbered for the estimation."""

    def __init__(self) -> None:
        self._workers: dict[str, int] = {}
        self._votes: list[list[tuple[int, int]]] = []

    def add(self, votes: Sequence[tuple[str, int]]) -> None:
        self._votes.append([(self._workers.setdefault(worker, len(self._workers)), choice) for worker, choice in votes])

    def decide(self, count: int, class_count: int) -> list[tuple[int, float]]:
        """Class and probability of the last ``count`` objects added."""
        import numpy as np

        from labeling_provider.service.kinds.consolidation.classification import Votes, consolidate_votes

        while len(self._votes) > count and sum(map(len, self._votes)) > _MOST_VOTES:
            del self._votes[: max(1, min(len(self._votes) - count, len(self._votes) // 10))]
        flat = [(number, worker, choice) for number, votes in enumerate(self._votes) for worker, choice in votes]
        columns = np.array(flat, dtype=np.int64).T
        classes, probabilities = consolidate_votes(Votes(*columns), class_count)
        return [(int(one), float(sure)) for one, sure in zip(classes[-count:], probabilities[-count:], strict=True)]


def _confidence(probability: float) -> float:
    from labeling_provider.service.kinds.consolidation.classification import as_confidence

    return as_confidence(probability)


class SingleChoice(Kind):
    """One class per object: images, texts, video clips."""

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job)
        self._book = _VoteBook()

    def answer(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> dict[str, Any] | None:
        if self.class_id(truth) is None:
            return None
        return {self.key: {"label": truth if right else self._another(truth, rng)}}

    def _votes(self, answered: Answered) -> list[tuple[str, int]]:
        votes = []
        for worker, content in answered.answers:
            form = content.get(self.key)
            choice = self.class_id(form.get("label")) if isinstance(form, dict) else None
            if choice is not None:
                votes.append((worker, choice))
        return votes

    def learn(self, earlier: Sequence[Answered]) -> None:
        for answered in earlier:
            votes = self._votes(answered)
            if votes:
                self._book.add(votes)

    def consolidate(self, batch: Sequence[Answered], stamp: str) -> Consolidated:
        usable = [(one.object_id, votes) for one in batch if (votes := self._votes(one))]
        if not usable:
            return Consolidated({}, {})
        for _, votes in usable:
            self._book.add(votes)
        decided = self._book.decide(len(usable), max(len(self.job.labels), 2))
        labels = {
            object_id: Label(
                choice,
                {
                    "class-name": self.job.labels[choice],
                    "confidence": 0.0 if self.alone else _confidence(sure),
                },
            )
            for (object_id, _), (choice, sure) in zip(usable, decided, strict=True)
        }
        return Consolidated(labels, {})


class MultipleChoice(Kind):
    """Any number of classes per object: each class is a question of its own, answered yes or no."""

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job)
        self._book = _VoteBook()

    def answer(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> dict[str, Any] | None:
        if not isinstance(truth, list) or any(self.class_id(label) is None for label in truth):
            return None
        chosen = set(truth)
        if not right:
            chosen ^= {rng.choice(self.job.labels)}
        return {self.key: {"labels": [label for label in self.job.labels if label in chosen]}}

    def _choices(self, answered: Answered) -> list[tuple[str, set[int]]]:
        choices = []
        for worker, content in answered.answers:
            form = content.get(self.key)
            labels = form.get("labels") if isinstance(form, dict) else None
            if isinstance(labels, list):
                choices.append((worker, {one for one in map(self.class_id, labels) if one is not None}))
        return choices

    def _note(self, choices: list[tuple[str, set[int]]]) -> None:
        for position in range(len(self.job.labels)):
            self._book.add([(worker, int(position in chosen)) for worker, chosen in choices])

    def learn(self, earlier: Sequence[Answered]) -> None:
        for answered in earlier:
            choices = self._choices(answered)
            if choices:
                self._note(choices)

    def consolidate(self, batch: Sequence[Answered], stamp: str) -> Consolidated:
        usable = [(one.object_id, choices) for one in batch if (choices := self._choices(one))]
        if not usable:
            return Consolidated({}, {})
        for _, choices in usable:
            self._note(choices)
        size = len(self.job.labels)
        decided = self._book.decide(len(usable) * size, 2)
        labels = {}
        for number, (object_id, choices) in enumerate(usable):
            chosen = sorted(set().union(*(one for _, one in choices)))
            answers = decided[number * size : (number + 1) * size]
            labels[object_id] = Label(
                chosen,
                {
                    "class-map": {str(one): self.job.labels[one] for one in chosen},
                    "confidence-map": {
                        str(one): 0.0 if self.alone else _confidence(_probability_of_yes(answers[one]))
                        for one in chosen
                    },
                },
            )
        return Consolidated(labels, {})


def _probability_of_yes(decided: tuple[int, float]) -> float:
    choice, sure = decided
    return sure if choice else 1 - sure


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


class BoundingBoxes(Kind):
    """Boxes around things in an image."""

    def _boxes(self, value: Any) -> list[dict[str, Any]] | None:
        """Well-formed boxes of known labels; None if it is no list of boxes."""
        sides = ("left", "top", "width", "height")
        if not isinstance(value, list) or not all(isinstance(box, dict) for box in value):
            return None
        if not all(_is_number(box.get(side)) for box in value for side in sides):
            return None
        if any(self.class_id(box.get("label")) is None for box in value):
            return None
        return [{"label": box["label"], **{side: box[side] for side in sides}} for box in value]

    def answer(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> dict[str, Any] | None:
        boxes = self._boxes(truth)
        if boxes is None:
            return None
        width, height, _ = self._size(line)
        # Nobody draws to the pixel: a right box is off by up to 2 % of its side.
        drawn = [
            {side: value if side == "label" else round(value, 1) for side, value in box.items()}
            for box in (self._moved(box, rng, 0.02, width, height) for box in boxes)
        ]
        if not right and drawn:
            wrong = rng.randrange(len(drawn))
            if rng.random() < 0.25:
                del drawn[wrong]
            elif rng.random() < 0.3 and len(self.job.labels) > 1:
                drawn[wrong]["label"] = self._another(drawn[wrong]["label"], rng)
            else:
                drawn[wrong] = self._moved(drawn[wrong], rng, 0.8, width, height)
        elif not right:
            box = {"label": rng.choice(self.job.labels), "left": 0.0, "top": 0.0, "width": 1.0, "height": 1.0}
            drawn.append({**box, "width": width / 4, "height": height / 4})
        return {self.key: {"boundingBoxes": drawn, "inputImageProperties": {"width": width, "height": height}}}

    @staticmethod
    def _moved(box: dict[str, Any], rng: Random, share: float, width: int, height: int) -> dict[str, Any]:
        left = box["left"] + rng.uniform(-share, share) * box["width"]
        top = box["top"] + rng.uniform(-share, share) * box["height"]
        return {
            **box,
            "left": min(max(left, 0), max(width - box["width"], 0)),
            "top": min(max(top, 0), max(height - box["height"], 0)),
        }

    def _size(self, line: dict[str, Any]) -> tuple[int, int, int]:
        try:
            return image_size(self.job.object_store, self.source(line))
        except ValueError as error:
            raise ObjectFailure(str(error)) from None

    def _label_of(self, answered: Answered, stamp: str) -> Label | None:
        from labeling_provider.service.kinds.consolidation.boxes import consolidate_boxes

        drawn = []
        for _, content in answered.answers:
            form = content.get(self.key)
            boxes = self._boxes(form.get("boundingBoxes")) if isinstance(form, dict) else None
            if boxes is not None:
                drawn.append(boxes)
        if not drawn:
            return None
        kept = consolidate_boxes(drawn)
        sure = [0.0 if self.alone else _confidence(confidence) for _, confidence in kept]
        return self.label([box for box, _ in kept], sure, self._size(answered.line))

    def label(self, boxes: Sequence[dict[str, Any]], confidences: Sequence[float], size: tuple[int, int, int]) -> Label:
        """The label of boxes.

        :param confidences: 0 to 1, one for each box.
        :param size: the image's width, height and number of channels.
        """
        used = sorted({self._positions[box["label"]] for box in boxes})
        value = {
            "image_size": [dict(zip(("width", "height", "depth"), size, strict=True))],
            "annotations": [
                {
                    "class_id": self._positions[box["label"]],
                    **{side: round(box[side], 2) for side in ("left", "top", "width", "height")},
                }
                for box in boxes
            ],
        }
        metadata = {
            "objects": [{"confidence": confidence} for confidence in confidences],
            "class-map": {str(one): self.job.labels[one] for one in used},
        }
        return Label(value, metadata)


class TextSpans(Kind):
    """Named entities: labeled stretches of a text."""

    def _spans(self, value: Any, length: int) -> list[dict[str, Any]] | None:
        """Well-formed spans of known labels inside the text; None if it is no list of spans."""
        if not isinstance(value, list) or not all(isinstance(span, dict) for span in value):
            return None
        spans = []
        for span in value:
            start, end = span.get("startOffset"), span.get("endOffset")
            if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:
                return None
            if self.class_id(span.get("label")) is None:
                return None
            spans.append({"label": span["label"], "startOffset": start, "endOffset": end})
        return spans

    def answer(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> dict[str, Any] | None:
        length = len(self.source(line))
        spans = self._spans(truth, length)
        if spans is None:
            return None
        if not right and spans:
            wrong = rng.randrange(len(spans))
            if rng.random() < 0.3:
                del spans[wrong]
            elif rng.random() < 0.5 and len(self.job.labels) > 1:
                spans[wrong]["label"] = self._another(spans[wrong]["label"], rng)
            else:
                spans[wrong]["endOffset"] = min(spans[wrong]["endOffset"] + rng.randint(1, 6), length)
        elif not right and length:
            start = rng.randrange(length)
            end = min(start + 5, length)
            spans.append({"label": rng.choice(self.job.labels), "startOffset": start, "endOffset": end})
        return {self.key: {"entities": spans}}

    def _label_of(self, answered: Answered, stamp: str) -> Label | None:
        from labeling_provider.service.kinds.consolidation.spans import consolidate_spans

        length = len(self.source(answered.line))
        marked = []
        for _, content in answered.answers:
            form = content.get(self.key)
            spans = self._spans(form.get("entities"), length) if isinstance(form, dict) else None
            if spans is not None:
                marked.append(spans)
        if not marked:
            return None
        kept = consolidate_spans(marked)
        return Label(
            {
                "annotations": {
                    "labels": self.job.categories["labels"],
                    "entities": [span for span, _ in kept],
                }
            },
            {"entities": [{"confidence": 0.0 if self.alone else _confidence(sure)} for _, sure in kept]},
        )


class SegmentationMasks(Kind):
    """A class for every pixel. A truth mask is a palette or grayscale PNG: 0 background, n the n-th label."""

    def _colors(self) -> dict[str, str]:
        """A hex colour per label."""
        chosen = {}
        for position, label in enumerate(self.job.labels):
            shade = (position * 2654435761) & 0xFFFFFF
            chosen[label] = _COLORS[position] if position < len(_COLORS) else f"#{shade:06x}"
        return chosen

    def answer(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> dict[str, Any] | None:
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
        return {
            self.key: {
                "labeledImage": {"pngImageData": base64.b64encode(picture.getvalue()).decode()},
                "labelMappings": {label: {"color": color} for label, color in colors.items()},
                "inputImageProperties": {"width": mask.shape[1], "height": mask.shape[0]},
            }
        }

    def _mask(self, content: dict[str, Any]) -> Any | None:
        """Class numbers of a worker's picture: each pixel takes the class of its colour, else background."""
        import numpy as np

        form = content.get(self.key)
        try:
            picture = base64.b64decode(form["labeledImage"]["pngImageData"], validate=True)  # type: ignore[index]
            mappings = form["labelMappings"].items()  # type: ignore[index]
            pixels = np.asarray(open_picture(picture, "RGB"))
            mask = np.zeros(pixels.shape[:2], dtype=np.uint8)
            for label, mapping in mappings:
                position = self.class_id(label)
                if position is not None:
                    color = np.array(_rgb(mapping["color"]), dtype=np.uint8)
                    mask[(pixels == color).all(axis=-1)] = position + 1
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
            return None
        return mask

    def _label_of(self, answered: Answered, stamp: str) -> Label | None:
        from labeling_provider.service.kinds.consolidation.masks import consolidate_masks

        masks = [mask for _, content in answered.answers if (mask := self._mask(content)) is not None]
        masks = [mask for mask in masks if mask.shape == masks[0].shape]
        if not masks:
            return None
        mask, support = consolidate_masks(masks, len(self.job.labels) + 1)
        folder = join_s3_uri(self.job.output, "annotations/consolidated-annotation/output")
        uri = join_s3_uri(folder, f"{answered.object_id}_{stamp}.png")
        return self.label(mask, 0.0 if self.alone else _confidence(support), uri)

    def label(self, mask: Any, confidence: float, uri: str) -> Label:
        """The label of a mask.

        :param mask: array of height × width: 0 background, n the n-th label.
        :param uri: where the picture of it goes.
        """
        import numpy as np
        from PIL import Image

        colors = self._colors()
        image = Image.fromarray(np.asarray(mask, dtype=np.uint8))
        image.putpalette([255, 255, 255, *(value for color in colors.values() for value in _rgb(color))])
        picture = BytesIO()
        image.save(picture, "PNG")
        names = {0: ("BACKGROUND", "#ffffff")}
        names.update({number + 1: one for number, one in enumerate(colors.items())})
        color_map = {
            str(number): {
                "class-name": names[number][0],
                "hex-color": names[number][1],
                "confidence": confidence,
            }
            for number in sorted({0, *np.unique(mask).tolist()})
        }
        return Label(uri, {"internal-color-map": color_map}, {uri: (picture.getvalue(), "image/png")})


def _rgb(color: str) -> tuple[int, int, int]:
    number = int(color.lstrip("#"), 16)
    return number >> 16, (number >> 8) & 255, number & 255


class Custom(Kind):
    """The caller's own template and functions. The truth is the form's content, by element name."""

    consolidates_itself = False

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job)
        self._seen: list[dict[str, Any]] = []

    def answer(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> dict[str, Any] | None:
        if not isinstance(truth, dict):
            return None
        if truth not in self._seen and len(self._seen) < 100:
            self._seen.append(truth)
        others = [one for one in self._seen if one != truth]
        # The form's meaning is the caller's; a plausible mistake is what fits another object.
        return copy.deepcopy(truth if right or not others else rng.choice(others))


KINDS: dict[str, type[Kind]] = {
    "image-classification": SingleChoice,
    "text-classification": SingleChoice,
    "video-classification": SingleChoice,
    "image-classification-multilabel": MultipleChoice,
    "text-classification-multilabel": MultipleChoice,
    "bounding-box": BoundingBoxes,
    "named-entity-recognition": TextSpans,
    "semantic-segmentation": SegmentationMasks,
    "custom": Custom,
}
"""The task types that the service runs."""
