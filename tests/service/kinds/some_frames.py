"""Answers about the frames of a small sequence, and what becomes of them."""

from __future__ import annotations

import json
from typing import Any

from labeling_provider.service.kinds.kind import Kind, ObjectLabel
from tests.service.kinds.some_jobs import former_sequence, label_of, make_kind
from tests.service.kinds.some_sequences import NAMES, URI, shape

DETECTION, TRACKING = "video-object-detection", "video-object-tracking"
LINE = {"source-ref": URI}


def tracked(label: str, number: int, left: float, **attributes: Any) -> dict[str, Any]:
    """A box in a worker's answer."""
    ids = {"objectId": f"id-{label}-{number}", "objectName": f"{label}:{number}"}
    return {"label": label, **ids, "labelCategoryAttributes": attributes, **shape("BoundingBox", left, 4)}


def frame(number: int, *boxes: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {"frameNumber": number, "frame": NAMES[number], "frameAttributes": attributes, "boundingBoxes": list(boxes)}


def label_and_content(
    kind: Kind, content: dict[str, Any], line: dict[str, Any] = LINE
) -> tuple[ObjectLabel, dict[str, Any]]:
    """The label, and the content of its file."""
    label = label_of(kind, content, line)
    ((uri, (body, kind_of)),) = label.files.items()
    assert (uri, kind_of) == (label.value, "application/json")
    return label, json.loads(body)


def audit(label: dict[str, Any], name: str = TRACKING, **categories: Any) -> tuple[Kind, dict[str, Any]]:
    kind = make_kind(f"adjustment-{name}", auditLabelAttributeName="before-ref", **categories)
    return kind, {**LINE, **former_sequence(kind, label)}
