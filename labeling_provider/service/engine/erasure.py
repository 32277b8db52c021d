"""Erases people: from the tables, and from the files of jobs that name those who answered."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from tempfile import TemporaryFile
from typing import IO, Final, NamedTuple

from labeling_provider.errors import counted
from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.documents import plain
from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.database import erasure_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.erasure_rows import Erasure
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.running import find
from labeling_provider.service.engine.files_of_people import (
    JSON_TYPE,
    NotChanged,
    changing_files,
    files_of,
    without_person,
)
from labeling_provider.service.engine.output import MANIFEST_TYPE
from labeling_provider.service.failures import is_outage
from labeling_provider.service.work.people import People, PeopleError, put_pseudonym

log = logging.getLogger(__name__)

_OBJECTS_AT_ONCE: Final = 200
_BYTES_AT_ONCE: Final = 8 << 20
_PART: Final = 1 << 20
_MAX_NAMED: Final = 20
_SHOWN: Final = 200
_TURN: Final = "erasing"


class ErasureError(Exception):
    """A person is not erased from all files; the text says from which, and what to do."""


class Erased(NamedTuple):
    """A person who is nowhere any more.

    :param worker_id: the pseudonym.
    :param files: how many files of S3 were changed.
    """

    worker_id: str
    files: int


class Eraser:
    """Erases people, one at a time: two at once would overwrite each other's files."""

    def __init__(self, database: Database, object_store: ObjectStore, people: People) -> None:
        self._database, self._object_store, self._people = database, object_store, people

    def erase(self, name: str) -> Erased:
        """Put a pseudonym in place of a person, and delete all else that says who it was. Can be repeated if it fails.

        :param name: the person's name or worker id; the person may have been removed before.
        :raises PeopleError: if there is no such person, or somebody else is being erased.
        :raises ErasureError: if files could not be changed.
        """
        with self._database.only_once(_TURN) as is_free:
            if not is_free:
                raise PeopleError("Somebody else is being erased. Run the command again when that is done.")
            erasure = self._people.erase(name)
            files = 0
            while True:
                work = _Files(self._database, self._object_store, erasure)
                work.change()
                files += work.changed
                if work.left:
                    raise ErasureError(_unfinished(erasure, files, work))
                with self._database.write() as connection:
                    # A request that had begun before may have made another row.
                    is_more = put_pseudonym(connection, erasure)
                    if not is_more:
                        erasure_rows.end(connection, erasure)
                        return Erased(erasure.pseudonym, files)


class _Files:
    """The files in which a person who is being erased may be.

    :ivar changed: how many were changed.
    :ivar left: which could not be changed, and why: the first of them.
    :ivar more: how many others could not be changed.
    """

    def __init__(self, database: Database, object_store: ObjectStore, erasure: Erasure) -> None:
        self._database, self._object_store, self._erasure = database, object_store, erasure
        self._away: dict[str, str] = {}
        self.changed, self.more = 0, 0
        self.left: list[str] = []

    def change(self) -> None:
        """Change all of them, as far as they can be reached.

        :raises DatabaseError: if the database can't be used.
        """
        with self._database.read() as connection:
            job_ids = erasure_rows.jobs_with(connection, self._erasure.pseudonym)
        for job_id in job_ids:
            with self._database.read() as connection:
                job = find(connection, job_id)
            if job is None:
                continue
            output = JobRequest(json.loads(job.request)).output_uri
            bucket, _ = split_s3_uri(output)
            try:
                # Each try of a server that is away takes long.
                if bucket not in self._away:
                    with changing_files(self._database, job_id) as still:
                        if still is not None:
                            self._change_job(still, output)
            except DatabaseError:
                raise
            except Exception as error:
                log.exception("job %s: its files could not be reached to erase a person", job.name)
                reason = plain(f"{type(error).__name__}: {error}", _SHOWN)
                if is_outage(error):
                    self._away[bucket] = reason
                else:
                    self._leave(f"job {job.name} ({reason})")
            if bucket in self._away:
                self._leave(f"job {job.name} (bucket {bucket}: {self._away[bucket]})")

    def _leave(self, what: str) -> None:
        if len(self.left) < _MAX_NAMED:
            self.left.append(what)
        else:
            self.more += 1

    def _change_job(self, job: Row, output: str) -> None:
        after, stamps = -1, set[tuple[int, int]]()
        while True:
            with self._database.read() as connection:
                rows = erasure_rows.answered(connection, job.id, self._erasure.pseudonym, after, _OBJECTS_AT_ONCE)
            if not rows:
                break
            after, before = rows[-1].object_id, stamps
            stamps = {(row.iteration, row.stamp) for row in rows}
            self._change_files(files_of(output, rows, stamps - before))
        has_ended = erasure_rows.has_ended(job)
        # A running job still writes those of its present iteration, from the rows.
        for iteration in range(1, job.iteration + has_ended):
            self._change_long(layout.intermediate_uri(output, iteration), JSON_TYPE)
        if has_ended:
            self._change_long(layout.output_manifest_uri(output), MANIFEST_TYPE)

    def _change_files(self, uris: Iterable[str]) -> None:
        waiting: dict[str, tuple[bytes, str]] = {}
        size = 0
        for uri in uris:
            try:
                changed = without_person(self._object_store, uri, self._erasure.worker_id, self._erasure.pseudonym)
            except NotChanged as reason:
                self._leave(f"{uri} ({reason})")
                continue
            if changed is None:
                continue
            waiting[uri] = changed, JSON_TYPE
            size += len(changed)
            if size > _BYTES_AT_ONCE:
                self._write(waiting)
                waiting, size = {}, 0
        self._write(waiting)

    def _write(self, files: dict[str, tuple[bytes, str]]) -> None:
        if files:
            self._object_store.write(files)
            self.changed += len(files)

    def _change_long(self, uri: str, content_type: str) -> None:
        """Change a file that may be long."""
        with TemporaryFile() as source, TemporaryFile() as target:
            try:
                self._object_store.copy_to(uri, source)
            except MissingObject:
                return
            source.seek(0)
            if _copy(source, target, self._erasure.worker_id.encode(), self._erasure.pseudonym.encode()):
                target.seek(0)
                self._object_store.write_long(uri, target, content_type)
                self.changed += 1


def _copy(source: IO[bytes], target: IO[bytes], old: bytes, new: bytes) -> bool:
    """Copy a file with a string in place of another; returns whether there was any."""
    rest, is_changed, kept = b"", False, len(old) - 1
    while part := source.read(_PART):
        text = rest + part
        is_changed |= old in text
        text = text.replace(old, new)
        # The string may stand across two parts.
        target.write(text[:-kept])
        rest = text[-kept:]
    target.write(rest)
    return is_changed


def _unfinished(erasure: Erasure, files: int, work: _Files) -> str:
    names = "; ".join(work.left) + (f"; and {work.more:,} more" if work.more else "")
    return (
        f"In the service's records, this person is now {erasure.pseudonym}, and {counted(files, 'file')} in S3 "
        f"changed. The person may still be in the files of: {names}. Run the command again once they can be reached."
    )
