"""Semantic segmentation of point clouds: each point has a class, or none.

An answer has a byte for each point, in the order of the file, packed by zlib, in base64: 0 for none, or the position of
the label among the job's, from 1. Amazon does not document it; it is our choice, made only here::

    {"segmentedPoints": {"labeledPoints": "eJx…", "frameAttributes": {}}}

A label's file holds the same bytes; its color map names them. In labels from elsewhere, bytes that the map does not
name are points without a class.
Source: developer guide, "3D Point Cloud Semantic Segmentation" and its "Output".
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any, Final, NamedTuple

from labeling_provider.errors import counted
from labeling_provider.groundtruth.label_colors import label_colors
from labeling_provider.groundtruth.layout import label_file_uri
from labeling_provider.groundtruth.point_formats import BACKGROUND, BACKGROUND_NUMBER
from labeling_provider.manifest import Label, PointMaskLabel
from labeling_provider.manifest.point_clouds import MAX_PACKED_BYTES, PointCloudError, read_point_classes
from labeling_provider.manifest.sequences import Frame
from labeling_provider.request.sequence_categories import SequenceCategories
from labeling_provider.service.cloud.object_store import MissingObject
from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.adjustment import LockedAdjustment
from labeling_provider.service.kinds.cloud_cuboids import FRAME_ATTRIBUTES
from labeling_provider.service.kinds.clouds import Clouds, shown_frames
from labeling_provider.service.kinds.drawn_frames import locked_change, shared_input
from labeling_provider.service.kinds.frame_answers import AnswerReader
from labeling_provider.service.kinds.kind import (
    Answered,
    AnswerError,
    Auditable,
    Content,
    JobFacts,
    ObjectLabel,
    runs,
)
from labeling_provider.service.kinds.simulated_frames import filled
from labeling_provider.service.kinds.skills import Skill

_ABOUT_RIGHT: Final = 0.98
"""Least share of points with the right class at which simulated workers leave a label alone."""
_KEY: Final = "labeledPoints"


class Segmented(NamedTuple):
    """An answer.

    :param numbers: a byte for each point.
    :param attributes: the attributes of the cloud, by name.
    """

    numbers: bytes
    attributes: dict[str, Any]


@runs("3d-point-cloud-semantic-segmentation")
class PaintedPoints(Auditable):
    """The truth is the S3 URI of a label's file, or a list with the label's name, its byte or null for each point."""

    remembers = 0

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job)
        self._clouds = Clouds(job)

    @cached_property
    def categories(self) -> SequenceCategories:
        """What workers can choose from."""
        return SequenceCategories(self.job.categories, self.job.task_type.has_point_clouds)

    def obstacle(self, line: dict[str, Any]) -> str | None:
        return self._clouds.obstacle(line)

    def count(self, line: dict[str, Any]) -> int:
        """The number of points of an object.

        :raises ValueError: in words for people, if its cloud can't be used.
        """
        (frame,) = self._clouds.frames(line)
        return self._clouds.count(frame)

    def own_input(self, line: dict[str, Any]) -> dict[str, Any]:
        """The input of the interface, which has no template that would define it."""
        shared = {**shared_input(self, line), "kind": "classes", "tracks": False}
        return {**shared, "frames": shown_frames(self._clouds.frames(line))}

    # Answers

    def read_answer(self, content: Content, line: dict[str, Any]) -> Segmented:
        form = self.form(content)
        reader = AnswerReader(self.key, self.categories, [Frame(0, "")], tracks=False, audits=self.job.task_type.audits)
        attributes = reader.frame_attributes(form)
        reader.check_frame(attributes)
        try:
            points = self.count(line)
        except ValueError as error:
            raise AnswerError(str(error)[:300]) from None
        return Segmented(self._numbers(form.get(_KEY), points), attributes)

    def _numbers(self, given: Any, points: int) -> bytes:
        """The bytes of an answer.

        :raises AnswerError: if they are packed wrongly, or do not fit these points and labels.
        """
        where = f"{self.key}.{_KEY}"
        if not isinstance(given, str) or len(given) > 2 * MAX_PACKED_BYTES:
            raise AnswerError(f"{where} is missing, or not a string in base64 that can hold the points.")
        try:
            numbers = read_point_classes(base64.b64decode(given, validate=True), where)
        except PointCloudError as error:
            raise AnswerError(f"{error}."[:300]) from None
        except ValueError:
            raise AnswerError(f"{where} is not a string in base64.") from None
        if len(numbers) != points:
            raise AnswerError(f"{where} has {len(numbers):,} points, but the cloud has {points:,}.")
        if max(numbers) > len(self.job.labels):
            raise AnswerError(
                f"{where} has the number {max(numbers)}, but the job has {counted(len(self.job.labels), 'label')}."
            )
        return numbers

    def form_of(self, answer: Any, line: dict[str, Any]) -> Content:
        packed = base64.b64encode(zlib.compress(answer.numbers)).decode()
        return {self.key: {_KEY: packed, "frameAttributes": answer.attributes}}

    # Labels

    def label_of(
        self, answers: Sequence[Segmented], skills: Sequence[Skill], answered: Answered, stamp: str
    ) -> ObjectLabel:
        """The label of a cloud is one worker's answer: Ground Truth consolidates none."""
        answer = min(answers, key=lambda segmented: (segmented.numbers, repr(segmented.attributes)))
        uri = label_file_uri(self.job.output, str(answered.object_id), f"{stamp}.zlib")
        names = {
            BACKGROUND_NUMBER: (BACKGROUND, "#ffffff"),
            **dict(enumerate(label_colors(self.job.labels).items(), 1)),
        }
        color_map = {
            str(number): {"class-name": names[number][0], "hex-color": names[number][1], "confidence": 0.0}
            for number in sorted({BACKGROUND_NUMBER, *answer.numbers})
        }
        metadata: dict[str, Any] = {"color-map": color_map}
        if answer.attributes or self.categories.frame_attributes:
            metadata[FRAME_ATTRIBUTES] = answer.attributes
        return ObjectLabel(uri, metadata, {uri: (zlib.compress(answer.numbers), "application/octet-stream")})

    # Audits

    def former_answer(self, label: Label) -> Segmented:
        colors = label.colors if isinstance(label, PointMaskLabel) else {}
        names = {number: color.class_name for number, color in colors.items()}
        given = (label.metadata or {}).get(FRAME_ATTRIBUTES)
        return Segmented(self._stored(str(label.value), names), given if isinstance(given, dict) else {})

    def _stored(self, uri: str, names: Mapping[int, str]) -> bytes:
        """The bytes of a label's file, as this job's answers have them.

        :param names: the classes by their bytes in the file.
        :raises ValueError: if it can't be read.
        """
        try:
            body = self.job.object_store.beginning(uri, MAX_PACKED_BYTES + 1)
            numbers = read_point_classes(body, uri)
        except MissingObject:
            raise ValueError(f"there is no file {uri} with the classes of the points") from None
        except PointCloudError as error:
            raise ValueError(str(error)) from None
        own = {number: self.positions.get(name, -1) + 1 for number, name in names.items()}
        if names.get(BACKGROUND_NUMBER) == BACKGROUND:
            # Even if a label has that name, too.
            own[BACKGROUND_NUMBER] = BACKGROUND_NUMBER
        return numbers.translate(bytes(own.get(number, BACKGROUND_NUMBER) for number in range(256)))

    def is_same(self, answer: Any, other: Any) -> bool:
        return bool(answer == other)

    def fault(self, label: Label, truth: Any) -> str | None:
        right, former = self._truth(truth), self.former_answer(label)
        if right is None:
            return None
        wrong = sum(mine != true for mine, true in zip(former.numbers, right, strict=False))
        wrong += abs(len(former.numbers) - len(right))
        return "" if _is_right(wrong, len(right)) else f"To correct: {wrong:,} of {len(right):,} points."

    def corrected(self, former: Any, line: dict[str, Any], truth: Any, rng: Random) -> Segmented | None:
        right = self._right_numbers(line, truth)
        if right is None:
            return None
        wrong, numbers = _count_off(former.numbers, right), former.numbers
        if not _is_right(wrong, len(right)):
            locked = {self.positions[label] + 1 for label in self.categories.locked}
            numbers = bytes(
                mine if mine in locked or true in locked else true
                for mine, true in zip(former.numbers, right, strict=True)
            )
        return Segmented(numbers, filled(former.attributes, self.categories.frame_attributes, rng))

    # Simulated workers

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        numbers = self._right_numbers(line, truth)
        if numbers is None:
            return None
        answer = Segmented(numbers, filled({}, self.categories.frame_attributes, rng))
        return self.form_of(answer if right else self._careless(answer, rng), line)

    def _right_numbers(self, line: dict[str, Any], truth: Any) -> bytes | None:
        """The bytes of the right answer; None if the truth is not valid.

        :raises ObjectFailure: if a file can't be read.
        """
        try:
            numbers, points = self._truth(truth), self.count(line)
        except ValueError as error:
            raise ObjectFailure(str(error)) from None
        return numbers if numbers is not None and len(numbers) == points else None

    def _truth(self, truth: Any) -> bytes | None:
        """The right bytes; None if the truth is not valid.

        :raises ValueError: if its file can't be read.
        """
        if isinstance(truth, str):
            return self._stored(truth, dict(enumerate(self.job.labels, 1)))
        if not isinstance(truth, list):
            return None
        numbers = [self._number(name) for name in truth]
        return None if None in numbers else bytes(number for number in numbers if number is not None)

    def _number(self, given: Any) -> int | None:
        """The byte of a point of the truth; None if it is not valid."""
        if given is None or given == BACKGROUND:
            return BACKGROUND_NUMBER
        if type(given) is int:
            return given if 0 <= given <= len(self.job.labels) else None
        place = self.class_id(given)
        return None if place is None else place + 1

    def _careless(self, answer: Segmented, rng: Random) -> Segmented:
        """The answer of somebody who overlooks a class, or mistakes it for another."""
        used = sorted({*answer.numbers} - {BACKGROUND_NUMBER})
        if not used:
            return answer
        wrong, numbers = rng.choice(used), [*range(len(self.job.labels) + 1)]
        numbers.remove(wrong)
        table = bytearray(range(256))
        table[wrong] = rng.choice(numbers)
        return answer._replace(numbers=answer.numbers.translate(bytes(table)))


@runs("adjustment-3d-point-cloud-semantic-segmentation")
class PointAdjustment(LockedAdjustment):
    """Adjusts or verifies the classes of points. What ``editsAllowed`` locks must come back as it was."""

    _audited: PaintedPoints

    def _former(self, line: dict[str, Any]) -> Segmented:
        former: Segmented = super()._former(line)
        try:
            points = self._audited.count(line)
        except ValueError as error:
            raise ObjectFailure(str(error)) from None
        if len(former.numbers) != points:
            message = f"The label has {len(former.numbers):,} points, but the point cloud has {points:,}."
            raise ObjectFailure(message)
        return former

    def check_locks(self, before: Segmented, now: Segmented) -> None:
        categories = self._audited.categories
        kept = bytearray(256)
        for label in categories.locked:
            kept[self._audited.positions[label] + 1] = self._audited.positions[label] + 1
        table = bytes(kept)
        if before.numbers.translate(table) != now.numbers.translate(table):
            raise AnswerError(f"{self.key}: points of a label that the category file locks were changed.")
        name = locked_change(before.attributes, now.attributes, categories.frame_attributes)
        if name is not None:
            raise AnswerError(f"{self.key}: the attribute {name} is locked.")


def _count_off(first: bytes, second: bytes) -> int:
    """How many points have different classes."""
    return sum(mine != true for mine, true in zip(first, second, strict=True))


def _is_right(wrong: int, points: int) -> bool:
    return wrong <= (1 - _ABOUT_RIGHT) * points
