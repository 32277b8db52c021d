"""Reads what workers, and callers' functions, have answered about objects, and says how it is written."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.documents import as_json, trouble_with
from labeling_provider.service.database import task_rows
from labeling_provider.service.database.database import Connection, Row
from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.kind import Answered, AnswerError, WorkerAnswer
from labeling_provider.service.work.job_run import Run

Answers = list[tuple[Row, Any]]
"""Tasks with their answers."""


def submitted(connection: Connection, job_id: int, rows: Sequence[Row]) -> Answers:
    """The answers about the objects of these rows."""
    tasks = task_rows.submitted(connection, job_id, {row.object_id for row in rows})
    return [(task, json.loads(task.answer)) for task in tasks]


def by_object(rows: Sequence[Row], answers: Answers) -> list[Answered]:
    """The objects of these rows with their answers, in the order of the rows."""
    of_object: dict[int, list[WorkerAnswer]] = defaultdict(list)
    for task, content in answers:
        of_object[task.object_id].append(WorkerAnswer(task.worker_id, content if isinstance(content, dict) else {}))
    return [Answered(row.object_id, json.loads(row.line), of_object[row.object_id]) for row in rows]


def function_entries(result: Any) -> dict[str, Any] | None:
    """The entries of a consolidation function's result by dataset object id; None if it is not a list."""
    if not isinstance(result, list):
        return None
    entries = [entry for entry in result if isinstance(entry, dict)]
    return {
        str(entry["datasetObjectId"]): entry for entry in entries if isinstance(entry.get("datasetObjectId"), str | int)
    }


def function_content(entries: dict[str, Any] | None, object_id: int) -> dict[str, Any]:
    """The new keys of an object's output line, from a consolidation function's result.

    :raises ObjectFailure: if it has none that can be used. The text completes "The function …".
    """
    if entries is None:
        raise ObjectFailure("did not return a list of consolidated annotations.")
    entry = entries.get(str(object_id))
    if entry is None:
        raise ObjectFailure("left the object out.")
    consolidated = entry.get("consolidatedAnnotation")
    content = consolidated.get("content") if isinstance(consolidated, dict) else None
    if not isinstance(content, dict):
        raise ObjectFailure('did not return {"consolidatedAnnotation": {"content": {…}}} for the object.')
    trouble = trouble_with(as_json(content), content)
    if trouble:
        raise ObjectFailure(f"returned an annotation that can't be used. {trouble}")
    return content


def as_written(run: Run, rows: Sequence[Row], answers: Answers) -> tuple[Answers, dict[str, tuple[bytes, str]]]:
    """Answers as they appear in files, and the files that they name. What can't be used stays as it is."""
    folders = {
        row.object_id: layout.worker_response_uri(run.job.output, row.iteration, row.object_id, int(row.answered))
        for row in rows
    }
    written: Answers = []
    files: dict[str, tuple[bytes, str]] = {}
    for task, content in answers:
        try:
            response, more = run.kind.response(content, folders[task.object_id].removesuffix(".json"))
        except (AnswerError, LookupError, TypeError, AttributeError):
            response, more = content, {}
        written.append((task, response))
        files |= more
    return written, files
