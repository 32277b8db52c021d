"""The stage of a running streaming job: publishes labels and takes in objects until no more arrive."""

from __future__ import annotations

from typing import Final

from labeling_provider.service.database import object_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.engine.hand_out import HandOut
from labeling_provider.service.engine.output import Output
from labeling_provider.service.engine.stream import Stream
from labeling_provider.service.work.job_run import Run

_ITERATION: Final = 1


class Streaming:
    """Moves objects of streaming jobs from their messages to their workers and back."""

    def __init__(self, database: Database, stream: Stream, hand_out: HandOut, output: Output) -> None:
        self._database, self._stream, self._hand_out, self._output = database, stream, hand_out, output

    def go_on(self, run: Run, job: Row, now: float, pause: float | None) -> float | None:
        """Publish labels, take in new objects, and send objects to workers.

        :param now: epoch seconds.
        :param pause: seconds until the tasks of workers can change; None if no object is with workers.
        :return: seconds until the next step; None if the job has been idle for too long.
        """
        published = self._stream.publish(run)
        with self._database.read() as connection:
            out = object_rows.count(connection, run.id, ObjectState.OUT)
            waiting = object_rows.count(connection, run.id, ObjectState.WAITING)
        room = run.set_size - out
        taken = self._stream.take(run, room - waiting, now)
        with self._database.read() as connection:
            chosen = object_rows.waiting(connection, run.id, max(room, 0))
        if chosen:
            self._hand_out.send(run, chosen, _ITERATION)
        if chosen or taken or published:
            return 0.0
        unwritten = self._output.refresh(run, job, now, idle=pause is None)
        left = self._stream.seconds_left(run, job.modified, now)
        if pause is None and left <= 0:
            return None
        return min(wait for wait in (left, pause, unwritten) if wait is not None)
