"""Cuboids in point clouds: object detection in one cloud, and object tracking through a sequence of them.

The answer about one cloud lists its cuboids. That about a sequence lists frames, as for videos; frames without cuboids
and attributes may be left out::

    {"boundingCuboids": {"boundingCuboids": [{"objectName": "car:1", "label": "car", "centerX": …, "length": …,
     …, "labelCategoryAttributes": {}}], "frameAttributes": {}}}
    {"trackingAnnotations": {"frames": [{"frameNumber": 3, "frameName": "3.bin", "frameAttributes": {},
     "boundingCuboids": [{…, "objectId": "…"}]}]}}

A job may also link boxes in camera pictures to cuboids: see :mod:`.linked_pictures`.

What Amazon does not document is our choice, made only here: ``objectId``, ``frameAttributes`` in the answer about one
cloud, and that a frame's number is its place in the sequence, from 0.
Sources: developer guide, "3D Point Cloud Object Detection" and "3D Point Cloud Object Tracking", and their "Output".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from labeling_provider.groundtruth.documents import as_json
from labeling_provider.groundtruth.frame_tools import BOX, CUBOID, LABEL_LISTS, TRACKING, sequence_label_uri
from labeling_provider.manifest import CuboidsLabel, Label, LabelError, SequenceLabel
from labeling_provider.manifest.cuboids import (
    CuboidFrame,
    LabeledCuboid,
    cuboids_document,
    cuboids_of,
    plus,
    read_tracked_cuboids,
    tracked_cuboids_document,
    turn,
)
from labeling_provider.manifest.linked_boxes import LIDAR
from labeling_provider.manifest.sequences import (
    MAX_LABEL_BYTES,
    Frame,
    LabeledFrame,
    SequenceError,
    Shape,
    is_number,
    read_document,
)
from labeling_provider.request.sequence_categories import is_linked
from labeling_provider.service.kinds.clouds import Clouds, shown_frames
from labeling_provider.service.kinds.drawn_frames import DrawnFrames, shared_input
from labeling_provider.service.kinds.frame_answers import AnsweredFrames, with_names
from labeling_provider.service.kinds.kind import Answered, Content, JobFacts, ObjectLabel, runs
from labeling_provider.service.kinds.linked_pictures import linked_document, parted, pictures_of, read_pictures
from labeling_provider.service.kinds.skills import Skill

FRAME_ATTRIBUTES: Final = "dataset-object-attributes"
"""The attributes of a cloud, in the metadata of its label."""
_MIN_METERS: Final = 2.0
_MIN_PIXELS: Final = 20.0


@runs("3d-point-cloud-object-detection", "3d-point-cloud-object-tracking")
class DrawnCuboids(DrawnFrames):
    """The truth is a label's value, or the content of a ``SeqLabel.json``, or the S3 URI of a file with it.

    Classes are ids, or names under ``label``.
    """

    about_right = 0.65
    name_key = "frameName"
    renames = True

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job)
        self._clouds = Clouds(job)
        self._is_linked = self.is_sequence and is_linked(job.categories)

    @property
    def is_sequence(self) -> bool:
        return self.key == TRACKING

    @property
    def has_names(self) -> bool:
        return not self.is_sequence

    def frames(self, line: dict[str, Any]) -> tuple[Frame, ...]:
        clouds = self._clouds.frames(line)
        pictures = pictures_of(clouds) if self._is_linked else ()
        return (*(Frame(place, frame.name) for place, frame in enumerate(clouds)), *pictures)

    def obstacle(self, line: dict[str, Any]) -> str | None:
        obstacle = self._clouds.obstacle(line)
        if obstacle is None and self._is_linked and not any(frame.images for frame in self._clouds.frames(line)):
            return "No frame of the sequence has images, and annotationType asks for boxes in them."
        return obstacle

    def own_input(self, line: dict[str, Any]) -> dict[str, Any]:
        """The input of the interface, which has no template that would define it."""
        shared = {**shared_input(self, line), "kind": "cuboids", "tracks": self.tracks}
        return {**shared, "frames": shown_frames(self._clouds.frames(line))}

    def form_of(self, answer: Any, line: dict[str, Any]) -> Content:
        if not self._is_linked:
            return super().form_of(answer, line)
        frames = []
        clouds, pictures = parted(answer)
        for cloud in clouds:
            cameras = [
                {"cameraNumber": camera, BOX.answers: [self._shape_form(shape) for shape in picture.shapes]}
                for camera, picture in pictures.get(cloud.number, {}).items()
                if picture.shapes
            ]
            if cloud.shapes or cloud.attributes or cameras:
                frames.append({**self._frame_form(cloud), **({"cameras": cameras} if cameras else {})})
        return {self.key: {"frames": frames}}

    # Labels

    def label_of(
        self, answers: Sequence[AnsweredFrames], skills: Sequence[Skill], answered: Answered, stamp: str
    ) -> ObjectLabel:
        """The label of an object is one worker's answer: Ground Truth consolidates none."""
        answer = min(answers, key=repr)
        class_map = self.class_map(answer)
        if not self.is_sequence:
            (frame,) = answer
            value = cuboids_document(map(cuboid_of, frame.shapes), self.positions)
            # For cuboids alone Amazon's pages spell this key with an underscore.
            metadata = {"objects": [], "class_map": class_map}
            return ObjectLabel(value, {**metadata, **self._frame_metadata(frame)})
        clouds, pictures = parted(answer)
        frames = [
            CuboidFrame(frame.number, frame.name, frame.attributes, tuple(map(cuboid_of, frame.shapes)))
            for frame in clouds
        ]
        document = tracked_cuboids_document(frames, self.positions)
        if self._is_linked:
            document = linked_document(document, self._clouds.frames(answered.line), pictures, self.positions)
        body = as_json(document).encode()
        uri = sequence_label_uri(self.job.output, answered.object_id)
        objects = [{"frame-no": frame.number, "confidence": []} for frame in frames]
        return ObjectLabel(uri, {"objects": objects, "class-map": class_map}, {uri: (body, "application/json")})

    def _frame_metadata(self, frame: LabeledFrame) -> dict[str, Any]:
        has_any = frame.attributes or self.categories.frame_attributes
        return {FRAME_ATTRIBUTES: frame.attributes} if has_any else {}

    # Audits, and simulated workers

    def former_answer(self, label: Label) -> AnsweredFrames:
        try:
            if isinstance(label, CuboidsLabel):
                shapes = with_names(map(shape_of, cuboids_of(label)), has_names=True)
                return (_labeled(0, "", (label.metadata or {}).get(FRAME_ATTRIBUTES) or {}, shapes),)
            uri, names = str(label.value), label.class_names if isinstance(label, SequenceLabel) else {}
            return self._read(self.stored(uri, MAX_LABEL_BYTES + 1, "labels"), uri, names)
        except (LabelError, SequenceError) as error:
            raise ValueError(str(error)) from None

    def read_truth(self, truth: Any) -> Iterable[LabeledFrame]:
        document = read_document(truth, "truth", MAX_LABEL_BYTES) if isinstance(truth, bytes) else truth
        if self.is_sequence:
            return self._read_tracks(document)
        class_map = {str(place): name for place, name in enumerate(self.job.labels)}
        label = CuboidsLabel("truth", self._with_ids(document), {"class_map": class_map})
        return (_labeled(0, "", document.get("frame-attributes") or {}, map(shape_of, cuboids_of(label))),)

    def _read(self, body: bytes | str, where: str, names: dict[int, str]) -> AnsweredFrames:
        """The labels of a sequence.

        :param names: the classes by id.
        :raises SequenceError: naming the key that is wrong.
        :raises ValueError: if an attribute has a value that none can have.
        """
        frames = _answer_of(read_tracked_cuboids(body, where, names))
        if not self._is_linked:
            return frames
        return (*frames, *read_pictures(read_document(body, where, MAX_LABEL_BYTES), where, names))

    def _read_tracks(self, document: dict[str, Any]) -> AnsweredFrames:
        lidar, key = document.get(LIDAR, document), LABEL_LISTS[TRACKING]
        listed = lidar.get(key) if isinstance(lidar, dict) else None
        frames = [self._with_ids(frame) for frame in listed] if isinstance(listed, list) else listed
        # The classes of boxes may be names as well; their reader handles that.
        return self._read(as_json({**document, LIDAR: {key: frames}}), "truth", dict(enumerate(self.job.labels)))

    def _with_ids(self, given: Any) -> Any:
        """A list of cuboids in which label names are replaced by ids."""
        listed = given.get(CUBOID.labels) if isinstance(given, dict) else None
        if not isinstance(listed, list):
            return given
        return {**given, CUBOID.labels: [self._with_id(cuboid) for cuboid in listed]}

    def _with_id(self, given: Any) -> Any:
        place = self.class_id(given.get("label")) if isinstance(given, dict) else None
        return given if place is None else {**given, "class-id": place}

    def likeness(self, first: Shape, second: Shape) -> float:
        from labeling_provider.quality import cuboid_agreement, sequence_agreement

        if _is_box(first):
            return sequence_agreement.likeness(
                first, second, BOX, sequence_agreement.frame_size([[first, second]], BOX)
            )
        return cuboid_agreement.overlap(cuboid_of(first), cuboid_of(second))

    def pairs(self, first: Sequence[Shape], second: Sequence[Shape]) -> list[tuple[float, int, int]]:
        from labeling_provider.quality import cuboid_agreement, sequence_agreement

        if any(map(_is_box, (*first, *second))):
            return sequence_agreement.match(first, second, BOX, sequence_agreement.frame_size([first, second], BOX))
        return cuboid_agreement.pairs(list(map(cuboid_of, first)), list(map(cuboid_of, second)))

    def moved(self, shape: Shape, share: float) -> Shape:
        """A cuboid moved along its own length, by at least 2 m; a box moved sideways, by at least 20 pixels."""
        if _is_box(shape):
            aside = share * max(shape.geometry["width"], _MIN_PIXELS / abs(share))
            return shape._replace(geometry={**shape.geometry, "left": round(shape.geometry["left"] + aside)})
        cuboid = cuboid_of(shape)
        far = share * max(cuboid.size[0], _MIN_METERS / abs(share))
        place = plus(cuboid.center, turn(cuboid.heading, (far, 0.0, 0.0)))
        x, y, z = (min(max(value, -CUBOID.farthest), CUBOID.farthest) for value in place)
        return shape_of(cuboid._replace(center=(x, y, z)))


def _is_box(shape: Shape) -> bool:
    """Whether a shape is a box in a picture rather than a cuboid."""
    return "left" in shape.geometry


def shape_of(cuboid: LabeledCuboid) -> Shape:
    """A cuboid as an answer writes it."""
    geometry = dict(zip(CUBOID.keys, (*cuboid.center, *cuboid.size, *cuboid.angles), strict=True))
    return Shape(cuboid.label, geometry, cuboid.object_id, cuboid.object_name, cuboid.attributes)


def cuboid_of(shape: Shape) -> LabeledCuboid:
    """A cuboid as a label writes it."""
    x, y, z, length, width, height, roll, pitch, yaw = (shape.geometry[key] for key in CUBOID.keys)
    size, angles = (length, width, height), (roll, pitch, yaw)
    return LabeledCuboid(shape.label, (x, y, z), size, angles, shape.object_id, shape.object_name, shape.attributes)


def _answer_of(frames: Iterable[CuboidFrame]) -> AnsweredFrames:
    """The labels of a sequence; an object without a name has its id as one.

    :raises ValueError: if an attribute has a value that none can have.
    """
    labeled = []
    for frame in frames:
        shapes = (
            shape_of(cuboid._replace(object_name=cuboid.object_name or cuboid.object_id)) for cuboid in frame.cuboids
        )
        labeled.append(_labeled(frame.number, frame.name, frame.attributes, shapes))
    return tuple(labeled)


def _labeled(number: int, name: str, attributes: Any, shapes: Iterable[Shape]) -> LabeledFrame:
    """A frame of a label.

    :raises ValueError: if an attribute has a value that none can have.
    """
    frame = LabeledFrame(number, name, attributes, tuple(shapes))
    for given in (attributes, *(shape.attributes for shape in frame.shapes)):
        if not isinstance(given, dict) or not all(
            isinstance(value, str) or is_number(value) for value in given.values()
        ):
            raise ValueError(f"the attributes in frame {number} are not an object of strings and numbers")
    return frame
