"""What tasks on video frames and on point clouds share: shapes in frames, of objects that may have ids across frames.

An answer is all frames of an object, each with its shapes. Amazon does not consolidate: the label is a worker's answer.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any, ClassVar, Final, Generic, TypeVar

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.documents import as_json
from labeling_provider.groundtruth.frame_tools import TRACKING
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.manifest import Label
from labeling_provider.manifest.sequences import Frame, LabeledFrame, SequenceError, Shape
from labeling_provider.request.sequence_categories import Attribute, SequenceCategories
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.adjustment import LockedAdjustment
from labeling_provider.service.kinds.frame_answers import AnsweredFrames, AnswerReader, called
from labeling_provider.service.kinds.kind import AnswerError, Auditable, Content, Kind, Response, runs
from labeling_provider.service.kinds.simulated_frames import SimulatedFrames, together
from labeling_provider.service.kinds.stored_data import Recent

KEPT_SEQUENCES: Final = 16
LOOKED_FOR: Final = 20
"""How many frames of a sequence are checked for existing files."""
_NAMED: Final = 5
Sequenced = TypeVar("Sequenced")


class SequenceFiles(Generic[Sequenced]):
    """The latest sequence files of a job.

    :param read: parses a file; its parameters are the bytes and the URI.
    :param max_bytes: the largest file that may be used.
    """

    def __init__(self, object_store: ObjectStore, read: Callable[[bytes, str], Sequenced], max_bytes: int) -> None:
        self._store, self._read, self._max_bytes = object_store, read, max_bytes
        self._sequences = Recent[Sequenced](KEPT_SEQUENCES)

    def of(self, uri: str) -> Sequenced:
        """The sequence of a file.

        :raises ValueError: in words for people, if the file is missing or can't be used.
        """
        try:
            # A byte more, so that one that is too large is seen to be.
            return self._sequences.of(uri, lambda: self._read(self._store.beginning(uri, self._max_bytes + 1), uri))
        except MissingObject:
            raise ValueError(f"There is no sequence file {uri}.") from None
        except SequenceError as error:
            raise ValueError(f"The sequence file can't be used. {error}.") from None


class DrawnFrames(Auditable):
    """Shapes in frames.

    :cvar about_right: least likeness to the right shape at which simulated workers leave a shape alone, 0 to 1.
    :cvar name_key: the key of a frame's name in answers.
    :cvar renames: whether labels may name frames differently than the sequence does; then their numbers count.
    """

    remembers = 0
    about_right: ClassVar[float]
    name_key: ClassVar[str] = "frame"
    renames: ClassVar[bool] = False

    @abstractmethod
    def frames(self, line: dict[str, Any]) -> tuple[Frame, ...]:
        """The frames of a data object.

        :raises ValueError: in words for people, if its files can't be used.
        """

    @abstractmethod
    def likeness(self, first: Shape, second: Shape) -> float:
        """How alike two shapes are, 0 to 1."""

    @abstractmethod
    def pairs(self, first: Sequence[Shape], second: Sequence[Shape]) -> list[tuple[float, int, int]]:
        """Pairs of shapes that can be the same object, most alike first: likeness, and the index of each."""

    @abstractmethod
    def read_truth(self, truth: Any) -> Iterable[LabeledFrame]:
        """The frames of a truth, which is user input: the content of a file, or a JSON value.

        :raises ValueError: or :class:`.LabelingError`, if it is not valid for this kind.
        """

    @abstractmethod
    def moved(self, shape: Shape, share: float) -> Shape:
        """A shape displaced by a share of its size."""

    @cached_property
    def categories(self) -> SequenceCategories:
        """What workers can choose from."""
        return SequenceCategories(self.job.categories, self.job.task_type.has_point_clouds)

    @property
    def tracks(self) -> bool:
        """Whether objects have ids across frames."""
        return self.key == TRACKING

    @property
    def is_sequence(self) -> bool:
        """Whether an answer lists frames rather than being about one."""
        return True

    @property
    def has_names(self) -> bool:
        """Whether objects have names without having ids."""
        return False

    # Answers

    def read_answer(self, content: Content, line: dict[str, Any]) -> AnsweredFrames:
        form = self.form(content)
        try:
            frames = self.frames(line)
        except ValueError as error:
            raise AnswerError(str(error)[:300]) from None
        reader = AnswerReader(
            self.key,
            self.categories,
            frames,
            tracks=self.tracks,
            audits=self.job.task_type.audits,
            names=self.has_names,
            name_key=self.name_key,
        )
        return reader.frames(form.get("frames")) if self.is_sequence else (reader.only_frame(form),)

    def form_of(self, answer: Any, line: dict[str, Any]) -> Content:
        if not self.is_sequence:
            return {self.key: self._content_form(answer[0])}
        return {self.key: {"frames": [self._frame_form(frame) for frame in answer if frame.shapes or frame.attributes]}}

    def _frame_form(self, frame: LabeledFrame) -> dict[str, Any]:
        """A frame in a worker's answer."""
        return {"frameNumber": frame.number, self.name_key: frame.name, **self._content_form(frame)}

    def _content_form(self, frame: LabeledFrame) -> dict[str, Any]:
        shapes = [self._shape_form(shape) for shape in frame.shapes]
        return {"frameAttributes": frame.attributes, self.categories.tool.answers: shapes}

    def _shape_form(self, shape: Shape) -> dict[str, Any]:
        ids = {"objectId": shape.object_id} if self.tracks else {}
        names = {"objectName": shape.object_name} if self.tracks or self.has_names else {}
        return {"label": shape.label, **ids, **names, "labelCategoryAttributes": shape.attributes, **shape.geometry}

    def response(self, content: Content, folder: str) -> Response:
        """An answer with its frames in separate files, as in real jobs."""
        if not self.is_sequence:
            return content, {}
        form = self.form(content)
        frames, files, entries = form.get("frames", []), dict[str, tuple[bytes, str]](), []
        for frame in frames:
            name = f"{frame['frameNumber']}.json"
            entries.append(name)
            files[join_s3_uri(folder, name)] = (as_json({self.key: [frame]}).encode(), "application/json")
        rest = {key: value for key, value in form.items() if key != "frames"}
        data = {"s3Prefix": join_s3_uri(folder, ""), "entries": entries}
        return {**content, self.key: {"frameData": data, **rest}}, files

    # Labels

    def class_map(self, answer: AnsweredFrames) -> dict[str, str]:
        """The classes that an answer uses, by their ids."""
        used = {shape.label for frame in answer for shape in frame.shapes}
        return {str(place): label for place, label in enumerate(self.job.labels) if label in used}

    def stored(self, uri: str, max_bytes: int, what: str) -> bytes:
        """A file with labels.

        :param max_bytes: most bytes to read.
        :param what: what it holds, for the error.
        :raises ValueError: if it is missing.
        """
        try:
            return self.job.object_store.beginning(uri, max_bytes)
        except MissingObject:
            raise ValueError(f"there is no file {uri} with the {what}") from None

    # Audits

    def in_frames(self, labeled: Iterable[LabeledFrame], line: dict[str, Any]) -> AnsweredFrames:
        """Labels in the frames of an object, which may differ from those that were labeled.

        :raises ValueError: if the object's files can't be used.
        """
        frames = self.frames(line)
        own, known, numbered = {frame.name for frame in frames}, dict[str, LabeledFrame](), dict[int, LabeledFrame]()
        for labels in labeled:
            if labels.name in own:
                known[labels.name] = labels
            elif self.renames or not labels.name:
                numbered[labels.number] = labels
        empty = LabeledFrame(0, "", {}, ())
        return tuple(
            (known.get(frame.name) or numbered.get(frame.number) or empty)._replace(
                number=frame.number, name=frame.name
            )
            for frame in frames
        )

    def is_same(self, answer: Any, other: Any) -> bool:
        return _by_frame(answer) == _by_frame(other)

    def fault(self, label: Label, truth: Any) -> str | None:
        right = self._truth(truth)
        if right is None:
            return None
        wrong = [frame.name for frame, true in together(self.former_answer(label), right) if self._is_off(frame, true)]
        more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        return f"To correct: {', '.join(wrong[:_NAMED])}{more}." if wrong else ""

    def _is_off(self, frame: LabeledFrame, true: LabeledFrame) -> bool:
        kept = sum(alike >= self.about_right for alike, _, _ in self.pairs(frame.shapes, true.shapes))
        return kept < max(len(frame.shapes), len(true.shapes))

    # Simulated workers

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        known = self._right_answer(line, truth)
        if known is None:
            return None
        answer = self._simulated.filled(known, rng)
        return self.form_of(answer if right else self._simulated.careless(answer, rng), line)

    def corrected(self, former: Any, line: dict[str, Any], truth: Any, rng: Random) -> AnsweredFrames | None:
        right = self._right_answer(line, truth)
        return None if right is None else self._simulated.corrected(former, right, rng)

    @cached_property
    def _simulated(self) -> SimulatedFrames:
        return SimulatedFrames(
            self.categories, self.tracks, self.has_names, self.about_right, self.likeness, self.pairs, self.moved
        )

    def _right_answer(self, line: dict[str, Any], truth: Any) -> AnsweredFrames | None:
        """The truth in the object's frames, with only those names and attribute values that answers can have.

        :raises ObjectFailure: if a file can't be read.
        """
        try:
            right = self._truth(truth)
            placed = None if right is None else self.in_frames(right, line)
        except ValueError as error:
            raise ObjectFailure(str(error)) from None
        return None if placed is None else tuple(map(self._simulated.valid, placed))

    def _truth(self, truth: Any) -> AnsweredFrames | None:
        """The truth; None if it is not valid for this kind.

        :raises ValueError: if its file can't be read.
        """
        if isinstance(truth, str):
            try:
                truth = self.job.object_store.read(truth)
            except MissingObject:
                raise ValueError(f"there is no file {truth} with the truth") from None
        elif not isinstance(truth, dict):
            return None
        try:
            return tuple(self.read_truth(truth))
        except (LabelingError, ValueError):
            return None


@runs(
    "adjustment-video-object-detection",
    "adjustment-video-object-tracking",
    "adjustment-3d-point-cloud-object-detection",
    "adjustment-3d-point-cloud-object-tracking",
)
class FrameAdjustment(LockedAdjustment):
    """Adjusts or verifies the labels of frames. What ``editsAllowed`` locks must come back as it was."""

    _audited: DrawnFrames

    def _former(self, line: dict[str, Any]) -> AnsweredFrames:
        """The former answer, in the frames of the object, which may differ from those that were labeled."""
        former = super()._former(line)
        try:
            return self._audited.in_frames(former, line)
        except ValueError as error:
            raise ObjectFailure(str(error)) from None

    def response(self, content: Content, folder: str) -> Response:
        return self._audited.response(content, folder)

    def check_locks(self, before: AnsweredFrames, now: AnsweredFrames) -> None:
        for former, current in together(before, now):
            self._check_frame(former, current)

    def _check_frame(self, before: LabeledFrame, now: LabeledFrame) -> None:
        categories = self._audited.categories
        locked = [
            [_bare(shape) for shape in frame.shapes if shape.label in categories.locked] for frame in (before, now)
        ]
        if sorted(locked[0], key=_order) != sorted(locked[1], key=_order):
            raise AnswerError(f"{self.key}: {called(now)}: shapes that the category file locks were changed.")
        name = locked_change(before.attributes, now.attributes, categories.frame_attributes)
        if name is not None:
            raise AnswerError(f"{self.key}: frame {now.number}: the attribute {name} is locked.")


def shared_input(kind: Kind, line: dict[str, Any]) -> dict[str, Any]:
    """What interfaces without a template show besides the frames."""
    job = kind.job
    return {
        "taskObject": kind.source(line),
        "labels": job.labels,
        "header": job.request.title,
        "instructions": job.categories.get("instructions", {}),
        "answerKey": kind.key,
        "categories": {key: value for key, value in job.categories.items() if key != "instructions"},
    }


def locked_change(before: Mapping[str, Any], now: Mapping[str, Any], rules: Mapping[str, Attribute]) -> str | None:
    """The name of an attribute that was changed though it is locked; None if there is none."""
    changed = (name for name, rule in rules.items() if rule.is_locked and before.get(name) != now.get(name))
    return next(changed, None)


def _by_frame(answer: Iterable[LabeledFrame]) -> dict[str, Any]:
    """A form of an answer to compare: the non-empty frames, with their shapes in a fixed order."""
    return {
        frame.name: (frame.attributes, sorted(frame.shapes, key=_order))
        for frame in answer
        if frame.shapes or frame.attributes
    }


def _order(shape: Shape) -> str:
    """A sort key for shapes that does not distinguish 1 from 1.0."""
    numbers = [
        [(float(point["x"]), float(point["y"])) for point in value] if isinstance(value, list) else float(value)
        for value in shape.geometry.values()
    ]
    return repr((shape.label, shape.object_id, shape.object_name, numbers, sorted(shape.attributes.items())))


def _bare(shape: Shape) -> Shape:
    """A shape without its attributes, which have their own locks."""
    return shape._replace(attributes={})
