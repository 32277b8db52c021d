"""Exports the labels of sequences of video frames: COCO with videos, and MOT.

What lies beyond the edge of its frame is cut off or left out in COCO, and counted. MOT allows it.
"""

from __future__ import annotations

import configparser
import io
from abc import abstractmethod
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO, Any, ClassVar, NamedTuple, cast

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.frame_tools import BOX, DETECTION
from labeling_provider.groundtruth.task_types import FRAME_KEYS
from labeling_provider.manifest.export.boxes import segmentation
from labeling_provider.manifest.export.format import Example, Format, csv_row, json_bytes, stem_of
from labeling_provider.manifest.export.shown import box_inside, polygon_inside
from labeling_provider.manifest.files import Sink
from labeling_provider.manifest.label_parts import Box, ImageSize, Path, Point
from labeling_provider.manifest.pictures import BEGINNING_BYTES, facts_of
from labeling_provider.manifest.sequences import (
    MAX_LABEL_BYTES,
    Frame,
    FrameSequence,
    LabeledFrame,
    Shape,
    read_sequence,
    read_sequence_label,
)
from labeling_provider.manifest.typed_labels import Label, LabelError, SequenceLabel


class _Video(NamedTuple):
    """A labeled sequence.

    :param size: the size of its first frame; all frames of a video have one size.
    :param frames: the sequence's frames with what was drawn in each.
    """

    sequence: FrameSequence
    size: ImageSize
    frames: list[tuple[Frame, LabeledFrame]]


class VideoFormat(Format[dict[str, int]]):
    """Base of the formats for sequences of video frames."""

    takes: ClassVar[tuple[type[Label], ...]] = (SequenceLabel,)
    batch = 4
    tools: ClassVar[tuple[str, ...]]
    """The shapes that it can store, by the names of the tools."""
    keys: ClassVar[tuple[str, ...]] = tuple(FRAME_KEYS.values())
    """The keys of the answers that it can store."""

    def read(self, example: Example) -> dict[str, int]:
        """The export's class ids, by class name.

        :raises LabelError: if it is not the label of a video sequence.
        """
        label = cast(SequenceLabel, example.label)
        kind = str((label.metadata or {}).get("type"))
        if FRAME_KEYS.get(kind.lower()) not in self.keys:
            raise LabelError(f"{label.attribute}: this format can't store labels of {kind[:80]}")
        numbers = self.classes.numbers(label, label.class_names)
        return {label.class_names[number]: own for number, own in numbers.items()}

    def fetch(self, example: Example) -> _Video:
        """Read the labels, the sequence file, and the size of the first frame."""
        label, files = cast(SequenceLabel, example.label), self.folder.files
        key = FRAME_KEYS[str((label.metadata or {})["type"]).lower()]
        body = files.whole(label.uri, MAX_LABEL_BYTES)
        labeled = read_sequence_label(body, label.uri, key, label.class_names)
        if labeled.tool is not None and labeled.tool.name not in self.tools:
            raise LabelError(f"{label.uri}: this format can store {' and '.join(self.tools)}, not {labeled.tool.name}")
        sequence = read_sequence(files.whole(example.uri, Quota.SEQUENCE_FILE_BYTES), example.uri)
        return _Video(sequence, self._size(sequence), _together(sequence, labeled.frames, label.uri))

    def _size(self, sequence: FrameSequence) -> ImageSize:
        uri, body = sequence.uri(sequence.frames[0]), bytearray()
        for chunk in self.folder.files.chunks(uri):
            body += chunk
            if len(body) >= BEGINNING_BYTES:
                break
        facts = facts_of(bytes(body))
        if facts is None:
            raise LabelError(f"{uri} is not a picture; the export needs the size of the frames")
        return ImageSize(facts.width, facts.height)

    def write(self, example: Example, content: dict[str, int]) -> None:
        """Write a sequence."""
        self._write(example, content, example.fetched)

    @abstractmethod
    def _write(self, example: Example, numbers: dict[str, int], video: _Video) -> None: ...


class CocoVideo(VideoFormat):
    """COCO with videos: ``SET.json`` for each set, which readers of COCO read as well.

    ``videos`` are the sequences. An image has a ``video_id`` and a ``frame_id``, its place in the video, from 0; an
    annotation has a ``video_id`` and, if objects were tracked, an ``instance_id``. A category's ``id`` is the class id
    plus 1. Boxes and polygons.

    Format: cocodataset.org, "Data format"; the keys for videos are those of the CocoVID format of OpenMMLab.
    """

    tools = ("BoundingBox", "Polygon")

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._sets: list[tuple[Sink, list[dict[str, Any]], IO[bytes]]] = []

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the set's file."""
        self._images = self._annotations = self._instances = 0
        self._videos: list[dict[str, Any]] = []
        self._sink = self.folder.sink(stack, f"{set_name}.json")
        # Images and annotations grow together but can't both be last in one file.
        self._rest: IO[bytes] = stack.enter_context(TemporaryFile())  # noqa: SIM115 - the stack closes it
        self._sink.write(b'{"images": [')
        self._sets.append((self._sink, self._videos, self._rest))

    def _write(self, example: Example, numbers: dict[str, int], video: _Video) -> None:
        number, instances = len(self._videos) + 1, dict[str, int]()
        name = stem_of(self.folder.free_name(example.set_name, example.uri))
        self._videos.append({"id": number, "name": name, "coco_url": example.uri})
        for place, (frame, labeled) in enumerate(video.frames):
            self._images += 1
            uri = video.sequence.uri(frame)
            size = {"width": video.size.width, "height": video.size.height}
            about = {"id": self._images, "video_id": number, "frame_id": place}
            image = {**about, "file_name": f"{name}/{frame.name}", **size, "coco_url": uri}
            self._sink.write((b",\n" if self._images > 1 else b"\n") + json_bytes(image))
            for shape in labeled.shapes:
                inside = self._inside(shape, video.size, uri)
                if inside is not None:
                    category = {"video_id": number, "category_id": numbers[shape.label] + 1}
                    self._annotate({**category, **inside, "iscrowd": 0}, shape, instances)

    def _annotate(self, annotation: dict[str, Any], shape: Shape, instances: dict[str, int]) -> None:
        """Write an annotation of the last image.

        :param instances: the numbers of the sequence's objects so far.
        """
        self._annotations += 1
        if shape.object_id:
            if shape.object_id not in instances:
                self._instances += 1
                instances[shape.object_id] = self._instances
            annotation["instance_id"] = instances[shape.object_id]
        if shape.attributes:
            annotation["attributes"] = shape.attributes
        whole = {"id": self._annotations, "image_id": self._images, **annotation}
        self._rest.write(json_bytes(whole) + b"\n")

    def _inside(self, shape: Shape, size: ImageSize, uri: str) -> dict[str, Any] | None:
        """The part of a shape that is inside its frame, as COCO has it; None if there is none."""
        about, geometry = (0, shape.label, None), shape.geometry
        if "vertices" in geometry:
            kind, path = "shapes", Path(0, [Point(point["x"], point["y"]) for point in geometry["vertices"]])
            inside, is_cut = polygon_inside(path, size, uri, about)
        else:
            kind = "boxes"
            inside, is_cut = box_inside(Box(0, **geometry), size, uri, about)
        if inside is None:
            self.notes[f"{kind}_left_out"] += 1
            return None
        self.notes[f"{kind}_cut"] += is_cut
        box = [inside.left, inside.top, inside.width, inside.height]
        return {"bbox": box, "area": inside.area, **segmentation(inside, size.width, size.height)}

    def finish(self, objects: Any) -> dict[str, Any]:
        """Write the annotations, videos and categories of all sets."""
        categories = [{"id": number + 1, "name": name} for number, name in self.classes.used.items()]
        for sink, videos, rest in self._sets:
            sink.write(b'],\n"annotations": [')
            rest.seek(0)
            for number, line in enumerate(rest):
                sink.write((b",\n" if number else b"\n") + line[:-1])
            sink.write(b'],\n"videos": ' + json_bytes(videos))
            sink.write(b',\n"categories": ' + json_bytes(categories) + b"}\n")
        return {}


class Mot(VideoFormat):
    """MOT: ``SET/NAME/gt/gt.txt`` for each sequence, with ``labels.txt``, ``seqinfo.ini`` and ``frames.csv``.

    A line is a box: frame, track, left, top, width, height, 1, class, and 1 for entirely visible. Frames, tracks,
    classes and pixels count from 1. ``frames.csv`` maps frame numbers to pictures.

    Format: Milan et al., "MOT16: A Benchmark for Multi-Object Tracking", section "Data format".
    """

    tools = ("BoundingBox",)
    keys = tuple(key for key in FRAME_KEYS.values() if key != DETECTION)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._folders: list[str] = []

    def _write(self, example: Example, numbers: dict[str, int], video: _Video) -> None:
        name = stem_of(self.folder.free_name(example.set_name, example.uri))
        folder = f"{example.set_name}/{name}"
        tracks: dict[str, int] = {}
        boxes, frames = [], [csv_row(["frame", "object"])]
        for place, (frame, labeled) in enumerate(video.frames, 1):
            frames.append(csv_row([place, video.sequence.uri(frame)]))
            for shape in labeled.shapes:
                track = tracks.setdefault(shape.object_id, len(tracks) + 1)
                left, top, width, height = (shape.geometry[key] for key in BOX.keys)
                boxes.append((place, track, left + 1, top + 1, width, height, 1, numbers[shape.label] + 1, 1))
        lines = "".join(f"{','.join(f'{value:.10g}' for value in box)}\n" for box in boxes)
        self.folder.put(f"{folder}/gt/gt.txt", lines.encode())
        self.folder.put(f"{folder}/seqinfo.ini", _sequence_info(name, video))
        self.folder.put(f"{folder}/frames.csv", b"".join(frames))
        self._folders.append(folder)

    def finish(self, objects: Any) -> dict[str, Any]:
        """Write the names of the classes, which are known only now."""
        names = "".join(f"{name.replace(chr(10), ' ')}\n" for name in self.classes.names)
        for folder in self._folders:
            self.folder.put(f"{folder}/gt/labels.txt", names.encode(errors="backslashreplace"))
        return {}


def _sequence_info(name: str, video: _Video) -> bytes:
    first, last = video.frames[0][0], video.frames[-1][0]
    about: dict[str, Any] = {"name": name, "seqLength": len(video.frames)}
    if first.timestamp is not None and last.timestamp is not None and last.timestamp > first.timestamp:
        about["frameRate"] = f"{(len(video.frames) - 1) / (last.timestamp - first.timestamp):.6g}"
    about |= {"imWidth": video.size.width, "imHeight": video.size.height}
    parser, text = configparser.RawConfigParser(), io.StringIO()
    # Its readers distinguish upper and lower case.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser["Sequence"] = {key: str(value) for key, value in about.items()}
    parser.write(text, space_around_delimiters=False)
    return text.getvalue().encode()


def _together(
    sequence: FrameSequence, labeled: tuple[LabeledFrame, ...], where: str
) -> list[tuple[Frame, LabeledFrame]]:
    """Each frame of a sequence with what was drawn in it.

    :raises LabelError: if a frame with shapes is not in the sequence.
    """
    known = {frame.name or str(frame.number): frame for frame in labeled}
    pairs = []
    for frame in sequence.frames:
        own = known.pop(frame.name, None) or known.pop(str(frame.number), None)
        pairs.append((frame, own or LabeledFrame(frame.number, frame.name, {}, ())))
    if lost := [frame for frame in known.values() if frame.shapes]:
        raise LabelError(f"{where}: the frame {lost[0].name or lost[0].number} is not in the sequence")
    return pairs
