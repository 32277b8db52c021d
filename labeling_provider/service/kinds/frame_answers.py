"""Reads the frames of a worker's answer about a video or point clouds, and checks them against the category file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.frame_tools import BOX, Tool
from labeling_provider.manifest.sequences import (
    MAX_SHAPES,
    Frame,
    LabeledFrame,
    Shape,
    geometry_of,
    geometry_problem,
    is_number,
)
from labeling_provider.request.sequence_categories import Attribute, SequenceCategories
from labeling_provider.service.kinds.kind import AnswerError, shown
from labeling_provider.service.kinds.linked_pictures import is_picture, picture_name

AnsweredFrames = tuple[LabeledFrame, ...]
"""All frames of an object, in its order."""

_NAME: Final = re.compile(r":[1-9][0-9]{0,8}")
_MAX_ID: Final = 100


class AnswerReader:
    """Reads one answer.

    :param key: the answer's key, for errors.
    :param frames: the frames of the data object, in order, and the pictures of cameras in which boxes are drawn.
    :param tracks: whether objects have ids.
    :param names: whether objects have names in each frame, without ids.
    :param audits: whether names and attributes of an earlier job may occur that this job would not allow.
    :param name_key: the key of a frame's name in the answer.
    """

    def __init__(
        self,
        key: str,
        categories: SequenceCategories,
        frames: Sequence[Frame],
        *,
        tracks: bool,
        audits: bool,
        names: bool = False,
        name_key: str = "frame",
    ) -> None:
        self._key, self._categories = key, categories
        self._sequence = [frame for frame in frames if not is_picture(frame)]
        self._pictures = {frame.name: frame for frame in frames if is_picture(frame)}
        self._tracks, self._audits, self._has_names, self._name_key = tracks, audits, names, name_key
        self._names: dict[str, str] = {}
        self._ids: dict[str, str] = {}

    def frames(self, given: Any) -> tuple[LabeledFrame, ...]:
        """All frames of a sequence, and then all pictures of its cameras.

        :param given: the answer's list of frames.
        :raises AnswerError: naming the key that is wrong, or the frame in which something required is missing.
        """
        if not isinstance(given, list):
            raise self._error("frames is missing or not a list")
        frames = {frame.number: frame for frame in self._sequence}
        labeled: dict[int, LabeledFrame] = {}
        drawn: dict[str, LabeledFrame] = {}
        for place, entry in enumerate(given):
            where = f"frames[{place}]"
            number = entry.get("frameNumber") if isinstance(entry, dict) else None
            frame = frames.get(number) if type(number) is int else None
            if frame is None:
                raise self._error(f"{where}.frameNumber is not the number of a frame of the sequence")
            if frame.number in labeled:
                raise self._error(f"{where}.frameNumber is {frame.number}, which another frame has")
            labeled[frame.number] = self._frame(entry, frame, f"{where}.")
            if self._pictures:
                drawn |= self._cameras(entry.get("cameras", []), frame.number, f"{where}.cameras")
        for frame in self._sequence:
            attributes = labeled[frame.number].attributes if frame.number in labeled else {}
            self.check_frame(attributes, f"frame {frame.number}: ")
        return (
            *(labeled.get(frame.number, LabeledFrame(frame.number, frame.name, {}, ())) for frame in self._sequence),
            *(drawn.get(name, LabeledFrame(frame.number, name, {}, ())) for name, frame in self._pictures.items()),
        )

    def _cameras(self, given: Any, place: int, where: str) -> dict[str, LabeledFrame]:
        """The pictures of a cloud that are in an answer, by name.

        :param place: the position of the cloud.
        """
        if not isinstance(given, list):
            raise self._error(f"{where} is not a list")
        labeled: dict[str, LabeledFrame] = {}
        for at, entry in enumerate(given):
            camera = entry.get("cameraNumber") if isinstance(entry, dict) else None
            picture = self._pictures.get(picture_name(camera, place)) if type(camera) is int else None
            if picture is None or picture.name in labeled:
                problem = f"is {camera}, which another one has" if picture else "is not the number of a picture of it"
                raise self._error(f"{where}[{at}].cameraNumber {problem}")
            shapes = self._shapes(entry, BOX, picture, f"{where}[{at}].")
            labeled[picture.name] = LabeledFrame(picture.number, picture.name, {}, tuple(shapes))
        return labeled

    def only_frame(self, given: dict[str, Any]) -> LabeledFrame:
        """The only frame of an object that is not a sequence: the answer itself.

        :raises AnswerError: as in :meth:`frames`.
        """
        if self._categories.tool.answers not in given:
            raise self._error(f"{self._categories.tool.answers} is missing")
        frame = self._frame(given, self._sequence[0], "")
        self.check_frame(frame.attributes)
        return frame

    def frame_attributes(self, given: dict[str, Any], where: str = "") -> dict[str, Any]:
        """The attributes of a frame.

        :param given: the frame in the answer.
        :param where: the beginning of its keys, with a dot.
        :raises AnswerError: naming the key that is wrong.
        """
        rules, key = self._categories.frame_attributes, "frameAttributes"
        return self._attributes(given.get(key), rules, f"{where}{key}", Quota.FRAME_TEXT)

    def check_frame(self, attributes: dict[str, Any], where: str = "") -> None:
        """Check that a frame has the attributes that are required.

        :param where: the frame, with a colon.
        :raises AnswerError: naming the one that is missing.
        """
        self._check_required(attributes, self._categories.frame_attributes, where)

    def _frame(self, given: dict[str, Any], frame: Frame, where: str) -> LabeledFrame:
        if given.get(self._name_key, frame.name) != frame.name:
            raise self._error(f"{where}{self._name_key} is not the name of frame {frame.number}")
        tool = self._categories.tool
        shapes = self._shapes(given, tool, frame, where)
        names = [shape.object_name for shape in shapes if shape.object_name]
        if self._has_names and len(set(names)) < len(names):
            raise self._error(f"{where}{tool.answers}: two objects have the same objectName")
        return LabeledFrame(
            frame.number, frame.name, self.frame_attributes(given, where), with_names(shapes, self._has_names)
        )

    def _shapes(self, given: dict[str, Any], tool: Tool, frame: Frame, where: str) -> list[Shape]:
        listed = given.get(tool.answers, [])
        if not isinstance(listed, list) or len(listed) > MAX_SHAPES:
            raise self._error(f"{where}{tool.answers} is not a list of at most {MAX_SHAPES} shapes")
        shapes = [
            self._shape(shape, tool, frame, f"{where}{tool.answers}[{place}]") for place, shape in enumerate(listed)
        ]
        ids = [shape.object_id for shape in shapes]
        if self._tracks and len(set(ids)) < len(ids):
            raise self._error(f"{called(frame)}: an object is in it twice")
        return shapes

    def _shape(self, given: Any, tool: Tool, frame: Frame, where: str) -> Shape:
        if not isinstance(given, dict):
            raise self._error(f"{where} is not a JSON object")
        label = given.get("label")
        rules = self._categories.label_attributes.get(label) if isinstance(label, str) else None
        if not isinstance(label, str) or rules is None:
            raise self._error(f"{where}.label is {shown(label)}, which is not one of the job's labels")
        trouble = geometry_problem(given, tool)
        if trouble:
            raise self._error(f"{where}.{trouble}")
        key = "labelCategoryAttributes"
        attributes = self._attributes(given.get(key), rules, f"{where}.{key}", Quota.CATEGORY_TEXT)
        tracked = self._object(given, label, where) if self._tracks else ("", self._name(given, label, where))
        if not is_picture(frame):
            self._check_required(attributes, rules, f"frame {frame.number}: {tracked[1] or label}: ")
        return Shape(label, geometry_of(given, tool), *tracked, attributes)

    def _object(self, given: dict[str, Any], label: str, where: str) -> tuple[str, str]:
        """Id and name of a shape's object. An object has one name, and so one label, in all frames."""
        object_id = given.get("objectId")
        if not isinstance(object_id, str) or not 1 <= len(object_id) <= _MAX_ID:
            raise self._error(f"{where}.objectId is not a string of 1 to {_MAX_ID} characters")
        name = self._right_name(given.get("objectName"), label, where)
        if self._names.setdefault(object_id, name) != name or self._ids.setdefault(name, object_id) != object_id:
            raise self._error(f"{where}: an object has one objectId and one objectName in all frames")
        return object_id, name

    def _name(self, given: dict[str, Any], label: str, where: str) -> str:
        """The name of an object without an id; empty if it has none."""
        name = given.get("objectName", "") if self._has_names else ""
        return self._right_name(name, label, where) if name else ""

    def _right_name(self, name: Any, label: str, where: str) -> str:
        is_name = isinstance(name, str) and len(name) <= _MAX_ID and (self._audits or is_object_name(name, label))
        if not isinstance(name, str) or not is_name:
            raise self._error(f"{where}.objectName is not the label and a number, such as {label + ':1'!r}")
        return name

    def _attributes(self, given: Any, rules: Mapping[str, Attribute], where: str, longest: int) -> dict[str, Any]:
        if given is None:
            return {}
        if not isinstance(given, dict):
            raise self._error(f"{where} is not a JSON object")
        for name, value in given.items():
            rule = rules.get(name)
            if (
                rule is None
                and self._audits
                and (is_number(value) or (isinstance(value, str) and len(value) <= longest))
            ):
                continue
            if rule is None:
                raise self._error(f"{where} has {name[:40]!r}, which is not one of its attributes")
            problem = rule.problem(value, longest)
            if problem:
                raise self._error(f"{where}.{name} {problem}")
        return given

    def _check_required(self, attributes: dict[str, Any], rules: Mapping[str, Attribute], where: str) -> None:
        for name, rule in rules.items():
            if rule.is_required and attributes.get(name, "") == "":
                raise self._error(f"{where}the attribute {name} is required")

    def _error(self, message: str) -> AnswerError:
        return AnswerError(f"{self._key}: {message}.")


def called(frame: Frame | LabeledFrame) -> str:
    """What a frame is called in messages."""
    return frame.name if is_picture(frame) else f"frame {frame.number}"


def with_names(shapes: Iterable[Shape], has_names: bool) -> tuple[Shape, ...]:
    """The shapes of a frame; those without a name get one: their label and the first free number.

    :param has_names: whether they have names at all.
    """
    named = tuple(shapes)
    if not has_names:
        return named
    taken = {shape.object_name for shape in named}
    with_all = []
    for shape in named:
        number = 1
        while not shape.object_name and f"{shape.label}:{number}" in taken:
            number += 1
        name = shape.object_name or f"{shape.label}:{number}"
        taken.add(name)
        with_all.append(shape._replace(object_name=name))
    return tuple(with_all)


def is_object_name(name: Any, label: str) -> bool:
    """Whether a name is ``<label>:<number>``."""
    return isinstance(name, str) and name.startswith(label) and bool(_NAME.fullmatch(name[len(label) :]))
