"""A labeling job's first stage: reads its objects into the database."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from labeling_provider.errors import counted
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.clock import Clock
from labeling_provider.service.database import lease_rows, object_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.lease_rows import Lease
from labeling_provider.service.database.running import note, update_job
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.engine.arrivals import first_state
from labeling_provider.service.engine.inputs import InputManifest, Inputs
from labeling_provider.service.engine.output import Output
from labeling_provider.service.engine.stream import Stream
from labeling_provider.service.learning.loop import ActiveLearning
from labeling_provider.service.work.outcomes import note_failures

_AT_ONCE: Final = 5_000


class Start:
    """Reads the inputs of jobs and stores every object in the database."""

    def __init__(
        self,
        database: Database,
        inputs: Inputs,
        output: Output,
        stream: Stream,
        learning: ActiveLearning,
        clock: Clock,
    ) -> None:
        self._database, self._inputs, self._output = database, inputs, output
        self._stream, self._learning, self._clock = stream, learning, clock

    def start(self, lease: Lease, job: Row) -> None:
        """Take a job from Initializing to InProgress. Repeating this after a crash gives the same result.

        :raises JobFailure: if an input is missing or can't be used.
        :raises LeaseLost: if another process has taken the job.
        """
        request = JobRequest(json.loads(job.request))
        self._inputs.check(request)
        with self._inputs.manifest(request) as manifest:
            if request.is_streaming:
                self._output.write_input(request, ())
                self._stream.open(job, request, list(manifest))
                self._begin(lease, job.id, request, Counter(), Counter())
            else:
                self._take_in(lease, job, request, manifest)

    def _take_in(self, lease: Lease, job: Row, request: JobRequest, manifest: InputManifest) -> None:
        """Store the objects of a job in the database, and begin."""
        states: Counter[ObjectState] = Counter()
        reasons: Counter[str] = Counter()
        attribute, metadata_type = request.label_attribute, request.task_type.metadata_type
        now = self._clock.now()

        def rows() -> Iterator[dict[str, Any]]:
            for number, line in enumerate(manifest):
                row, reason = first_state(line, attribute, metadata_type, job.name, now)
                states[row["state"]] += 1
                if reason:
                    reasons[reason] += 1
                yield {"object_id": number, **row}

        self._output.write_input(request, rows())
        self._learning.check_size(request, states[ObjectState.WAITING])
        states.clear()
        reasons.clear()
        remaining, is_first = rows(), True
        while chunk := list(islice(remaining, _AT_ONCE)):
            # Several transactions, so that nobody else waits for a large job.
            with self._database.write() as connection:
                is_going_on = lease_rows.hold(connection, lease) == JobStatus.INITIALIZING
                if is_first or not is_going_on:
                    object_rows.clear(connection, job.id)
                if not is_going_on:
                    return
                object_rows.insert(connection, job.id, chunk)
            is_first = False
        self._begin(lease, job.id, request, states, reasons)

    def _begin(
        self,
        lease: Lease,
        job_id: int,
        request: JobRequest,
        states: Counter[ObjectState],
        reasons: Counter[str],
    ) -> None:
        """Take the job to InProgress.

        :param states: number of objects in each state.
        :param reasons: number of failed objects by reason.
        """
        with self._database.write() as connection:
            if lease_rows.hold(connection, lease) != JobStatus.INITIALIZING:
                object_rows.clear(connection, job_id)
                return
            if request.is_automated:
                ids = object_rows.ids(connection, job_id, ObjectState.WAITING)
                waiting = ({"object_id": object_id, "state": ObjectState.WAITING} for object_id in ids)
                self._learning.open(connection, job_id, request, waiting)
            given, failed = states[ObjectState.GIVEN], states[ObjectState.FAILED]
            counts = {"lines": states.total(), "given": given, "failed": failed}
            update_job(connection, job_id, status=JobStatus.IN_PROGRESS, **counts)
            what = f"{counted(states.total(), 'object')}, {given:,} already labeled"
            note(connection, job_id, f"InProgress: {'waiting for messages' if request.is_streaming else what}")
            note_failures(connection, job_id, reasons.elements())
