"""What tasks on frames of videos and on point clouds share: shapes in frames, of objects that may have ids over them.

An answer is all frames of an object, each with its shapes. Amazon consolidates none: the label is a worker's answer.
"""

from __future__ import annotations

import uuid
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any, ClassVar, Final

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.documents import as_json
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.frame_tools import TRACKING
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.manifest import Label
from labeling_provider.manifest.sequences import Frame, LabeledFrame, Shape
from labeling_provider.request.sequence_categories import Attribute, SequenceCategories
from labeling_provider.service.cloud.object_store import MissingObject
from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.adjustment import LockedAdjustment
from labeling_provider.service.kinds.frame_answers import AnswerReader, called, is_object_name, with_names
from labeling_provider.service.kinds.kind import AnswerError, Auditable, Content, Kind, Response, runs
from labeling_provider.service.kinds.linked_pictures import is_picture

Answer = tuple[LabeledFrame, ...]
"""All frames of an object, in its order."""

KEPT_SEQUENCES: Final = 16
LOOKED_FOR: Final = 20
"""For how many frames of a sequence it is checked whether their files exist."""
_NAMED: Final = 5
_EMPTY: Final = Shape("", {}, "", "", {})


class DrawnFrames(Auditable):
    """Shapes in frames.

    :cvar about_right: the likeness to the right shape from which simulated workers leave a shape alone, 0 to 1.
    :cvar name_key: of a frame's name in answers.
    :cvar renames: whether labels may call frames otherwise than the sequence does; then their numbers count.
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
        """Pairs of shapes that can be of the same object, the most alike first: likeness, and the place of each."""

    @abstractmethod
    def read_truth(self, truth: Any) -> Iterable[LabeledFrame]:
        """The frames of a truth, which is user input: the content of a file, or a JSON value.

        :raises ValueError: or :class:`.LabelingError`, if it is not valid for this kind.
        """

    @abstractmethod
    def moved(self, shape: Shape, share: float) -> Shape:
        """A shape that is beside its place by a share of its size."""

    @cached_property
    def categories(self) -> SequenceCategories:
        """What workers can choose from."""
        return SequenceCategories(self.job.categories, self.job.task_type.media)

    @property
    def tracks(self) -> bool:
        """Whether objects have ids over the frames."""
        return self.key == TRACKING

    @property
    def is_sequence(self) -> bool:
        """Whether an answer lists frames; else it is about one."""
        return True

    @property
    def has_names(self) -> bool:
        """Whether objects have names without having ids."""
        return False

    # Answers

    def read_answer(self, content: Content, line: dict[str, Any]) -> Answer:
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
        """With the frames in files of their own, as real jobs have them."""
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

    def class_map(self, answer: Answer) -> dict[str, str]:
        """The classes that an answer uses, by their ids."""
        used = {shape.label for frame in answer for shape in frame.shapes}
        return {str(place): label for place, label in enumerate(self.job.labels) if label in used}

    def stored(self, uri: str, most: int, what: str) -> bytes:
        """A file with labels.

        :param most: how many bytes are read, at most.
        :param what: what it holds, for the error.
        :raises ValueError: if it is missing.
        """
        try:
            return self.job.object_store.beginning(uri, most)
        except MissingObject:
            raise ValueError(f"there is no file {uri} with the {what}") from None

    # Audits

    def in_frames(self, labeled: Iterable[LabeledFrame], line: dict[str, Any]) -> Answer:
        """Labels in the frames of an object, which may be others than those that were labeled.

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
        answer = self._filled(known, rng)
        return self.form_of(answer if right else self._careless(answer, rng), line)

    def _right_answer(self, line: dict[str, Any], truth: Any) -> Answer | None:
        """The truth in the object's frames, with such names and values of attributes as answers can have.

        :raises ObjectFailure: if a file can't be read.
        """
        try:
            right = self._truth(truth)
            placed = None if right is None else self.in_frames(right, line)
        except ValueError as error:
            raise ObjectFailure(str(error)) from None
        return None if placed is None else tuple(map(self._valid, placed))

    def _truth(self, truth: Any) -> Answer | None:
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

    def _valid(self, frame: LabeledFrame) -> LabeledFrame:
        shapes = tuple(
            shape._replace(
                attributes=valid(shape.attributes, self.categories.label_attributes[shape.label], Quota.CATEGORY_TEXT),
                object_name=self._name(shape),
            )
            for shape in frame.shapes
        )
        attributes = valid(frame.attributes, self.categories.frame_attributes, Quota.FRAME_TEXT)
        return frame._replace(attributes=attributes, shapes=with_names(shapes, self.has_names))

    def _filled(self, answer: Answer, rng: Random) -> Answer:
        """An answer with values for the required attributes that it does not have."""
        rules = self.categories
        return tuple(
            frame._replace(
                attributes={} if is_picture(frame) else filled(frame.attributes, rules.frame_attributes, rng),
                shapes=tuple(
                    shape._replace(attributes=filled(shape.attributes, rules.label_attributes[shape.label], rng))
                    for shape in frame.shapes
                ),
            )
            for frame in answer
        )

    def _name(self, shape: Shape) -> str:
        """A name in the form that answers have; empty if it has none."""
        if is_object_name(shape.object_name, shape.label) or not self.tracks:
            return shape.object_name if is_object_name(shape.object_name, shape.label) else ""
        number = uuid.uuid5(uuid.NAMESPACE_OID, shape.object_id).int % 1_000_000 + 1
        return f"{shape.label}:{number}"

    def _careless(self, answer: Answer, rng: Random) -> Answer:
        """What somebody draws who loses an object, or its place, in a part of the sequence."""
        drawn = [place for place, frame in enumerate(answer) if frame.shapes]
        if not drawn:
            return answer
        first = rng.choice(drawn)
        lost = rng.choice(answer[first].shapes)
        aside, vanishes = rng.choice((-0.6, 0.6)), rng.random() < 0.3
        frames = list(answer)
        for place in range(first, len(frames)):
            shapes = [
                shape if not _is_object(shape, lost) else self.moved(shape, aside)
                for shape in frames[place].shapes
                if not (vanishes and _is_object(shape, lost))
            ]
            frames[place] = frames[place]._replace(shapes=tuple(shapes))
            if not self.tracks:
                break
        return tuple(frames)

    def corrected(self, former: Any, line: dict[str, Any], truth: Any, rng: Random) -> Answer | None:
        right = self._right_answer(line, truth)
        if right is None:
            return None
        locked, pairs = self.categories.locked, list(together(former, right))
        names = self._names(former, right, pairs) if self.tracks else {}
        frames = []
        for before, true in pairs:
            kept = [shape for shape in before.shapes if shape.label in locked]
            drawn = (self._kept(shape, before, names) for shape in true.shapes if shape.label not in locked)
            attributes = unlocked(before.attributes, true.attributes, self.categories.frame_attributes)
            shapes = self._renamed(kept, drawn)
            frames.append(true._replace(shapes=shapes, attributes=attributes))
        return self._filled(tuple(frames), rng)

    def _renamed(self, kept: Iterable[Shape], drawn: Iterable[Shape]) -> tuple[Shape, ...]:
        """All shapes of a frame; where names are only of one frame, none is there twice."""
        shapes = [*kept, *drawn]
        if not self.has_names:
            return tuple(shapes)
        taken = set[str]()
        for place, shape in enumerate(shapes):
            shapes[place] = shape._replace(object_name="" if shape.object_name in taken else shape.object_name)
            taken.add(shape.object_name)
        return with_names(shapes, has_names=True)

    def _names(
        self, former: Answer, right: Answer, pairs: Iterable[tuple[LabeledFrame, LabeledFrame]]
    ) -> dict[str, tuple[str, str]]:
        """Id and name for each object of the truth, by its id there: the former ones, or else its own.

        Its own are lengthened where the former labels have them for another object.
        """
        named = {own: (shape.object_id, shape.object_name) for own, shape in self._objects(pairs).items()}
        before = [shape for frame in former for shape in frame.shapes]
        ids, names = {shape.object_id for shape in before}, {shape.object_name for shape in before}
        for shape in (shape for frame in right for shape in frame.shapes if shape.object_id not in named):
            object_id, name = shape.object_id, shape.object_name
            while object_id in ids:
                object_id += "1"
            while name in names:
                name += "1"
            ids.add(object_id)
            names.add(name)
            named[shape.object_id] = object_id, name
        return named

    def _objects(self, pairs: Iterable[tuple[LabeledFrame, LabeledFrame]]) -> dict[str, Shape]:
        """The object of the former labels that is most often where each object of the truth is, by the truth's id."""
        votes = dict[tuple[str, str], tuple[int, Shape]]()
        for before, true in pairs:
            for _, own, other in self.pairs(true.shapes, before.shapes):
                key = (true.shapes[own].object_id, before.shapes[other].object_id)
                votes[key] = (votes.get(key, (0, _EMPTY))[0] + 1, before.shapes[other])
        objects, taken = dict[str, Shape](), set[str]()
        for (true_id, own_id), (_, shape) in sorted(votes.items(), key=lambda vote: (-vote[1][0], vote[0])):
            if true_id not in objects and own_id not in taken:
                objects[true_id] = shape
                taken.add(own_id)
        return objects

    def _kept(self, shape: Shape, before: LabeledFrame, names: Mapping[str, tuple[str, str]]) -> Shape:
        """A shape of the truth, or the former one if that is about right, under the names of its object."""
        object_id, name = names.get(shape.object_id, (shape.object_id, shape.object_name))
        named = shape._replace(object_id=object_id, object_name=name)
        rivals = [rival for rival in before.shapes if rival.label == shape.label and rival.object_id == named.object_id]
        alike = {place: self.likeness(rival, shape) for place, rival in enumerate(rivals)}
        nearest = max(alike, key=lambda place: alike[place], default=None)
        if nearest is not None and alike[nearest] >= self.about_right:
            near, rules = rivals[nearest], self.categories.label_attributes[shape.label]
            return near._replace(attributes=unlocked(near.attributes, named.attributes, rules))
        return named


@runs(
    "adjustment-video-object-detection",
    "adjustment-video-object-tracking",
    "adjustment-3d-point-cloud-object-detection",
    "adjustment-3d-point-cloud-object-tracking",
)
class FrameAdjustment(LockedAdjustment):
    """Adjusts or verifies the labels of frames. What ``editsAllowed`` locks must come back as it was."""

    _audited: DrawnFrames

    def _former(self, line: dict[str, Any]) -> Answer:
        """In the frames of the object, which may be others than those that were labeled."""
        former = super()._former(line)
        try:
            return self._audited.in_frames(former, line)
        except ValueError as error:
            raise ObjectFailure(str(error)) from None

    def response(self, content: Content, folder: str) -> Response:
        return self._audited.response(content, folder)

    def check_locks(self, before: Answer, now: Answer) -> None:
        for former, current in together(before, now):
            self._check_frame(former, current)

    def _check_frame(self, before: LabeledFrame, now: LabeledFrame) -> None:
        categories = self._audited.categories
        locked = [
            [_bare(shape) for shape in frame.shapes if shape.label in categories.locked] for frame in (before, now)
        ]
        if sorted(locked[0], key=_order) != sorted(locked[1], key=_order):
            raise AnswerError(f"{self.key}: {called(now)}: shapes were changed that the category file locks.")
        name = locked_change(before.attributes, now.attributes, categories.frame_attributes)
        if name is not None:
            raise AnswerError(f"{self.key}: frame {now.number}: the attribute {name} is locked.")


def shared_input(kind: Kind, line: dict[str, Any]) -> dict[str, Any]:
    """What interfaces without a template show besides the frames."""
    job = kind.job
    return {
        "taskObject": kind.source(line),
        "labels": job.labels,
        "header": job.request["HumanTaskConfig"]["TaskTitle"],
        "instructions": job.categories.get("instructions", {}),
        "answerKey": kind.key,
        "categories": {key: value for key, value in job.categories.items() if key != "instructions"},
    }


def together(
    first: Iterable[LabeledFrame], second: Iterable[LabeledFrame]
) -> Iterator[tuple[LabeledFrame, LabeledFrame]]:
    """Each frame of the second with that of the same name of the first, or an empty one."""
    known = {frame.name: frame for frame in first}
    for frame in second:
        yield known.get(frame.name) or LabeledFrame(frame.number, frame.name, {}, ()), frame


def locked_change(before: Mapping[str, Any], now: Mapping[str, Any], rules: Mapping[str, Attribute]) -> str | None:
    """The name of an attribute that was changed though it is locked; None if there is none."""
    changed = (name for name, rule in rules.items() if rule.is_locked and before.get(name) != now.get(name))
    return next(changed, None)


def unlocked(before: dict[str, Any], true: dict[str, Any], rules: Mapping[str, Attribute]) -> dict[str, Any]:
    """The former attributes, with the true values of those that are known and that workers may change."""
    locked = {name for name, rule in rules.items() if rule.is_locked}
    return {**before, **{name: value for name, value in true.items() if name not in locked}}


def valid(given: dict[str, Any], rules: Mapping[str, Attribute], longest: int) -> dict[str, Any]:
    """The values that attributes can have."""
    return {name: value for name, value in given.items() if name in rules and not rules[name].problem(value, longest)}


def filled(given: dict[str, Any], rules: Mapping[str, Attribute], rng: Random) -> dict[str, Any]:
    """Attributes with values for those that are required and not known."""
    values = dict(given)
    for name, rule in rules.items():
        if rule.is_required and values.get(name, "") == "":
            low = 0 if rule.least is None else rule.least
            values[name] = low if rule.is_number else rng.choice(rule.choices or ("unknown",))
    return values


def _by_frame(answer: Iterable[LabeledFrame]) -> dict[str, Any]:
    """What differs between two answers: the frames that have anything, with their shapes in no order."""
    return {
        frame.name: (frame.attributes, sorted(frame.shapes, key=_order))
        for frame in answer
        if frame.shapes or frame.attributes
    }


def _order(shape: Shape) -> str:
    """What puts shapes in order: the same if the same number is written as 1 and as 1.0."""
    numbers = [
        [(float(point["x"]), float(point["y"])) for point in value] if isinstance(value, list) else float(value)
        for value in shape.geometry.values()
    ]
    return repr((shape.label, shape.object_id, shape.object_name, numbers, sorted(shape.attributes.items())))


def _bare(shape: Shape) -> Shape:
    """A shape without its attributes, which have locks of their own."""
    return shape._replace(attributes={})


def _is_object(shape: Shape, other: Shape) -> bool:
    return shape.object_id == other.object_id if shape.object_id else shape is other
