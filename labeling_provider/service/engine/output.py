"""Writes a labeling job's output while it runs and when it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.documents import as_json, with_result
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.database import lease_rows, object_rows
from labeling_provider.service.database.database import Connection, Database, Row
from labeling_provider.service.database.lease_rows import Lease, LeaseLost
from labeling_provider.service.engine.files_of_people import changing_files
from labeling_provider.service.failures import JobFailure
from labeling_provider.service.work.job_run import Run

REFRESH_SECONDS: Final = 10.0
"""Least time between two writings of the labels so far."""
LINES_PER_SECOND: Final = 100
"""Manifest lines that a long job writes per second, on average; each writing contains all lines."""
_MAX_IN_MEMORY: Final = 1 << 20
MANIFEST_TYPE: Final = "application/x-sagemaker-manifest"


class Output:
    """Writes output manifests and the labels of each finished set."""

    def __init__(self, database: Database, object_store: ObjectStore) -> None:
        self._database, self._object_store = database, object_store

    def write_input(self, request: JobRequest, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the first output manifest of a new job: its input lines.

        :param rows: the job's objects, each with ``line`` and ``result``.
        :raises JobFailure: if the output bucket does not exist.
        """
        with _written(_manifest((row["line"], row["result"]) for row in rows)) as (file, _):
            self._write_manifest(_manifest_uri(request), file)

    def write_manifest(self, lease: Lease, request: JobRequest) -> None:
        """Write the output manifest: one line per input line, with its label if there is one.

        :raises JobFailure: if the output bucket does not exist.
        :raises LeaseLost: if another process has taken the job.
        """
        uri = _manifest_uri(request)

        def lines(connection: Connection) -> Iterator[str]:
            return _manifest((row.line, row.result) for row in object_rows.results(connection, lease.job_id))

        self._write_newest(lease, lines, lambda file: self._write_manifest(uri, file))

    def write_set(self, run: Run, iteration: int) -> None:
        """Write the labels of an iteration's set, as far as they are finished.

        :raises LeaseLost: if another process has taken the job.
        """
        if not iteration:
            return
        uri = layout.intermediate_uri(run.job.output, iteration)

        def lines(connection: Connection) -> Iterator[str]:
            for row in object_rows.labeled_in(connection, run.id, iteration):
                content = {"content": json.loads(row.result)}
                yield as_json({"datasetObjectId": str(row.object_id), "consolidatedAnnotation": content})

        self._write_newest(run.lease, lines, lambda file: self._object_store.write_long(uri, file, "application/json"))

    def refresh(self, run: Run, job: Row, now: float, *, idle: bool = False) -> float | None:
        """Write the labels so far if there are new ones and it is time: the more objects, the less often.

        :param job: its row.
        :param idle: whether nobody is at work, so that no labels will come soon.
        :return: seconds until it is time; None if there are no new labels.
        """
        if not run.changed:
            return None
        # Having just taken over the job is no reason for a process to write a long manifest.
        run.refreshed = run.refreshed or now - REFRESH_SECONDS
        left: float = run.refreshed + max(0 if idle else REFRESH_SECONDS, job.lines / LINES_PER_SECOND) - now
        if left > 0:
            return left
        run.refreshed, run.changed = now, False
        self.write_manifest(run.lease, run.job.request)
        self.write_set(run, job.iteration)
        return None

    def _write_newest(
        self, lease: Lease, read: Callable[[Connection], Iterator[str]], write: Callable[[IO[bytes]], None]
    ) -> None:
        """Write a file that another process may write at the same time, so that it ends up with the latest state.

        If the job has been deleted meanwhile, nothing more is written.

        :param read: the file's lines, without line breaks.
        :raises LeaseLost: if another process has taken the job.
        """
        digest = self._write_once(lease, read, write, None)
        while True:
            try:
                with self._database.read() as connection:
                    lease_rows.hold(connection, lease)
                return
            except LeaseLost:
                # This process was delayed and may have overwritten a newer state: write again until it is current.
                with changing_files(self._database, lease.job_id) as job:
                    if job is None:
                        raise
                    newest = self._write_once(None, read, write, digest)
                if newest == digest:
                    raise
                digest = newest

    def _write_once(
        self,
        lease: Lease | None,
        read: Callable[[Connection], Iterator[str]],
        write: Callable[[IO[bytes]], None],
        known: str | None,
    ) -> str:
        """Write a file with the state as it is now.

        :param lease: the lease that must be held; None if that does not matter.
        :param known: what must differ for the file to be written.
        :return: a string that differs for different files.
        """
        with ExitStack() as stack:
            with self._database.read() as connection:
                if lease is not None:
                    lease_rows.hold(connection, lease)
                file, digest = stack.enter_context(_written(read(connection)))
            if digest != known:
                write(file)
        return digest

    def _write_manifest(self, uri: str, file: IO[bytes]) -> None:
        try:
            self._object_store.write_long(uri, file, MANIFEST_TYPE)
        except MissingObject as missing:
            raise JobFailure(f"ClientError: cannot write {missing}: the bucket does not exist") from None


def _manifest_uri(request: JobRequest) -> str:
    return layout.output_manifest_uri(request.output_uri)


def _manifest(rows: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    return (with_result(line, result) for line, result in rows)


@contextmanager
def _written(lines: Iterable[str]) -> Iterator[tuple[IO[bytes], str]]:
    """A temporary file of lines, positioned at its start, and the SHA-256 of its bytes, in hexadecimal."""
    with SpooledTemporaryFile(_MAX_IN_MEMORY) as file:
        digest = sha256()
        for line in lines:
            raw = f"{line}\n".encode()
            digest.update(raw)
            file.write(raw)
        file.seek(0)
        yield file, digest.hexdigest()
