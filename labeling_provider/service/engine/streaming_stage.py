"""A streaming labeling job at work: labels go out, objects come in, for as long as anything comes."""

from __future__ import annotations

import math
from typing import Final

from labeling_provider.service.database import object_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.engine.hand_out import HandOut
from labeling_provider.service.engine.output import REFRESH_SECONDS, Output
from labeling_provider.service.engine.stream import Stream
from labeling_provider.service.work.job_run import Run

_ITERATION: Final = 1


class Streaming:
    """Keeps streaming jobs going between their messages and their workers."""

    def __init__(self, database: Database, stream: Stream, hand_out: HandOut, output: Output) -> None:
        self._database, self._stream, self._hand_out, self._output = database, stream, hand_out, output

    def go_on(self, run: Run, job: Row, now: float, pause: float | None) -> float | None:
        """Send labels out and take objects in.

        :param pause: seconds until something can happen with the workers; None if no object is with them.
        :return: seconds until the next step; None if nothing has come for too long.
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
        if pause is None or now - run.refreshed > REFRESH_SECONDS:
            self._output.refresh(run, _ITERATION, now)
        left = self._stream.seconds_left(run, job.modified, now)
        if pause is None and left <= 0:
            return None
        return min(left, math.inf if pause is None else pause)
