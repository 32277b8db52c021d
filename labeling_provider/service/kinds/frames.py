"""Shapes in sequences of video frames: object detection, and object tracking, where objects have ids across frames.

A worker's answer lists frames; those without shapes and attributes may be left out::

    {"trackingAnnotations": {"frames": [{"frameNumber": 3, "frame": "003.jpg", "frameAttributes": {}, "boundingBoxes":
     [{"label": "van", "objectId": "…", "objectName": "van:1", "labelCategoryAttributes": {}, "left": 40, …}]}]}}

Worker-response files hold ``frameData`` in place of ``frames``, and a file for each frame beside them, as real jobs do.
What Amazon does not document is our choice, made only here: ``detectionAnnotations`` without ids for object detection,
the files' names (``<frame number>.json``, listed in ``entries``), and the lists of tools other than the box.
Sources: developer guide, "Video Frame Object Detection" and "Video Frame Object Tracking", and their "Output" sections.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from labeling_provider.groundtruth.documents import as_json
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.frame_tools import LABEL_LISTS, sequence_label_uri
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
from labeling_provider.service.kinds.drawn_frames import LOOKED_FOR, DrawnFrames, SequenceFiles, shared_input
from labeling_provider.service.kinds.frame_answers import AnsweredFrames
from labeling_provider.service.kinds.kind import Answered, JobFacts, ObjectLabel, runs
from labeling_provider.service.kinds.skills import Skill


@runs("video-object-detection", "video-object-tracking")
class VideoFrames(DrawnFrames):
    """The truth is the content of a ``SeqLabel.json``, or its S3 URI. Its classes are ids, or names under ``label``."""

    about_right = 0.75

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job)
        self._sequences = SequenceFiles(job.object_store, read_sequence, Quota.SEQUENCE_FILE_BYTES)

    def sequence(self, line: dict[str, Any]) -> FrameSequence:
        """The frames of a data object.

        :raises ValueError: in words for people, if its sequence file is missing or can't be used.
        """
        return self._sequences.of(self.source(line))

    def obstacle(self, line: dict[str, Any]) -> str | None:
        try:
            sequence = self.sequence(line)
        except ValueError as error:
            return str(error)
        # A sample: checking each of 2,000 frames far away takes minutes.
        for frame in sequence.frames[:: len(sequence.frames) // LOOKED_FOR + 1]:
            if self.job.object_store.version(sequence.uri(frame)) is None:
                return f"There is no picture {sequence.uri(frame)} for frame {frame.number}."
        return None

    def frames(self, line: dict[str, Any]) -> tuple[Frame, ...]:
        return self.sequence(line).frames

    def own_input(self, line: dict[str, Any]) -> dict[str, Any]:
        """The input of the interface, which has no template that would define it."""
        sequence = self.sequence(line)
        frames = [
            {"frame-no": frame.number, "frame": frame.name, "uri": sequence.uri(frame)} for frame in sequence.frames
        ]
        return {**shared_input(self, line), "frames": frames}

    # Labels

    def label_of(
        self, answers: Sequence[AnsweredFrames], skills: Sequence[Skill], answered: Answered, stamp: str
    ) -> ObjectLabel:
        """The label of a sequence is one worker's answer: Ground Truth consolidates none."""
        answer = min(answers, key=repr)
        document = as_json({LABEL_LISTS[self.key]: [self._labeled(frame) for frame in answer]})
        uri = sequence_label_uri(self.job.output, answered.object_id)
        return ObjectLabel(uri, {"class-map": self.class_map(answer)}, {uri: (document.encode(), "application/json")})

    def _labeled(self, frame: LabeledFrame) -> dict[str, Any]:
        """A frame in ``SeqLabel.json``."""
        attributes = (
            {"frame-attributes": frame.attributes} if frame.attributes or self.categories.frame_attributes else {}
        )
        shapes = [self._labeled_shape(shape) for shape in frame.shapes]
        return {
            self.categories.tool.labels: shapes,
            # Numbers are strings here, as in the guide's samples and in the output of real jobs.
            "frame-no": str(frame.number),
            "frame": frame.name,
            **attributes,
        }

    def _labeled_shape(self, shape: Shape) -> dict[str, Any]:
        ids = {"object-id": shape.object_id, "object-name": shape.object_name} if self.tracks else {}
        class_id = str(self.positions[shape.label])
        return {**shape.geometry, "class-id": class_id, "label-category-attributes": shape.attributes, **ids}

    # Audits, and simulated workers

    def former_answer(self, label: Label) -> AnsweredFrames:
        uri, names = str(label.value), label.class_names if isinstance(label, SequenceLabel) else {}
        body = self.stored(uri, MAX_LABEL_BYTES + 1, "labels")
        try:
            data = read_sequence_label(body, uri, self.key, names)
        except SequenceError as error:
            raise ValueError(str(error)) from None
        self._check_tool(data, uri)
        return data.frames

    def read_truth(self, truth: Any) -> Iterable[LabeledFrame]:
        read = read_sequence_label if isinstance(truth, bytes) else sequence_label
        label = read(truth, "truth", self.key, self.job.labels)
        self._check_tool(label, "truth")
        return label.frames

    def _check_tool(self, label: SequenceData, where: str) -> None:
        if label.tool not in {None, self.categories.tool}:
            tool, own = label.tool.name if label.tool else "", self.categories.tool.name
            raise ValueError(f"{where} was drawn with {tool}, but annotationType is {own}")

    def likeness(self, first: Shape, second: Shape) -> float:
        from labeling_provider.quality.sequence_agreement import frame_size, likeness

        tool = self.categories.tool
        return likeness(first, second, tool, frame_size([[first, second]], tool))

    def pairs(self, first: Sequence[Shape], second: Sequence[Shape]) -> list[tuple[float, int, int]]:
        from labeling_provider.quality.sequence_agreement import frame_size, match

        tool = self.categories.tool
        return match(first, second, tool, frame_size([first, second], tool))

    def moved(self, shape: Shape, share: float) -> Shape:
        """A shape moved by a share of its width, by at least 20 pixels."""
        geometry = dict(shape.geometry)
        points = geometry.get("vertices", [geometry])
        across = [point.get("x", 0) for point in points]
        far = share * max(geometry.get("width", max(across) - min(across)), 20 / abs(share))
        if "vertices" in geometry:
            geometry["vertices"] = [{**point, "x": round(point["x"] + far)} for point in points]
        else:
            side = "left" if "left" in geometry else "x"
            geometry[side] = round(geometry[side] + far)
        return shape._replace(geometry=geometry)
