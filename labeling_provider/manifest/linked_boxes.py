"""Boxes in the pictures of cameras, of the same objects as tracked cuboids: 3D–2D linked tracking.

``SeqLabel.json`` then has the cuboids under ``lidar``, and the boxes under ``camera-0``, ``camera-1`` and so on. A
camera's number is the place of its picture in the frame's ``images``, and ``frame-no`` that of the cloud in the
sequence, both from 0.

Source: developer guide, "3D-2D Object Tracking Output".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from labeling_provider.groundtruth.frame_tools import BOX, TRACKING
from labeling_provider.manifest.sequences import MAX_LABEL_BYTES, SequenceError, Shape, read_document, sequence_label

LIDAR: Final = "lidar"
CAMERA: Final = "camera-"


class BoxedPicture(NamedTuple):
    """The boxes in one picture.

    :param place: the position of its cloud in the sequence, from 0.
    :param camera: the position of the picture among those of the cloud, from 0.
    """

    place: int
    camera: int
    boxes: tuple[Shape, ...]


def read_linked_boxes(
    document: Mapping[str, Any] | bytes | str, where: str, names: dict[int, str]
) -> tuple[BoxedPicture, ...]:
    """The pictures in a ``SeqLabel.json``, in the order of the sequence; none if it has clouds alone.

    :param document: its content.
    :param where: its URI, for errors.
    :param names: the classes by id.
    :raises SequenceError: naming the key that is wrong.
    """
    if isinstance(document, bytes | str):
        document = read_document(document, where, MAX_LABEL_BYTES)
    pictures: dict[tuple[int, int], BoxedPicture] = {}
    for key, given in document.items():
        number = key.removeprefix(CAMERA)
        if not key.startswith(CAMERA) or not (number.isascii() and number.isdecimal() and len(number) < 4):
            continue
        label = sequence_label(given, f"{where}: {key}", TRACKING, names)
        if label.tool not in {None, BOX}:
            raise SequenceError(f"{where}: {key}", ["it has shapes other than boxes"])
        for frame in label.frames:
            picture = BoxedPicture(frame.number, int(number), frame.shapes)
            if frame.number < 0 or picture[:2] in pictures:
                problem = "which another frame has" if picture[:2] in pictures else "which no cloud of the sequence has"
                raise SequenceError(f"{where}: {key}", [f"a frame-no is {frame.number}, {problem}"])
            pictures[picture[:2]] = picture
    return tuple(pictures[place] for place in sorted(pictures))
