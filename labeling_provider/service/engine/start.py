"""A labeling job's first stage: its objects come into the database."""

from __future__ import annotations

import json
from collections import Counter

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.request import task_type_of_request
from labeling_provider.service.database import lease_rows, object_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.lease_rows import Lease
from labeling_provider.service.database.running import note, update_job
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.engine.arrivals import first_state
from labeling_provider.service.engine.inputs import Inputs
from labeling_provider.service.engine.output import Output
from labeling_provider.service.engine.stream import Stream
from labeling_provider.service.learning.loop import ActiveLearning
from labeling_provider.service.work.outcomes import note_failures


class Start:
    """Reads what jobs are given, and puts every object into the database."""

    def __init__(
        self, database: Database, inputs: Inputs, output: Output, stream: Stream, learning: ActiveLearning
    ) -> None:
        self._database, self._inputs, self._output = database, inputs, output
        self._stream, self._learning = stream, learning

    def start(self, lease: Lease, job: Row) -> None:
        """Bring a job from Initializing to InProgress; done again after a crash, it comes to the same.

        :raises JobFailure: if something it needs is missing or can't be used.
        """
        request = json.loads(job.request)
        self._inputs.check(request)
        lines = self._inputs.manifest_lines(request)
        members, kind = JobRequest(request), task_type_of_request(request).metadata_type
        attribute, streaming = members.label_attribute, members.is_streaming
        made = [first_state(line, attribute, kind, job.name) for line in lines if not members.is_streaming]
        rows = [{"object_id": number, **row} for number, (row, _) in enumerate(made)]
        self._output.write_input(request, rows)
        if streaming:
            self._stream.open(job, request, lines)
        states = Counter(row["state"] for row in rows)
        self._learning.check_size(request, states[ObjectState.WAITING])
        with self._database.write() as connection:
            if lease_rows.hold(connection, lease) != JobStatus.INITIALIZING:
                return
            object_rows.replace(connection, job.id, rows)
            self._learning.open(connection, job.id, request, rows)
            given, failed = states[ObjectState.GIVEN], states[ObjectState.FAILED]
            counts = {"lines": len(rows), "given": given, "failed": failed}
            update_job(connection, job.id, status=JobStatus.IN_PROGRESS, **counts)
            what = "waiting for messages" if members.is_streaming else f"{len(rows)} objects, {given} already labeled"
            note(connection, job.id, f"InProgress: {what}")
            note_failures(connection, job.id, [reason for _, reason in made if reason])
