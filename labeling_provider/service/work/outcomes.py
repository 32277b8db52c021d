"""Records and reports what became of objects. Each function runs within the caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from labeling_provider.errors import counted
from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.documents import as_json, plain
from labeling_provider.service.database import object_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.running import find, note, update_job
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.work.job_run import Run

_MAX_CHARACTERS: Final = 2000
_MAX_REASONS: Final = 20


def label_objects(connection: Connection, run: Run, contents: dict[int, dict[str, Any]]) -> None:
    """Store the labels of objects.

    :param contents: the new keys of their output lines, by object id.
    """
    _decide(connection, run, ObjectState.LABELED, contents)


def fail_objects(connection: Connection, run: Run, reasons: dict[int, str], at: float) -> None:
    """Mark objects as failed. The reason goes into their output lines.

    :param reasons: strings by object id.
    :param at: epoch seconds.
    """
    job = run.job
    results = {
        object_id: layout.failure(
            plain(reason, _MAX_CHARACTERS), job.attribute, job.task_type.metadata_type, job.name, at
        )
        for object_id, reason in reasons.items()
    }
    _decide(connection, run, ObjectState.FAILED, results)
    note_failures(connection, run.id, reasons.values())


def _decide(connection: Connection, run: Run, state: ObjectState, contents: dict[int, dict[str, Any]]) -> None:
    if contents:
        run.changed = True
        results = {object_id: as_json(content) for object_id, content in contents.items()}
        object_rows.decide(connection, run.id, state, results)


def note_failures(connection: Connection, job_id: int, reasons: Iterable[str]) -> None:
    """Log why objects failed, most frequent reasons first."""
    counts = Counter(reasons)
    for reason, count in counts.most_common(_MAX_REASONS):
        note(connection, job_id, f"{counted(count, 'object')} failed: {reason}")
    if len(counts) > _MAX_REASONS:
        note(connection, job_id, f"The output manifest has {counted(len(counts) - _MAX_REASONS, 'more reason')}")


def mark_answered(connection: Connection, run: Run, answered: Sequence[int], at: float) -> None:
    """Queue objects for consolidation. Each consolidation file gets a different timestamp, in whole seconds.

    :param answered: object ids.
    :param at: epoch seconds.
    """
    row = find(connection, run.id)
    if not answered or row is None:
        return
    stamp = max(int(at), row.stamp + 1)
    size = layout.OBJECTS_PER_FILE
    rows = [
        {"object": object_id, "answered": at, "stamp": stamp + position // size}
        for position, object_id in enumerate(answered)
    ]
    object_rows.mark_answered(connection, run.id, rows)
    update_job(connection, run.id, stamp=rows[-1]["stamp"])
