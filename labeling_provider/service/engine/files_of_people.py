"""The files of a labeling job that name those who answered, and how a person is taken out of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.documents import as_json
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.database import task_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.running import find

JSON_TYPE: Final = "application/json"
_MAX_BYTES: Final = 64 << 20
"""Longer files are not from the service."""
_LOOK_SECONDS: Final = 0.1


class NotChanged(Exception):
    """A file is not one that the service has written; the text says why."""


def only_at_files(database: Database, job_id: int) -> AbstractContextManager[bool]:
    """Whether nobody else changes or deletes the files of a job that has ended, in any process, until the block ends.

    What has been read of a file and is written again would otherwise undo what was done in between.
    """
    return database.only_once(f"files of job {job_id}")


@contextmanager
def changing_files(database: Database, job_id: int) -> Iterator[Row | None]:
    """Wait until nobody else changes or deletes the files of a job; nobody does before the end of the block.

    :return: the job; None if it has been deleted, and its files are not to be written any more.
    :raises DatabaseError: if the database does not respond.
    """
    while True:
        with only_at_files(database, job_id) as is_free:
            if is_free:
                with database.read() as connection:
                    job = find(connection, job_id)
                yield job
                return
        time.sleep(_LOOK_SECONDS)


def files_of(output: str, rows: Iterable[Row], stamps: Iterable[tuple[int, int]]) -> Iterator[str]:
    """The files with the answers about some objects.

    :param output: S3 URI of the job's output folder.
    :param rows: the objects, with object_id, iteration and answered.
    :param stamps: iteration and stamp of the consolidation files.
    """
    for row in rows:
        yield layout.worker_response_uri(output, row.iteration, row.object_id, int(row.answered))
    for iteration, stamp in stamps:
        for which in ("request", "response"):
            yield layout.consolidation_uri(output, which, iteration, stamp)


def without_person(store: ObjectStore, uri: str, worker_id: str, pseudonym: str) -> bytes | None:
    """What a file is to contain, with a pseudonym in place of a worker and nothing about who that was.

    :return: None if it does not name the worker, or does not exist.
    :raises NotChanged: if it can't be changed.
    """
    old, new = worker_id.encode(), pseudonym.encode()
    try:
        body = store.beginning(uri, _MAX_BYTES + 1)
    except MissingObject:
        return None
    if len(body) > _MAX_BYTES:
        raise NotChanged(f"it has more than {_MAX_BYTES:,} bytes")
    if old not in body:
        return None
    if f"/{layout.WORKER_RESPONSES}/" in uri:
        body = _without_identity(body, worker_id)
    # In labels of the caller's own function, too.
    return body.replace(old, new)


def take_out_erased(
    database: Database,
    store: ObjectStore,
    job_id: int,
    output: str,
    rows: Sequence[Row],
    answers: Sequence[tuple[Row, Any]],
) -> None:
    """Take those out of files of a job who were erased after their answers were read.

    If the job itself has been deleted meanwhile, its files are left alone: a new job of its name may have written them.

    :param output: S3 URI of the job's output folder.
    :param rows: the objects, with object_id, iteration, answered and stamp.
    :param answers: tasks as they were read, each with its answer.
    """
    before: dict[int, str] = {task.id: task.worker_id for task, _ in answers}
    with database.read() as connection:
        after = task_rows.workers_of(connection, before.keys())
    pairs = ((worker_id, after.get(task_id, worker_id)) for task_id, worker_id in before.items())
    renamed = {pair for pair in pairs if pair[0] != pair[1]}
    if not renamed:
        return
    with changing_files(database, job_id) as job:
        if job is None:
            return
        for uri in files_of(output, rows, {(row.iteration, row.stamp) for row in rows}):
            for worker_id, pseudonym in renamed:
                body = without_person(store, uri, worker_id, pseudonym)
                if body is not None:
                    store.write({uri: (body, JSON_TYPE)})


def _without_identity(body: bytes, worker_id: str) -> bytes:
    try:
        document = json.loads(body)
        for answer in document["answers"]:
            if answer["workerId"] == worker_id:
                answer.pop("workerMetadata", None)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise NotChanged("it is not a file of answers") from None
    return as_json(document).encode()
