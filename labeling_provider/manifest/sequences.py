"""Sequences of video frames: the sequence file that an input manifest names, and the labels in ``SeqLabel.json``.

Sources: developer guide, "Create a Video Frame Input Manifest File", "Input Data Quotas", "Video Frame Object Detection
Output" and "Video Frame Object Tracking Output".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeGuard

from labeling_provider.errors import LabelingError, counted
from labeling_provider.groundtruth.documents import is_unicode, strict_json
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.frame_tools import LABEL_LISTS, TOOLS, Tool
from labeling_provider.groundtruth.media import IMAGE_ENDINGS
from labeling_provider.groundtruth.uris import split_s3_uri

MAX_PROBLEMS: Final = 10
MAX_SECONDS: Final = 1e12
"""Latest Unix time, in seconds, so that it can be counted in microseconds as well."""
MAX_VERTICES: Final = 1_000
MAX_SHAPES: Final = 500
"""Most shapes in one frame."""
SHOWN: Final = 60
"""How much of a user's value a message shows, in characters."""


class SequenceError(LabelingError):
    """A sequence file or a sequence's labels that can't be used.

    :param where: the file.
    :param problems: what is wrong, each with its key or line; at most :data:`MAX_PROBLEMS`.
    """

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        self.where, self.problems = where, tuple(problems)
        super().__init__(f"{where}: {'; '.join(self.problems)}")

    def __reduce__(self) -> tuple[type[SequenceError], tuple[str, tuple[str, ...]]]:
        return type(self), (self.where, self.problems)


class Frame(NamedTuple):
    """One frame of a sequence.

    :param name: the file's path below the sequence's prefix.
    :param timestamp: Unix time, in seconds; None if the file gives none.
    """

    number: int
    name: str
    timestamp: float | None = None


class FrameSequence(NamedTuple):
    """A sequence of video frames.

    :param prefix: the S3 folder of the frames, with a slash at its end.
    :param frames: in the order in which workers see them: by the bytes of their names.
    """

    number: int
    prefix: str
    frames: tuple[Frame, ...]

    def uri(self, frame: Frame) -> str:
        """S3 URI of a frame's picture."""
        return self.prefix + frame.name


class Shape(NamedTuple):
    """What was drawn around one object in one frame.

    :param label: the class.
    :param geometry: the tool's keys: numbers in pixels from the top left corner, or ``vertices`` of ``{"x", "y"}``.
    :param object_id: the same in all frames for the same object; empty in object detection.
    :param object_name: ``<label>:<number>``; empty in object detection.
    :param attributes: the attributes of its label category, by name.
    """

    label: str
    geometry: dict[str, Any]
    object_id: str
    object_name: str
    attributes: dict[str, Any]


class LabeledFrame(NamedTuple):
    """The labels of one frame.

    :param attributes: the attributes of the frame, by name.
    """

    number: int
    name: str
    attributes: dict[str, Any]
    shapes: tuple[Shape, ...]


# Sequence files


def read_sequence(body: bytes | str, where: str) -> FrameSequence:
    """Parse a sequence file.

    :param where: its URI, for errors.
    :raises SequenceError: naming the line or key of everything that is wrong.
    """
    document = read_document(body, where, Quota.SEQUENCE_FILE_BYTES)
    problems = first_problems(_problems(document))
    if problems:
        raise SequenceError(where, problems)
    frames = [Frame(frame["frame-no"], frame["frame"], frame.get("unix-timestamp")) for frame in document["frames"]]
    frames.sort(key=lambda frame: frame.name.encode())
    return FrameSequence(document["seq-no"], document["prefix"], tuple(frames))


def sequence_document(number: int, prefix: str, names: Sequence[str]) -> dict[str, Any]:
    """The content of a sequence file.

    :param number: the sequence's number.
    :param prefix: S3 URI of the frames' folder, with a slash at its end.
    :param names: the frames' file names, in order.
    """
    frames = [{"frame-no": place, "frame": name} for place, name in enumerate(names)]
    return {"seq-no": number, "prefix": prefix, "number-of-frames": len(frames), "frames": frames}


def read_document(body: bytes | str, where: str, max_bytes: int) -> dict[str, Any]:
    """Parse a JSON object.

    :param where: its URI, for errors.
    :param max_bytes: how many bytes it may have.
    :raises SequenceError: naming the line that is wrong.
    """
    if len(body) > max_bytes:
        raise SequenceError(where, [f"it has {len(body):,} bytes; at most {max_bytes:,} are allowed"])
    try:
        document = strict_json(body)
    except json.JSONDecodeError as error:
        raise SequenceError(where, [f"line {error.lineno}: it is not JSON: {error.msg}"]) from None
    except ValueError as error:
        raise SequenceError(where, [f"it is not JSON: {error}"]) from None
    if not isinstance(document, dict):
        raise SequenceError(where, ["it is not a JSON object"])
    return document


def _problems(document: dict[str, Any]) -> Iterator[str]:
    yield from header_problems(document, Quota.SEQUENCE_FRAMES, '{"frame-no": …, "frame": "…"}')
    frames = document.get("frames")
    if isinstance(frames, list):
        yield from _frame_problems(frames[: Quota.SEQUENCE_FRAMES + 1])


def header_problems(document: dict[str, Any], max_frames: int, frame: str) -> Iterator[str]:
    """What is wrong with a sequence file besides its frames.

    :param max_frames: how many frames it may have.
    :param frame: what a frame looks like, for a message.
    """
    if not is_whole(document.get("seq-no")):
        yield f"seq-no is {shown_value(document, 'seq-no')}; write a whole number"
    yield from prefix_problems(document)
    frames = document.get("frames")
    if not isinstance(frames, list):
        yield f"frames is {shown_value(document, 'frames')}; write a list of {frame}"
        return
    if not 1 <= len(frames) <= max_frames:
        yield f"frames has {counted(len(frames), 'frame')}; 1 to {max_frames:,} are allowed"
    count = document.get("number-of-frames")
    if not is_whole(count) or count != len(frames):
        yield f"number-of-frames is {shown_value(document, 'number-of-frames')}, but frames has {len(frames):,}"


def prefix_problems(document: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the folder that ``prefix`` names."""
    prefix = document.get("prefix")
    try:
        folder = (
            split_s3_uri(prefix)[1]
            if isinstance(prefix, str) and is_unicode(prefix) and prefix.startswith("s3://")
            else None
        )
    except ValueError:
        folder = None
    if folder is None or not folder.endswith("/"):
        yield f"prefix is {shown_value(document, 'prefix')}; write an S3 folder such as s3://bucket/folder/"
    elif any(part in {".", ".."} for part in folder.split("/")):
        yield f"prefix is {shown_value(document, 'prefix')}; write a folder without dots as parts"
    elif folder == "/":
        yield "prefix is the bucket itself; the frames of a sequence must be in a folder"


def _frame_problems(frames: Sequence[Any]) -> Iterator[str]:
    numbers, names = dict[int, int](), dict[str, int]()
    for place, frame in enumerate(frames):
        where = f"frames[{place}]"
        if not isinstance(frame, dict):
            yield f"{where} is {kind_of(frame)}; write an object"
            continue
        number, name, timestamp = frame.get("frame-no"), frame.get("frame"), frame.get("unix-timestamp")
        if not is_whole(number):
            yield f"{where}.frame-no is {shown_value(frame, 'frame-no')}; write a whole number"
        elif (first := numbers.setdefault(number, place)) != place:
            yield f"{where}.frame-no is {number}, as in frames[{first}]"
        if not isinstance(name, str) or not name or not is_unicode(name):
            yield f"{where}.frame is {shown_value(frame, 'frame')}; write the name of a file below the prefix"
        elif not name.lower().endswith(IMAGE_ENDINGS):
            yield f"{where}.frame is {name[:SHOWN]!r}; it must end with {' or '.join(IMAGE_ENDINGS)}"
        elif any(part in {"", ".", ".."} for part in name.split("/")):
            yield f"{where}.frame is {name[:SHOWN]!r}; write a path without empty parts and dots"
        elif (first := names.setdefault(name, place)) != place:
            yield f"{where}.frame is {name[:SHOWN]!r}, as in frames[{first}]"
        if timestamp is not None and not is_time(timestamp):
            yield f"{where}.unix-timestamp is {shown_value(frame, 'unix-timestamp')}; write a number"


# Labels


def read_sequence_label(body: bytes | str, where: str, key: str, names: Sequence[str] | dict[int, str]) -> SequenceData:
    """Parse ``SeqLabel.json``.

    :param where: its URI, for errors.
    :param key: ``detectionAnnotations`` or ``trackingAnnotations``: what it should hold.
    :param names: the classes by id.
    :raises SequenceError: naming the key of everything that is wrong.
    """
    document = read_document(body, where, MAX_LABEL_BYTES)
    return sequence_label(document, where, key, names)


MAX_LABEL_BYTES: Final = 256_000_000


class SequenceData(NamedTuple):
    """The labels of a sequence.

    :param tool: the tool with which they were drawn; None if there are no shapes.
    """

    tool: Tool | None
    frames: tuple[LabeledFrame, ...]


def sequence_label(document: Any, where: str, key: str, names: Sequence[str] | dict[int, str]) -> SequenceData:
    """Read the content of ``SeqLabel.json``.

    :param document: the parsed JSON.
    :param where: its URI, for errors.
    :param key: ``detectionAnnotations`` or ``trackingAnnotations``: what it should hold.
    :param names: the classes by id.
    :raises SequenceError: naming the key of everything that is wrong.
    """
    listed = LABEL_LISTS[key]
    given = document.get(listed) if isinstance(document, dict) else None
    if not isinstance(given, list) or len(given) > Quota.SEQUENCE_FRAMES:
        raise SequenceError(where, [f"{listed} is missing or not a list of at most {Quota.SEQUENCE_FRAMES:,} frames"])
    classes = names if isinstance(names, dict) else dict(enumerate(names))
    reader = _LabelReader(classes, key)
    frames = tuple(reader.frame(frame, f"{listed}[{place}]") for place, frame in enumerate(given))
    if reader.problems:
        raise SequenceError(where, reader.problems)
    return SequenceData(reader.tool, frames)


class _LabelReader:
    """Reads the frames of a label.

    :ivar tool: the tool of the shapes so far.
    :ivar problems: the first problems.
    """

    def __init__(self, classes: dict[int, str], key: str) -> None:
        self._classes, self._tracks = classes, LABEL_LISTS[key].startswith("tracking")
        self.tool: Tool | None = None
        self.problems: list[str] = []

    def frame(self, given: Any, where: str) -> LabeledFrame:
        if not isinstance(given, dict):
            self._wrong(f"{where} is {kind_of(given)}; write an object")
            return LabeledFrame(0, "", {}, ())
        try:
            # Amazon writes it as a string.
            number = int(str(given["frame-no"]))
        except (LookupError, ValueError, TypeError, OverflowError):
            number = -1
            self._wrong(f"{where}.frame-no is {shown_value(given, 'frame-no')}; write a whole number")
        attributes = self._attributes(given.get("frame-attributes"), f"{where}.frame-attributes")
        shapes = []
        for tool in TOOLS.values():
            listed = given.get(tool.labels)
            if not listed:
                continue
            if not isinstance(listed, list) or len(listed) > MAX_SHAPES:
                self._wrong(f"{where}.{tool.labels} is not a list of at most {MAX_SHAPES} shapes")
                continue
            if self.tool not in {None, tool}:
                self._wrong(f"{where}.{tool.labels}: a sequence is drawn with one tool, and this one has two")
            self.tool = tool
            shapes += [
                self._shape(shape, tool, f"{where}.{tool.labels}[{place}]") for place, shape in enumerate(listed)
            ]
        name = given.get("frame")
        return LabeledFrame(number, name if isinstance(name, str) else "", attributes, tuple(filter(None, shapes)))

    def _shape(self, given: Any, tool: Tool, where: str) -> Shape | None:
        if not isinstance(given, dict):
            self._wrong(f"{where} is {kind_of(given)}; write an object")
            return None
        label = self._class(given, where)
        trouble = geometry_problem(given, tool)
        if trouble:
            self._wrong(f"{where}.{trouble}")
        attributes = self._attributes(given.get("label-category-attributes"), f"{where}.label-category-attributes")
        object_id, object_name = (given.get(f"object-{part}", "") for part in ("id", "name"))
        if self._tracks and not (isinstance(object_id, str) and object_id and isinstance(object_name, str)):
            self._wrong(f"{where}.object-id is {shown_value(given, 'object-id')}; write a string")
        if label is None or trouble or self.problems:
            return None
        if not self._tracks:
            object_id = object_name = ""
        return Shape(label, geometry_of(given, tool), object_id, object_name or object_id, attributes)

    def _class(self, given: dict[str, Any], where: str) -> str | None:
        name = given.get("label")
        if isinstance(name, str) and name in self._classes.values():
            return name
        name_of_id = self._classes.get(int(given["class-id"])) if _is_class_id(given.get("class-id")) else None
        if name_of_id is None:
            self._wrong(f"{where}.class-id is {shown_value(given, 'class-id')}, which is not a class of the label")
        return name_of_id

    def _attributes(self, given: Any, where: str) -> dict[str, Any]:
        if given is None:
            return {}
        if not isinstance(given, dict) or not all(
            isinstance(value, str) or is_number(value) for value in given.values()
        ):
            self._wrong(f"{where} is not an object of strings and numbers")
            return {}
        return given

    def _wrong(self, problem: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


def geometry_problem(given: dict[str, Any], tool: Tool) -> str:
    """What is wrong with a shape's numbers, beginning with the key; empty if nothing is."""
    if tool.keys == ("vertices",):
        vertices = given.get("vertices")
        if not isinstance(vertices, list) or not tool.min_vertices <= len(vertices) <= MAX_VERTICES:
            return f"vertices is not a list of {tool.min_vertices} to {MAX_VERTICES:,} points"
        for place, point in enumerate(vertices):
            if not isinstance(point, dict) or not all(_is_near(point.get(axis), tool) for axis in "xy"):
                return f'vertices[{place}] is not {{"x": …, "y": …}} in pixels'
        return ""
    for key in tool.keys:
        if not _is_near(given.get(key), tool):
            return f"{key} is {shown_value(given, key)}; write a number of {tool.unit}"
    for side in tool.sides:
        if given[side] <= 0:
            return f"{side} is {given[side]}; {tool.rule}"
    return ""


def geometry_of(given: dict[str, Any], tool: Tool) -> dict[str, Any]:
    """A shape's numbers, without any other key."""
    if tool.keys == ("vertices",):
        return {"vertices": [{"x": point["x"], "y": point["y"]} for point in given["vertices"]]}
    return {key: given[key] for key in tool.keys}


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a JSON value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def is_time(value: Any) -> TypeGuard[float]:
    """Whether a JSON value can be a Unix time, in seconds."""
    return is_number(value) and abs(value) <= MAX_SECONDS


def _is_near(value: Any, tool: Tool) -> bool:
    return is_number(value) and abs(value) <= tool.farthest


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether a JSON value is a whole number of 0 or more."""
    return type(value) is int and 0 <= value < 1 << 53


def _is_class_id(value: Any) -> bool:
    return (type(value) is int and 0 <= value < 1 << 31) or (
        isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 9
    )


def shown_value(given: Mapping[str, Any], key: str) -> str:
    """A user's value for a message."""
    if key not in given:
        return "missing"
    value = given[key]
    if isinstance(value, str):
        return repr(value[:SHOWN])
    return str(value)[:SHOWN] if is_number(value) and abs(value) < 1e18 else kind_of(value)


def kind_of(value: Any) -> str:
    """What a JSON value is, for a message."""
    names = {bool: "true or false", list: "a list", dict: "an object", str: "a string", type(None): "null"}
    return names.get(type(value), "a number")


def first_problems(problems: Iterator[str]) -> list[str]:
    """The first :data:`MAX_PROBLEMS` problems."""
    return [problem for _, problem in zip(range(MAX_PROBLEMS), problems, strict=False)]
