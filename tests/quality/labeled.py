"""Labels and answers in a bucket, for tests."""

from __future__ import annotations

import json
from typing import Any

from labeling_provider.quality import AnswerFile, answer_file
from tests.memory import MemoryStore

OUT = "s3://marsh/job/annotations/worker-response"


def put(bucket: MemoryStore, name: str, lines: list[dict[str, Any]]) -> str:
    uri = f"s3://marsh/{name}"
    bucket.objects[uri] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    return uri


def classed(source: str, name: str, confidence: float = 0.9, **more: Any) -> dict[str, Any]:
    about = {"type": "groundtruth/text-classification", "class-name": name, "confidence": confidence, **more}
    return {"source": source, "bird": "abc".index(name), "bird-metadata": about}


def answer(worker: str, label: Any, seconds: float | None = 4.0) -> dict[str, Any]:
    return {"workerId": worker, "answerContent": {"crowd-classifier": {"label": label}}, "timeSpentInSeconds": seconds}


def answered(bucket: MemoryStore, object_id: int, *answers: dict[str, Any]) -> AnswerFile:
    uri = f"{OUT}/iteration-1/{object_id}/2026-01-01_00:00:00.json"
    bucket.objects[uri] = json.dumps({"answers": answers}).encode()
    file = answer_file(uri)
    assert file is not None
    return file


FAILED = {"source": "failed", "bird-metadata": {"failure-reason": "No <b>answer</b>"}}
