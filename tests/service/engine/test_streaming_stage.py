"""A streaming job goes on until nothing is left to do, and then for as long as something may still arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from labeling_provider.service.database.database import Database
from labeling_provider.service.engine.streaming_stage import Streaming
from labeling_provider.service.work.job_run import Run
from tests.service.engine.some_runs import run_in

ROOM = {"HumanTaskConfig": {"MaxConcurrentTaskCount": 3}}


class Around:
    """What is around the stage: the stream, the output and the workers.

    :ivar rooms: for how many messages there was room.
    :ivar sent: how many objects went to workers.
    :ivar left: seconds until the job has been idle for too long.
    """

    def __init__(self) -> None:
        self.rooms, self.sent, self.published, self.left = list[int](), list[int](), 0, 100.0
        self.unwritten: float | None = None

    def publish(self, run: Run) -> int:
        return self.published

    def take(self, run: Run, room: int, now: float) -> int:
        self.rooms.append(room)
        return 0

    def seconds_left(self, run: Run, modified: float, now: float) -> float:
        return self.left

    def send(self, run: Run, chosen: Sequence[Any], iteration: int) -> None:
        self.sent.append(len(chosen))

    def refresh(self, run: Run, job: Any, now: float, *, idle: bool) -> float | None:
        return self.unwritten


@pytest.fixture
def around() -> Around:
    return Around()


def stage(common: Database, around: Any) -> Streaming:
    return Streaming(common, around, around, around)


@pytest.mark.parametrize(
    ("states", "room", "sent"), [("", 3, []), ("ww", 1, [2]), ("oww", 0, [2]), ("oow", 0, [1]), ("ooow", -1, [])]
)
def test_workers_get_no_more_than_they_have_room_for(
    common: Database, around: Around, states: str, room: int, sent: list[int]
) -> None:
    run, row = run_in(common, states, **ROOM)
    pause = stage(common, around).go_on(run, row, 0.0, 50.0)
    assert (around.rooms, around.sent) == ([room], sent)
    assert pause == (0.0 if sent else 50.0)


def test_the_next_step_is_at_the_first_time_that_matters(common: Database, around: Around) -> None:
    run, row = run_in(common, "", **ROOM)
    streaming = stage(common, around)
    assert streaming.go_on(run, row, 0.0, None) == 100.0
    assert streaming.go_on(run, row, 0.0, 70.0) == 70.0
    around.unwritten = 5.0
    assert streaming.go_on(run, row, 0.0, 70.0) == 5.0
    around.published = 1
    assert streaming.go_on(run, row, 0.0, 70.0) == 0.0


def test_a_job_that_was_idle_for_too_long_is_over_unless_workers_are_at_it(common: Database, around: Around) -> None:
    run, row = run_in(common, "", **ROOM)
    around.left = 0.0
    assert stage(common, around).go_on(run, row, 0.0, None) is None
    assert stage(common, around).go_on(run, row, 0.0, 70.0) is not None
