"""A few small point clouds, alone and as a sequence, and labels of them."""

from __future__ import annotations

import json
import struct
import zlib
from random import Random
from typing import Any

PREFIX = "s3://lab/street/"
URI = f"{PREFIX}seq.json"
NAMES = [f"{number}.bin" for number in range(3)]
POINTS = 6
PICTURE = f"{PREFIX}cam/0.jpg"
IMAGE = {
    "image-path": "cam/0.jpg",
    "unix-timestamp": 10.5,
    "fx": 800,
    "fy": 800,
    "cx": 500,
    "cy": 300,
    "position": {"x": 0, "y": 0, "z": 1.5},
    "heading": {"qx": 0, "qy": 0, "qz": 0, "qw": 1},
}
ABOUT = {"unix-timestamp": 10.5, "prefix": PREFIX, "images": [IMAGE]}
LINE = {"source-ref": f"{PREFIX}0.bin", "source-ref-metadata": ABOUT}
SEQUENCE_LINE = {"source-ref": URI}
WEATHER = [{"name": "weather", "type": "string", "enum": ["dry", "wet"], "description": "At the time"}]


def cloud(points: int = POINTS, last: float = 0.5) -> bytes:
    """A file of points.

    :param last: the last number in it.
    """
    numbers = [float(number) for number in range(4 * points)]
    return struct.pack(f"<{4 * points}f", *numbers[:-1], last)


def sequence_file(names: list[str] = NAMES) -> bytes:
    frames = [
        {"frame-no": place + 7, "frame": name, "unix-timestamp": 10.5 + place} for place, name in enumerate(names)
    ]
    frames[0] |= {"images": [IMAGE], "ego-vehicle-pose": {key: IMAGE[key] for key in ("position", "heading")}}
    return json.dumps({"seq-no": 1, "prefix": PREFIX, "number-of-frames": len(names), "frames": frames}).encode()


def cloud_objects(names: list[str] = NAMES) -> dict[str, bytes]:
    """A sequence's objects by URI: its file, its clouds, and a picture."""
    return {URI: sequence_file(names), PICTURE: b"picture", **{f"{PREFIX}{name}": cloud() for name in names}}


def cuboid(label_id: int, name: str, x: float, **more: Any) -> dict[str, Any]:
    """A cuboid in a label."""
    sides = {"length": 4, "width": 2, "height": 1.5, "roll": 0, "pitch": 0, "yaw": 0.5}
    place = {"center-x": x, "center-y": 3.25, "center-z": 1}
    return {"class-id": label_id, "object-name": name, **place, **sides, "label-category-attributes": {}, **more}


def cuboids_label(chance: Random, labels: list[str]) -> dict[str, Any]:
    """The value of a label with some cuboids that are apart from each other."""
    chosen = [chance.randrange(len(labels)) for _ in range(chance.randrange(4))]
    return {
        "annotations": [
            cuboid(label, f"{labels[label]}:{place + 1}", 10.5 * place) for place, label in enumerate(chosen)
        ]
    }


def tracks_label(chance: Random, labels: list[str]) -> dict[str, Any]:
    """The content of a ``SeqLabel.json``: some objects that move along x."""
    chosen = [chance.randrange(len(labels)) for _ in range(chance.randrange(4))]
    frames = []
    for place, name in enumerate(NAMES):
        cuboids = [
            cuboid(label, f"{labels[label]}:{number + 1}", 10.5 * number + place, **{"object-id": f"id-{number}"})
            for number, label in enumerate(chosen)
        ]
        frames.append({"frame-number": place, "frame-name": name, "annotations": cuboids})
    return {"tracking-annotations": frames}


def classes(chance: Random, labels: list[str]) -> list[int]:
    """A byte for each point."""
    return [chance.randrange(len(labels) + 1) for _ in range(POINTS)]


def packed(numbers: list[int]) -> bytes:
    return zlib.compress(bytes(numbers))
