"""Reads the frames of a worker's answer in a video frame task, and checks them against the category file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.manifest.sequences import (
    MAX_SHAPES,
    Frame,
    FrameSequence,
    LabeledFrame,
    Shape,
    geometry_of,
    geometry_problem,
    is_number,
)
from labeling_provider.request.sequence_categories import Attribute, SequenceCategories
from labeling_provider.service.kinds.kind import AnswerError, shown

_NAME: Final = re.compile(r":[1-9][0-9]{0,8}")
_MAX_ID: Final = 100


class AnswerReader:
    """Reads one answer.

    :param key: of the answer, for errors.
    :param tracks: whether objects have ids.
    :param audits: whether there may be names and attributes of an earlier job, which this one would not give.
    """

    def __init__(
        self, key: str, categories: SequenceCategories, sequence: FrameSequence, *, tracks: bool, audits: bool
    ) -> None:
        self._key, self._categories, self._sequence = key, categories, sequence
        self._tracks, self._audits = tracks, audits
        self._names: dict[str, str] = {}
        self._ids: dict[str, str] = {}

    def frames(self, given: Any) -> tuple[LabeledFrame, ...]:
        """All frames of the sequence.

        :param given: the answer's list of frames.
        :raises AnswerError: naming the key that is wrong, or the frame in which something required is missing.
        """
        if not isinstance(given, list):
            raise self._error("frames is missing or not a list")
        frames = {frame.number: frame for frame in self._sequence.frames}
        found: dict[int, LabeledFrame] = {}
        for place, one in enumerate(given):
            where = f"frames[{place}]"
            number = one.get("frameNumber") if isinstance(one, dict) else None
            frame = frames.get(number) if type(number) is int else None
            if frame is None:
                raise self._error(f"{where}.frameNumber is not the number of a frame of the sequence")
            if frame.number in found:
                raise self._error(f"{where}.frameNumber is {frame.number}, which another one has")
            found[frame.number] = self._frame(one, frame, where)
        rules = self._categories.frame_attributes
        for frame in self._sequence.frames:
            attributes = found[frame.number].attributes if frame.number in found else {}
            self._check_required(attributes, rules, f"frame {frame.number}")
        return tuple(
            found.get(frame.number, LabeledFrame(frame.number, frame.name, {}, ())) for frame in self._sequence.frames
        )

    def _frame(self, given: dict[str, Any], frame: Frame, where: str) -> LabeledFrame:
        if given.get("frame", frame.name) != frame.name:
            raise self._error(f"{where}.frame is not the name of frame {frame.number}")
        tool = self._categories.tool
        listed = given.get(tool.answers, [])
        if not isinstance(listed, list) or len(listed) > MAX_SHAPES:
            raise self._error(f"{where}.{tool.answers} is not a list of at most {MAX_SHAPES} shapes")
        shapes = [self._shape(one, frame, f"{where}.{tool.answers}[{place}]") for place, one in enumerate(listed)]
        ids = [shape.object_id for shape in shapes]
        if self._tracks and len(set(ids)) < len(ids):
            raise self._error(f"frame {frame.number}: an object is in it twice")
        rules = self._categories.frame_attributes
        attributes = self._attributes(given.get("frameAttributes"), rules, f"{where}.frameAttributes", Quota.FRAME_TEXT)
        return LabeledFrame(frame.number, frame.name, attributes, tuple(shapes))

    def _shape(self, given: Any, frame: Frame, where: str) -> Shape:
        if not isinstance(given, dict):
            raise self._error(f"{where} is not a JSON object")
        label = given.get("label")
        rules = self._categories.label_attributes.get(label) if isinstance(label, str) else None
        if not isinstance(label, str) or rules is None:
            raise self._error(f"{where}.label is {shown(label)}, which is not one of the job's labels")
        trouble = geometry_problem(given, self._categories.tool)
        if trouble:
            raise self._error(f"{where}.{trouble}")
        key = "labelCategoryAttributes"
        attributes = self._attributes(given.get(key), rules, f"{where}.{key}", Quota.CATEGORY_TEXT)
        tracked = self._object(given, label, where) if self._tracks else ("", "")
        self._check_required(attributes, rules, f"frame {frame.number}: {tracked[1] or label}")
        return Shape(label, geometry_of(given, self._categories.tool), *tracked, attributes)

    def _object(self, given: dict[str, Any], label: str, where: str) -> tuple[str, str]:
        """Id and name of a shape's object. An object has one name, and so one label, in all frames."""
        object_id, name = given.get("objectId"), given.get("objectName")
        if not isinstance(object_id, str) or not 1 <= len(object_id) <= _MAX_ID:
            raise self._error(f"{where}.objectId is not a text of 1 to {_MAX_ID} characters")
        is_name = isinstance(name, str) and len(name) <= _MAX_ID and (self._audits or is_object_name(name, label))
        if not isinstance(name, str) or not is_name:
            raise self._error(f"{where}.objectName is not the label and a number, such as {label + ':1'!r}")
        if self._names.setdefault(object_id, name) != name or self._ids.setdefault(name, object_id) != object_id:
            raise self._error(f"{where}: an object has one objectId and one objectName in all frames")
        return object_id, name

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
                raise self._error(f"{where} has {name[:40]!r}, which is no attribute of it")
            problem = rule.problem(value, longest)
            if problem:
                raise self._error(f"{where}.{name} {problem}")
        return given

    def _check_required(self, attributes: dict[str, Any], rules: Mapping[str, Attribute], where: str) -> None:
        for name, rule in rules.items():
            if rule.is_required and attributes.get(name, "") == "":
                raise self._error(f"{where}: the attribute {name} is required")

    def _error(self, message: str) -> AnswerError:
        return AnswerError(f"{self._key}: {message}.")


def is_object_name(name: Any, label: str) -> bool:
    """Whether a name is ``<label>:<number>``."""
    return isinstance(name, str) and name.startswith(label) and bool(_NAME.fullmatch(name[len(label) :]))
