"""Answers about the frames of a small sequence, and what becomes of them."""

from __future__ import annotations

import json
from typing import Any

from labeling_provider.service.kinds.kind import Answered, Kind, WorkerAnswer
from tests.service.kinds.some_jobs import former_sequence, make_kind
from tests.service.kinds.some_sequences import NAMES, URI, shape

STAMP = "2026-01-02T03:04:05.000006"
DETECTION, TRACKING = "video-object-detection", "video-object-tracking"
LINE = {"source-ref": URI}


def tracked(label: str, number: int, left: float, **attributes: Any) -> dict[str, Any]:
    """A box in a worker's answer."""
    ids = {"objectId": f"id-{label}-{number}", "objectName": f"{label}:{number}"}
    return {"label": label, **ids, "labelCategoryAttributes": attributes, **shape("BoundingBox", left, 4)}


def frame(number: int, *boxes: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {"frameNumber": number, "frame": NAMES[number], "frameAttributes": attributes, "boundingBoxes": list(boxes)}


def label_of(kind: Kind, content: dict[str, Any], line: dict[str, Any] = LINE) -> tuple[Any, dict[str, Any]]:
    """The label, and the content of its file."""
    kind.check_answer(content, line)
    consolidated = kind.consolidate([Answered(7, line, [WorkerAnswer("private.a", content)])], STAMP)
    assert consolidated is not None
    assert consolidated.failed == {}
    label = consolidated.labels[7]
    ((uri, (body, kind_of)),) = label.files.items()
    assert (uri, kind_of) == (label.value, "application/json")
    return label, json.loads(body)


def audit(label: dict[str, Any], name: str = TRACKING, **categories: Any) -> tuple[Kind, dict[str, Any]]:
    kind = make_kind(f"adjustment-{name}", auditLabelAttributeName="before-ref", **categories)
    return kind, {**LINE, **former_sequence(kind, label)}
