"""Point clouds as manifests and sequence files describe them."""

from __future__ import annotations

import copy
import json
from typing import Any

POSE = {"position": {"x": -2.5, "y": 116.25, "z": 1.8}, "heading": {"qx": 0, "qy": 0, "qz": 0.6, "qw": 0.8}}
IMAGE = {
    "image-path": "images/1.jpg",
    "unix-timestamp": 1566861644.5,
    "fx": 847.5,
    "fy": 850,
    "cx": 576,
    "cy": 317,
    "k1": 0.25,
    "p1": 0.125,
    "position": {"x": -2.25, "y": 116.75, "z": 1.5},
    # Looks along the world's y.
    "heading": {"qx": 0.7071, "qy": 0, "qz": 0, "qw": -0.7071},
    "camera-model": "pinhole",
}
FRAME = {"unix-timestamp": 1566861644.75, "ego-vehicle-pose": POSE, "images": [IMAGE]}
LINE = {"source-ref": "s3://yard/lidar/1.bin", "source-ref-metadata": {**FRAME, "prefix": "s3://yard/cameras/"}}


def sequence(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The content of a sequence file.

    :param changes: what differs in each frame.
    """
    frames = [
        {
            **copy.deepcopy(FRAME),
            "frame-no": place,
            "frame": f"lidar/{place}.bin",
            "unix-timestamp": 100.5 + place,
            **change,
        }
        for place, change in enumerate(changes or ({}, {}))
    ]
    return {"seq-no": 1, "prefix": "s3://yard/seq/", "number-of-frames": len(frames), "frames": frames, **more}


def changed(document: Any, path: str, value: Any) -> Any:
    """A document in which the value at a path, such as ``images.0.fx``, is another one; "gone" to remove it."""
    changed = copy.deepcopy(document)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = changed
    for part in way:
        place = place[part]
    if value == "gone":
        del place[last]
    else:
        place[last] = value
    return changed


def as_body(document: Any) -> bytes:
    """As JSON. Python writes NaN, which JSON does not have."""
    return json.dumps(document).encode()
