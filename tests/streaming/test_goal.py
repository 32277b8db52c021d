"""What a wait for a streaming job is for, and when that is reached."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.groundtruth.job import JobState, JobStatus
from labeling_provider.streaming.goal import Goal, Snapshot, take_snapshot
from labeling_provider.streaming.pusher import Backlog
from tests.conftest import Lab
from tests.service.engine.test_stream import stopped
from tests.streaming.yards import Yard

STATE = JobState("job", "arn", JobStatus.IN_PROGRESS, 0, 0, 0, 0, 0, "", 0.0, None)


def sight(waiting: int = 0, labeled: int = 0, unlabeled: int = 0) -> Snapshot:
    return Snapshot(dataclasses.replace(STATE, labeled=labeled, human_labeled=labeled, unlabeled=unlabeled), waiting)


def test_something_must_be_waited_for() -> None:
    with pytest.raises(ValueError, match="Set backlog_below, labeled or idle_for"):
        Goal(baseline=3)


def test_a_backlog_is_small_when_fewer_wait() -> None:
    goal = Goal(backlog_below=2)
    assert goal.reached(sight(2), 0) == ""
    assert goal.reached(sight(1), 1) == "the queue has 1 object"


def test_labels_are_counted_from_the_first_look_or_from_where_it_is_said() -> None:
    goal = Goal(labeled=2)
    assert goal.reached(sight(labeled=1_000), 0) == ""
    assert goal.reached(sight(labeled=1_001), 1) == ""
    assert goal.reached(sight(labeled=1_002), 2) == "workers have labeled 2 objects"
    assert Goal(labeled=1_002, baseline=0).reached(sight(labeled=1_002), 0) == "workers have labeled 1,002 objects"


@pytest.mark.parametrize("busy", [sight(1), sight(unlabeled=1)], ids=["in-the-queue", "with-workers"])
def test_idle_is_who_has_nothing_to_do_and_did_nothing(busy: Snapshot) -> None:
    goal = Goal(idle_for=10)
    assert goal.reached(sight(), 100) == ""
    assert goal.reached(sight(), 109.9) == ""
    assert goal.reached(sight(), 110) == "nothing has happened for 10 s"
    assert goal.reached(busy, 111) == ""
    assert goal.reached(busy, 1_000) == "", "it is waiting, not idle"
    assert goal.reached(sight(), 1_001) == "", "something has moved"
    assert goal.reached(sight(), 1_011) == "nothing has happened for 10 s"


sights = st.builds(sight, st.integers(0, 2), st.integers(0, 3), st.integers(0, 2))


@given(
    st.fixed_dictionaries({}, optional={"backlog_below": st.integers(0, 2), "labeled": st.integers(0, 3)}),
    st.none() | st.floats(0, 20),
    st.lists(st.tuples(sights, st.floats(0.1, 20)), max_size=6),
    st.integers(0, 6),
)
def test_a_wait_that_is_taken_up_again_is_the_same_wait(
    limits: dict[str, Any], idle_for: float | None, seen: list[tuple[Snapshot, float]], interrupted: int
) -> None:
    if not limits and idle_for is None:
        return
    whole, part = Goal(**limits, idle_for=idle_for), Goal(**limits, idle_for=idle_for)
    now = 1e9
    for number, (state, seconds) in enumerate(seen):
        if number == interrupted:
            memory = json.loads(json.dumps(part.memory))
            part = Goal(**limits, idle_for=idle_for)
            part.recall(memory)
        now += seconds
        assert whole.reached(state, now) == part.reached(state, now)


def test_a_job_is_seen_with_its_queue_and_without_it_once_it_has_ended(
    lab: Lab, client: GroundTruth, yard: Yard
) -> None:
    backlog = Backlog(client, yard.job)
    seen = take_snapshot(client, yard.job, backlog)
    assert seen is not None
    assert (seen.state.status, seen.waiting) == ("InProgress", 0)
    stopped(lab, yard.job)
    backlog.delete_queue()
    seen = take_snapshot(client, yard.job, backlog)
    assert seen is not None
    assert (seen.state.status, seen.waiting) == ("Stopped", 0)
    assert take_snapshot(client, "nobody", backlog) is None
