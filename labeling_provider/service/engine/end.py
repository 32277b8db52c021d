"""A labeling job's last stage: writes the labels and drops unfinished tasks."""

from __future__ import annotations

import json
import logging

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.documents import plain
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.clock import Clock
from labeling_provider.service.database import announcement_rows, lease_rows, object_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.lease_rows import Lease, LeaseLost
from labeling_provider.service.database.running import end, note
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.engine.announcements import Announcements
from labeling_provider.service.engine.consolidation import Results
from labeling_provider.service.engine.output import Output
from labeling_provider.service.engine.runs import Runs
from labeling_provider.service.engine.stream import Stream
from labeling_provider.service.work import tasks

log = logging.getLogger(__name__)

_MAX_REASON = 1024


class End:
    """Ends jobs."""

    def __init__(
        self,
        database: Database,
        runs: Runs,
        results: Results,
        output: Output,
        stream: Stream,
        announcements: Announcements,
        clock: Clock,
    ) -> None:
        self._database, self._runs, self._results, self._clock = database, runs, results, clock
        self._output, self._stream, self._announcements = output, stream, announcements

    def end(self, lease: Lease, job: Row, status: JobStatus, reason: str | None = None) -> None:
        """End a job. A job that fails is ended even if its output can't be written.

        :param reason: why it failed.
        :raises LeaseLost: if another process has taken the job.
        """
        parts = [self._leave_stream, self._write]
        if status != JobStatus.FAILED:
            parts[:0] = [self._label_answered, self._revise]
        for part in parts:
            try:
                part(lease, job)
            except LeaseLost:
                raise
            except Exception:
                if status != JobStatus.FAILED:
                    raise
                log.exception("job %s failed, and could not be cleaned up completely", job.name)
        self._runs.forget(job.id)
        with self._database.write() as connection:
            lease_rows.hold(connection, lease)
            tasks.end_all(connection, job.id)
            ended = end(connection, job.id, status, reason and plain(reason, _MAX_REASON))
            note(connection, job.id, f"{status}: {reason}" if reason else status)
            if ended:
                announcement_rows.add(connection, job.id)
        if ended:
            log.info("job %s: %s %s", job.name, status, reason or "")
        self._announcements.tell()

    def _label_answered(self, lease: Lease, job: Row) -> None:
        with self._database.read() as connection:
            unlabeled = object_rows.count(connection, job.id, ObjectState.OUT, ObjectState.ANSWERED)
        streams = _request(job).is_streaming
        if job.lines and (streams or unlabeled):
            run = self._runs.of(lease, job)
            with self._database.write() as connection:
                lease_rows.hold(connection, lease)
                # The last answers may have come in since the job's last step.
                tasks.withdraw(connection, run, self._clock.now())
            self._results.consolidate(run)
            while streams and self._stream.publish(run):
                pass

    def _revise(self, lease: Lease, job: Row) -> None:
        """Label objects from all answers of the job: the first ones got their labels before most answers came.

        Labels that a streaming job has published, or a model has learned from, no longer change.
        """
        request = _request(job)
        if request.is_streaming or request.is_automated or request.workers_per_object == 1:
            return
        with self._database.read() as connection:
            labeled = object_rows.count(connection, job.id, ObjectState.LABELED)
        if labeled:
            run = self._runs.of(lease, job)
            for iteration in sorted(self._results.revise(run)):
                self._output.write_set(run, iteration)

    def _leave_stream(self, _: Lease, job: Row) -> None:
        if _request(job).is_streaming:
            self._stream.close(job.name)

    def _write(self, lease: Lease, job: Row) -> None:
        if job.lines:
            self._output.write_manifest(lease, _request(job))


def _request(job: Row) -> JobRequest:
    return JobRequest(json.loads(job.request))
