"""The output that a labeling job writes while it runs and when it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.documents import as_json, with_result
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.database import lease_rows, object_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.lease_rows import Lease, LeaseLost
from labeling_provider.service.errors import JobFailure
from labeling_provider.service.work.job_run import Run

REFRESH_SECONDS: Final = 10.0
_MANIFEST: Final = "application/x-sagemaker-manifest"


class Output:
    """Writes output manifests and the finished labels of each set."""

    def __init__(self, database: Database, object_store: ObjectStore) -> None:
        self._database, self._object_store = database, object_store

    def write_input(self, request: dict[str, Any], rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the output manifest of a job that begins, with what its input manifest says.

        :raises JobFailure: if the output can't be written.
        """
        self._write_manifest(_manifest_uri(request), _manifest((row["line"], row["result"]) for row in rows))

    def write_manifest(self, lease: Lease, request: dict[str, Any]) -> None:
        """Write the output manifest: one line per input line, with the label where there is one.

        :raises JobFailure: if the output can't be written.
        """
        uri = _manifest_uri(request)

        def lines(connection: Connection) -> bytes:
            return _manifest((row.line, row.result) for row in object_rows.results(connection, lease.job_id))

        self._write_newest(lease, lines, lambda body: self._write_manifest(uri, body))

    def write_set(self, run: Run, iteration: int) -> None:
        """Write the finished labels of the set that is under way, and of no later one."""
        if not iteration:
            return
        uri = layout.intermediate_uri(run.job.output, iteration)

        def lines(connection: Connection) -> bytes:
            rows = object_rows.labeled_in(connection, run.id, iteration)
            return _joined(
                as_json(
                    {
                        "datasetObjectId": str(row.object_id),
                        "consolidatedAnnotation": {"content": json.loads(row.result)},
                    }
                )
                for row in rows
            )

        self._write_newest(run.lease, lines, lambda body: self._object_store.write({uri: (body, "application/json")}))

    def refresh(self, run: Run, iteration: int, now: float) -> None:
        """Write what is labeled so far, if that is more than when it was last written."""
        if run.changed:
            run.refreshed, run.changed = now, False
            self.write_manifest(run.lease, run.job.request)
            self.write_set(run, iteration)

    def _write_newest(self, lease: Lease, read: Callable[[Connection], bytes], write: Callable[[bytes], None]) -> None:
        """Write a file that other processes write as well, so that the last word is what the database says."""
        with self._database.read() as connection:
            lease_rows.hold(connection, lease)
            body = read(connection)
        while True:
            write(body)
            with self._database.read() as connection:
                try:
                    lease_rows.hold(connection, lease)
                    return
                except LeaseLost:
                    # This process was held up; another one may have written a later state before this one's came.
                    newest = read(connection)
                    if newest == body:
                        raise
                    body = newest

    def _write_manifest(self, uri: str, body: bytes) -> None:
        try:
            self._object_store.write({uri: (body, _MANIFEST)})
        except MissingObject as missing:
            raise JobFailure(f"ClientError: cannot write {missing}: the bucket does not exist") from None


def _manifest_uri(request: dict[str, Any]) -> str:
    return layout.output_manifest_uri(JobRequest(request).output_uri)


def _manifest(rows: Iterable[tuple[str, str | None]]) -> bytes:
    return _joined(with_result(line, result) for line, result in rows)


def _joined(lines: Iterable[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode()
