"""Shapes in sequences of video frames: object detection, and object tracking, where objects have ids over the frames.

A worker's answer lists frames; those without shapes and attributes may be left out::

    {"trackingAnnotations": {"frames": [{"frameNumber": 3, "frame": "003.jpg", "frameAttributes": {}, "boundingBoxes":
     [{"label": "van", "objectId": "…", "objectName": "van:1", "labelCategoryAttributes": {}, "left": 40, …}]}]}}

Worker-response files hold ``frameData`` in place of ``frames``, and a file for each frame beside them, as real jobs do.
What Amazon does not document is chosen here, and only here: ``detectionAnnotations`` without ids for object detection,
the files' names (``<frame number>.json``, listed in ``entries``), and the lists of other tools than the box.
Sources: developer guide, "Video Frame Object Detection" and "Video Frame Object Tracking", and their "Output" sections.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any, Final

from labeling_provider.groundtruth.documents import as_json
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.sequences import LABEL_LISTS, TRACKING, sequence_label_uri
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.manifest import Label, SequenceLabel
from labeling_provider.manifest.sequences import (
    MAX_LABEL_BYTES,
    Frame,
    FrameSequence,
    LabeledFrame,
    SequenceData,
    SequenceError,
    Shape,
    read_sequence,
    read_sequence_label,
    sequence_label,
)
from labeling_provider.request.sequence_categories import Attribute, SequenceCategories
from labeling_provider.service.cloud.object_store import MissingObject
from labeling_provider.service.errors import ObjectFailure
from labeling_provider.service.kinds.adjustment import Adjustment
from labeling_provider.service.kinds.frame_answers import AnswerReader, is_object_name
from labeling_provider.service.kinds.kind import (
    Answered,
    AnswerError,
    Auditable,
    Content,
    JobFacts,
    ObjectLabel,
    Response,
    runs,
)
from labeling_provider.service.kinds.skills import Skill

Answer = tuple[LabeledFrame, ...]
"""All frames of a sequence, in its order."""

_ABOUT_RIGHT: Final = 0.75
"""The likeness to the right shape from which simulated workers leave a shape alone."""
_KEPT_SEQUENCES: Final = 16
_NAMED: Final = 5
_LOOKED_FOR: Final = 20
"""For how many frames of a sequence it is checked whether their pictures exist."""
_EMPTY: Final = Shape("", {}, "", "", {})


@runs("video-object-detection", "video-object-tracking")
class Frames(Auditable):
    """The truth is the content of a ``SeqLabel.json``, or its S3 URI. Its classes are ids, or names under ``label``."""

    remembers = 0

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job)
        self._sequences: OrderedDict[str, FrameSequence] = OrderedDict()

    @cached_property
    def categories(self) -> SequenceCategories:
        """What workers can choose from."""
        return SequenceCategories(self.job.categories)

    @property
    def tracks(self) -> bool:
        """Whether objects have ids over the frames."""
        return self.key == TRACKING

    def sequence(self, line: dict[str, Any]) -> FrameSequence:
        """The frames of a data object.

        :raises ValueError: in words for people, if its sequence file is missing or can't be used.
        """
        uri = self.source(line)
        known = self._sequences.get(uri)
        if known is None:
            try:
                body = self.job.object_store.beginning(uri, Quota.SEQUENCE_FILE_BYTES + 1)
                known = read_sequence(body, uri)
            except MissingObject:
                raise ValueError(f"There is no sequence file {uri}.") from None
            except SequenceError as error:
                raise ValueError(f"The sequence file can't be used. {error}.") from None
            self._sequences[uri] = known
            if len(self._sequences) > _KEPT_SEQUENCES:
                self._sequences.popitem(last=False)
        return known

    def obstacle(self, line: dict[str, Any]) -> str | None:
        try:
            sequence = self.sequence(line)
        except ValueError as error:
            return str(error)
        # A sample: to ask for each of 2,000 frames takes minutes where the objects are far away.
        for frame in sequence.frames[:: len(sequence.frames) // _LOOKED_FOR + 1]:
            if self.job.object_store.version(sequence.uri(frame)) is None:
                return f"There is no picture {sequence.uri(frame)} for frame {frame.number}."
        return None

    # What people see

    def own_input(self, line: dict[str, Any]) -> dict[str, Any]:
        """What the interface shows, which has no template to say it."""
        sequence = self.sequence(line)
        return {
            "taskObject": self.source(line),
            "labels": self.job.labels,
            "header": self.job.request["HumanTaskConfig"]["TaskTitle"],
            "instructions": self.job.categories.get("instructions", {}),
            "answerKey": self.key,
            "categories": {key: value for key, value in self.job.categories.items() if key != "instructions"},
            "frames": [
                {"frame-no": frame.number, "frame": frame.name, "uri": sequence.uri(frame)} for frame in sequence.frames
            ],
        }

    # Answers

    def read_answer(self, content: Content, line: dict[str, Any]) -> Answer:
        form = self.form(content)
        try:
            sequence = self.sequence(line)
        except ValueError as error:
            raise AnswerError(str(error)[:300]) from None
        audits = self.job.task_type.audits
        reader = AnswerReader(self.key, self.categories, sequence, tracks=self.tracks, audits=audits)
        return reader.frames(form.get("frames"))

    def form_of(self, answer: Any, line: dict[str, Any]) -> Content:
        return {self.key: {"frames": [self.frame_form(frame) for frame in answer if frame.shapes or frame.attributes]}}

    def frame_form(self, frame: LabeledFrame) -> dict[str, Any]:
        """A frame in a worker's answer."""
        return {
            "frameNumber": frame.number,
            "frame": frame.name,
            "frameAttributes": frame.attributes,
            self.categories.tool.answers: [self._shape_form(shape) for shape in frame.shapes],
        }

    def _shape_form(self, shape: Shape) -> dict[str, Any]:
        ids = {"objectId": shape.object_id, "objectName": shape.object_name} if self.tracks else {}
        return {"label": shape.label, **ids, "labelCategoryAttributes": shape.attributes, **shape.geometry}

    def response(self, content: Content, folder: str) -> Response:
        """With the frames in files of their own, as real jobs have them."""
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

    def label_of(
        self, answers: Sequence[Answer], skills: Sequence[Skill], answered: Answered, stamp: str
    ) -> ObjectLabel:
        """The label of a sequence is one worker's answer: Ground Truth consolidates none."""
        answer = min(answers, key=repr)
        used = {shape.label for frame in answer for shape in frame.shapes}
        class_map = {str(place): label for place, label in enumerate(self.job.labels) if label in used}
        document = as_json({LABEL_LISTS[self.key]: [self._labeled(frame) for frame in answer]})
        uri = sequence_label_uri(self.job.output, answered.object_id)
        return ObjectLabel(uri, {"class-map": class_map}, {uri: (document.encode(), "application/json")})

    def _labeled(self, frame: LabeledFrame) -> dict[str, Any]:
        """A frame in ``SeqLabel.json``."""
        attributes = (
            {"frame-attributes": frame.attributes} if frame.attributes or self.categories.frame_attributes else {}
        )
        shapes = [self._labeled_shape(shape) for shape in frame.shapes]
        return {
            self.categories.tool.labels: shapes,
            # Numbers are texts here, as in the guide's samples and in the output of real jobs.
            "frame-no": str(frame.number),
            "frame": frame.name,
            **attributes,
        }

    def _labeled_shape(self, shape: Shape) -> dict[str, Any]:
        ids = {"object-id": shape.object_id, "object-name": shape.object_name} if self.tracks else {}
        class_id = str(self.positions[shape.label])
        return {**shape.geometry, "class-id": class_id, "label-category-attributes": shape.attributes, **ids}

    # Audits

    def former_answer(self, label: Label) -> Answer:
        uri, names = str(label.value), label.class_names if isinstance(label, SequenceLabel) else {}
        try:
            body = self.job.object_store.beginning(uri, MAX_LABEL_BYTES + 1)
        except MissingObject:
            raise ValueError(f"there is no file {uri} with the labels") from None
        try:
            found = read_sequence_label(body, uri, self.key, names)
        except SequenceError as error:
            raise ValueError(str(error)) from None
        self._check_tool(found, uri)
        return found.frames

    def _check_tool(self, found: SequenceData, where: str) -> None:
        if found.tool not in {None, self.categories.tool}:
            tool, own = found.tool.name if found.tool else "", self.categories.tool.name
            raise ValueError(f"{where} was drawn with {tool}, but annotationType is {own}")

    def is_same(self, answer: Any, other: Any) -> bool:
        return _by_frame(answer) == _by_frame(other)

    def fault(self, label: Label, truth: Any) -> str | None:
        right = self._truth(truth)
        if right is None:
            return None
        wrong = [frame.name for frame, true in _together(self.former_answer(label), right) if self._is_off(frame, true)]
        more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        return f"To correct: {', '.join(wrong[:_NAMED])}{more}." if wrong else ""

    def _is_off(self, frame: LabeledFrame, true: LabeledFrame) -> bool:
        from labeling_provider.quality.sequences import frame_size, match

        tool = self.categories.tool
        pairs = match(frame.shapes, true.shapes, tool, frame_size([frame.shapes, true.shapes], tool))
        kept = sum(alike >= _ABOUT_RIGHT for alike, _, _ in pairs)
        return kept < max(len(frame.shapes), len(true.shapes))

    # Simulated workers

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        answer = self._right_answer(line, truth, rng)
        if answer is None:
            return None
        return self.form_of(answer if right else self._careless(answer, rng), line)

    def _right_answer(self, line: dict[str, Any], truth: Any, rng: Random) -> Answer | None:
        """The truth in the sequence's frames, with values for required attributes that it does not know.

        :raises ObjectFailure: if a file can't be read.
        """
        try:
            sequence, found = self.sequence(line), self._truth(truth)
        except ValueError as error:
            raise ObjectFailure(str(error)) from None
        if found is None:
            return None
        known = {frame.name: frame for frame in found}
        numbered = {frame.number: frame for frame in found if not frame.name}
        frames = (known.get(frame.name) or numbered.get(frame.number) for frame in sequence.frames)
        return tuple(self._filled(frame, true, rng) for frame, true in zip(sequence.frames, frames, strict=True))

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
        read = read_sequence_label if isinstance(truth, bytes) else sequence_label
        try:
            found = read(truth, "truth", self.key, self.job.labels)
            self._check_tool(found, "truth")
        except (SequenceError, ValueError):
            return None
        return found.frames

    def _filled(self, frame: Frame, true: LabeledFrame | None, rng: Random) -> LabeledFrame:
        given = true or LabeledFrame(frame.number, frame.name, {}, ())
        shapes = tuple(
            shape._replace(
                attributes=_valid(
                    shape.attributes, self.categories.label_attributes[shape.label], Quota.CATEGORY_TEXT, rng
                ),
                **self._tracked(shape),
            )
            for shape in given.shapes
        )
        attributes = _valid(given.attributes, self.categories.frame_attributes, Quota.FRAME_TEXT, rng)
        return LabeledFrame(frame.number, frame.name, attributes, shapes)

    def _tracked(self, shape: Shape) -> dict[str, Any]:
        """A name in the form that answers have."""
        if not self.tracks or is_object_name(shape.object_name, shape.label):
            return {}
        number = uuid.uuid5(uuid.NAMESPACE_OID, shape.object_id).int % 1_000_000 + 1
        return {"object_name": f"{shape.label}:{number}"}

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
                shape if not _is_object(shape, lost) else _moved(shape, aside)
                for shape in frames[place].shapes
                if not (vanishes and _is_object(shape, lost))
            ]
            frames[place] = frames[place]._replace(shapes=tuple(shapes))
            if not self.tracks:
                break
        return tuple(frames)

    def corrected(self, former: Any, line: dict[str, Any], truth: Any, rng: Random) -> Answer | None:
        right = self._right_answer(line, truth, rng)
        if right is None:
            return None
        locked, pairs = self.categories.locked, list(_together(former, right))
        names = self._names(former, right, pairs) if self.tracks else {}
        frames = []
        for before, true in pairs:
            kept = [shape for shape in before.shapes if shape.label in locked]
            drawn = (self._kept(shape, before, names) for shape in true.shapes if shape.label not in locked)
            attributes = _unlocked(before.attributes, true.attributes, self.categories.frame_attributes)
            frames.append(true._replace(shapes=(*kept, *drawn), attributes=attributes))
        return tuple(frames)

    def _names(
        self, former: Answer, right: Answer, pairs: Iterable[tuple[LabeledFrame, LabeledFrame]]
    ) -> dict[str, tuple[str, str]]:
        """Id and name for each object of the truth, by its id there: the former ones, or else its own.

        Its own are lengthened where the former labels have them for another object.
        """
        found = {own: (shape.object_id, shape.object_name) for own, shape in self._objects(pairs).items()}
        before = [shape for frame in former for shape in frame.shapes]
        ids, names = {shape.object_id for shape in before}, {shape.object_name for shape in before}
        for shape in (shape for frame in right for shape in frame.shapes if shape.object_id not in found):
            object_id, name = shape.object_id, shape.object_name
            while object_id in ids:
                object_id += "1"
            while name in names:
                name += "1"
            ids.add(object_id)
            names.add(name)
            found[shape.object_id] = object_id, name
        return found

    def _objects(self, pairs: Iterable[tuple[LabeledFrame, LabeledFrame]]) -> dict[str, Shape]:
        """The object of the former labels that is most often where each object of the truth is, by the truth's id."""
        from labeling_provider.quality.sequences import frame_size, match

        tool, votes = self.categories.tool, dict[tuple[str, str], tuple[int, Shape]]()
        for before, true in pairs:
            for _, own, other in match(
                true.shapes, before.shapes, tool, frame_size([true.shapes, before.shapes], tool)
            ):
                key = (true.shapes[own].object_id, before.shapes[other].object_id)
                votes[key] = (votes.get(key, (0, _EMPTY))[0] + 1, before.shapes[other])
        found, taken = dict[str, Shape](), set[str]()
        for (true_id, own_id), (_, shape) in sorted(votes.items(), key=lambda vote: (-vote[1][0], vote[0])):
            if true_id not in found and own_id not in taken:
                found[true_id] = shape
                taken.add(own_id)
        return found

    def _kept(self, shape: Shape, before: LabeledFrame, names: Mapping[str, tuple[str, str]]) -> Shape:
        """A shape of the truth, or the former one if that is about right, under the names of its object."""
        from labeling_provider.quality.sequences import frame_size, likeness

        tool = self.categories.tool
        object_id, name = names.get(shape.object_id, (shape.object_id, shape.object_name))
        named = shape._replace(object_id=object_id, object_name=name)
        rivals = [one for one in before.shapes if one.label == shape.label and one.object_id == named.object_id]
        size = frame_size([rivals, [shape]], tool)
        near = max(rivals, key=lambda one: likeness(one, shape, tool, size), default=None)
        if near is not None and likeness(near, shape, tool, size) >= _ABOUT_RIGHT:
            rules = self.categories.label_attributes[shape.label]
            return near._replace(attributes=_unlocked(near.attributes, named.attributes, rules))
        return named


@runs("adjustment-video-object-detection", "adjustment-video-object-tracking")
class FrameAdjustment(Adjustment):
    """Adjusts or verifies the labels of a sequence. What ``editsAllowed`` locks must come back as it was."""

    _audited: Frames

    def own_input(self, line: dict[str, Any]) -> dict[str, Any]:
        former = self._former(line)
        return {**self._audited.own_input(line), "initial": self._audited.form_of(former, line)[self.key]}

    def obstacle(self, line: dict[str, Any]) -> str | None:
        found = self._audited.obstacle(line) or self._labels.obstacle(line)
        if found is None:
            try:
                self._former(line)
            except ObjectFailure as failure:
                return str(failure)
        return found

    def _former(self, line: dict[str, Any]) -> Answer:
        """In the frames of the sequence, which may be others than those that were labeled."""
        found = {frame.name: frame for frame in super()._former(line)}
        try:
            frames = self._audited.sequence(line).frames
        except ValueError as error:
            raise ObjectFailure(str(error)) from None
        return tuple(
            found.get(frame.name, LabeledFrame(0, "", {}, ()))._replace(number=frame.number, name=frame.name)
            for frame in frames
        )

    def response(self, content: Content, folder: str) -> Response:
        return self._audited.response(content, folder)

    def check_answer(self, content: Any, line: dict[str, Any]) -> None:
        super().check_answer(content, line)
        try:
            former = self._former(line)
        except ObjectFailure as failure:
            raise AnswerError(str(failure)[:300]) from None
        for before, now in _together(former, self.read_answer(content, line).answer):
            self._check_locks(before, now)

    def _check_locks(self, before: LabeledFrame, now: LabeledFrame) -> None:
        """Check that what workers may not change is as it was.

        :raises AnswerError: naming the frame.
        """
        categories = self._audited.categories
        locked = [[_bare(shape) for shape in one.shapes if shape.label in categories.locked] for one in (before, now)]
        if sorted(locked[0], key=repr) != sorted(locked[1], key=repr):
            raise AnswerError(f"{self.key}: frame {now.number}: shapes were changed that the category file locks.")
        for name, rule in categories.frame_attributes.items():
            if rule.is_locked and before.attributes.get(name) != now.attributes.get(name):
                raise AnswerError(f"{self.key}: frame {now.number}: the attribute {name} is locked.")


def _together(
    first: Iterable[LabeledFrame], second: Iterable[LabeledFrame]
) -> Iterator[tuple[LabeledFrame, LabeledFrame]]:
    """Each frame of the second with that of the same name of the first, or an empty one."""
    known = {frame.name: frame for frame in first}
    for frame in second:
        yield known.get(frame.name) or LabeledFrame(frame.number, frame.name, {}, ()), frame


def _by_frame(answer: Iterable[LabeledFrame]) -> dict[str, Any]:
    """What differs between two answers: the frames that have anything, with their shapes in no order."""
    return {
        frame.name: (frame.attributes, sorted(frame.shapes, key=repr))
        for frame in answer
        if frame.shapes or frame.attributes
    }


def _bare(shape: Shape) -> Shape:
    """A shape without its attributes, which have locks of their own."""
    return shape._replace(attributes={})


def _is_object(shape: Shape, other: Shape) -> bool:
    return shape.object_id == other.object_id if shape.object_id else shape is other


def _moved(shape: Shape, share: float) -> Shape:
    """A shape that is beside its place by a share of its width, and at least by 20 pixels."""
    found = dict(shape.geometry)
    points = found.get("vertices", [found])
    across = [point.get("x", 0) for point in points]
    far = share * max(found.get("width", max(across) - min(across)), 20 / abs(share))
    if "vertices" in found:
        found["vertices"] = [{**point, "x": round(point["x"] + far)} for point in points]
    else:
        side = "left" if "left" in found else "x"
        found[side] = round(found[side] + far)
    return shape._replace(geometry=found)


def _unlocked(before: dict[str, Any], true: dict[str, Any], rules: Mapping[str, Attribute]) -> dict[str, Any]:
    """The true attributes, but as they were where workers may not, or can not, change them."""
    locked = {name for name, rule in rules.items() if rule.is_locked}
    kept = {name: value for name, value in before.items() if name in locked or name not in rules}
    return {**kept, **{name: value for name, value in true.items() if name not in locked}}


def _valid(given: dict[str, Any], rules: Mapping[str, Attribute], longest: int, rng: Random) -> dict[str, Any]:
    """The values that attributes can have, and some for those that are required and not known."""
    found = {name: value for name, value in given.items() if name in rules and not rules[name].problem(value, longest)}
    for name, rule in rules.items():
        if rule.is_required and found.get(name, "") == "":
            low = 0 if rule.least is None else rule.least
            found[name] = low if rule.is_number else rng.choice(rule.choices or ("unknown",))
    return found
