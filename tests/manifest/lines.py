"""Manifests for tests: lines with and without labels, stored and read back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

METADATA = {
    "type": "groundtruth/image-classification",
    "human-annotated": "yes",
    "creation-date": "2026-05-03T09:14:02.318240",
    "job-name": "labeling-job/birds",
}


def label(number: int, confidence: float = 0.9, **more: Any) -> dict[str, Any]:
    """A line that has the label ``bird``."""
    name = {0: "heron", 1: "stork"}.get(number, f"class {number}")
    known = {**METADATA, "class-name": name, "confidence": confidence, **more}
    return {"bird": number, "bird-metadata": known}


def image(number: int, **more: Any) -> dict[str, Any]:
    return {"source-ref": f"s3://marsh/{number:05}.jpg", **more}


def store(path: Path, lines: Iterable[dict[str, Any] | bytes]) -> Path:
    path.write_bytes(b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines))
    return path


def load(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


FAILED = image(3, **{"bird-metadata": {**METADATA, "failure-reason": "declined"}})

BOXES = {
    "image_size": [{"width": 640, "height": 480, "depth": 3}],
    "annotations": [{"class_id": 0, "left": 1, "top": 2, "width": 3, "height": 4}] * 2,
}

MIXED = [
    image(0, **label(0, 0.4)),
    image(1, **label(1, 0.8, **{"human-annotated": "no"})),
    image(2),
    FAILED,
    image(4, bird=BOXES, **{"bird-metadata": {"objects": [{"confidence": 0.9}, {"confidence": 0.2}]}}),
    image(5, bird=[0, 1], **{"bird-metadata": {"confidence-map": {"0": 0.7, "1": 0.3}, "class-map": {"0": "heron"}}}),
]

PAGES = [{"source-ref": "s3://docs/1.pdf", **more} for more in ({}, {"page": 1}, {"page": 2}, {"crop": [0, 0, 9, 9]})]

TENTHS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
