"""Boxes in the pictures of cameras, of the same objects as the cuboids in the clouds: 3D–2D linked tracking.

A frame of an answer also lists the pictures in which boxes were drawn. A box has the id and the name of its object::

    {"frameNumber": 3, …, "boundingCuboids": […], "cameras": [{"cameraNumber": 0, "boundingBoxes": [{"label": "car",
     "objectId": "…", "objectName": "car:1", "labelCategoryAttributes": {}, "left": 40, …}]}]}

What Amazon does not document is our choice, made only here: these keys, that a camera's number is the position of its
picture in the frame's ``images``, from 0, that a box needs no attributes, and that frames have theirs with the clouds.
Source: developer guide, "3D-2D Object Tracking Output", for the label: ``lidar``, ``camera-0`` and so on.

Inside the service, pictures are further frames of the object, after those of the clouds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from labeling_provider.groundtruth.frame_tools import BOX, LABEL_LISTS, TRACKING
from labeling_provider.manifest.linked_boxes import CAMERA, LIDAR, read_linked_boxes
from labeling_provider.manifest.point_sequences import PointFrame
from labeling_provider.manifest.sequences import Frame, LabeledFrame

_OF_OTHERS: Final = -(10**9)
"""The number of a picture that was read; its position is in its name."""


def is_picture(frame: Frame | LabeledFrame) -> bool:
    """Whether a frame is a camera's picture rather than a cloud."""
    return frame.number < 0


def picture_name(camera: int, place: int) -> str:
    """The name of a picture among the frames of an object.

    :param place: the position of its cloud in the sequence.
    """
    return f"{CAMERA}{camera}/{place}"


def place_of(name: str) -> tuple[int, int]:
    """The camera of a picture, and the place of its cloud, from :func:`picture_name`."""
    camera, place = name.removeprefix(CAMERA).split("/")
    return int(camera), int(place)


def pictures_of(clouds: Sequence[PointFrame]) -> Iterator[Frame]:
    """The pictures of a sequence, as frames."""
    for place, cloud in enumerate(clouds):
        for camera in range(len(cloud.images)):
            yield Frame(-1 - place - camera * len(clouds), picture_name(camera, place))


def parted(answer: Iterable[LabeledFrame]) -> tuple[list[LabeledFrame], dict[int, dict[int, LabeledFrame]]]:
    """The clouds of an answer, and its pictures by the place of their cloud and by their camera."""
    clouds, pictures = [], dict[int, dict[int, LabeledFrame]]()
    for frame in answer:
        if is_picture(frame):
            camera, place = place_of(frame.name)
            pictures.setdefault(place, {})[camera] = frame
        else:
            clouds.append(frame)
    return clouds, pictures


def linked_document(
    lidar: dict[str, Any],
    clouds: Sequence[PointFrame],
    pictures: Mapping[int, Mapping[int, LabeledFrame]],
    class_ids: Mapping[str, int],
) -> dict[str, Any]:
    """The content of ``SeqLabel.json``.

    :param lidar: the content for the clouds alone.
    :param pictures: as :func:`parted` has them.
    """
    cameras: dict[str, list[dict[str, Any]]] = {}
    for place, cloud in enumerate(clouds):
        for camera, image in enumerate(cloud.images):
            picture = pictures.get(place, {}).get(camera)
            boxes = [
                {
                    **shape.geometry,
                    "class-id": class_ids[shape.label],
                    "label-category-attributes": shape.attributes,
                    "object-id": shape.object_id,
                    "object-name": shape.object_name,
                }
                for shape in (picture.shapes if picture else ())
            ]
            about = {"frame-no": place, "frame": image.uri.rpartition("/")[2], BOX.labels: boxes}
            cameras.setdefault(f"{CAMERA}{camera}", []).append(about)
    return {LIDAR: lidar, **{name: {LABEL_LISTS[TRACKING]: cameras[name]} for name in sorted(cameras)}}


def read_pictures(document: Mapping[str, Any], where: str, names: dict[int, str]) -> Iterator[LabeledFrame]:
    """The pictures of a ``SeqLabel.json`` as frames; none if it has clouds alone.

    :param where: its URI, for errors.
    :param names: the classes by id.
    :raises SequenceError: naming the key that is wrong.
    """
    for picture in read_linked_boxes(document, where, names):
        yield LabeledFrame(_OF_OTHERS, picture_name(picture.camera, picture.place), {}, picture.boxes)
