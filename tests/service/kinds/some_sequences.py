"""A small sequence of video frames, and labels of it."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from labeling_provider.groundtruth.frame_tools import LABEL_LISTS, TOOLS
from labeling_provider.manifest.sequences import sequence_document

PREFIX = "s3://lab/yard/"
URI = f"{PREFIX}seq.json"
NAMES = [f"{number:03}.jpg" for number in range(5)]
ATTRIBUTES = [{"name": "parked", "type": "string", "enum": ["yes", "no"], "isRequired": True}]
WEATHER = [{"name": "weather", "type": "string", "enum": ["dry", "wet"], "description": "From the car"}]


def sequence_file(names: list[str] = NAMES) -> bytes:
    return json.dumps(sequence_document(4, PREFIX, names)).encode()


def sequence_objects(names: list[str] = NAMES) -> dict[str, bytes]:
    """A sequence's objects by URI: its file, and a picture for each frame."""
    return {URI: sequence_file(names), **{f"{PREFIX}{name}": b"picture" for name in names}}


def shape(tool: str, left: float, top: float, size: float = 8) -> dict[str, Any]:
    """A shape of a tool about a place."""
    if tool == "BoundingBox":
        return {"left": left, "top": top, "width": size, "height": size}
    if tool == "Keypoint":
        return {"x": left, "y": top}
    corners = [(left, top), (left + size, top), (left + size, top + size)]
    return {"vertices": [{"x": x, "y": y} for x, y in corners]}


def sequence_label(key: str, chance: Random, labels: list[str], tool: str = "BoundingBox") -> dict[str, Any]:
    """The content of a ``SeqLabel.json``: some objects that move to the right."""
    objects = [
        (number, chance.choice(labels), chance.randrange(10), chance.randrange(20))
        for number in range(chance.randrange(4))
    ]
    frames = []
    for place, name in enumerate(NAMES):
        shapes = []
        for number, label, left, top in objects:
            about: dict[str, Any] = {"class-id": str(labels.index(label)), **shape(tool, left + 3 * place, top)}
            if LABEL_LISTS[key].startswith("tracking"):
                about |= {"object-id": f"id-{number}", "object-name": f"{label}:{number + 1}"}
            shapes.append({**about, "label-category-attributes": {"parked": "no"}})
        frames.append(
            {"frame-no": str(place), "frame": name, "frame-attributes": {"weather": "wet"}, TOOLS[tool].labels: shapes}
        )
    return {LABEL_LISTS[key]: frames}
