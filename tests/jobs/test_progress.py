"""How a labeling job gets on, in words."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.description import JobDescription
from labeling_provider.groundtruth.job import JobState, JobStatus
from labeling_provider.jobs.progress import Progress, duration, stall_report

STATE = JobState("birds", "arn", JobStatus.IN_PROGRESS, 0, 0, 0, 0, 100, "", 0.0, None)


def state(people: int, machine: int = 0, failed: int = 0, **more: object) -> JobState:
    labeled = people + machine
    counts = {"labeled": labeled, "human_labeled": people, "machine_labeled": machine, "failed": failed}
    return dataclasses.replace(STATE, **counts, unlabeled=100 - labeled - failed, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (59 * 60, "59 min"),
        (60 * 60, "1 h 0 min"),
        (12_000, "3 h 20 min"),
        (24 * 3600, "1 d 0 h"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_stretch_of_time_is_told_as_people_tell_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@given(st.floats(0, 1e7))
def test_it_is_about_as_long_as_it_is(seconds: float) -> None:
    units = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
    in_words = sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+) (\w+)", duration(seconds)))
    assert in_words == pytest.approx(seconds, abs=0.51 if seconds < 90 else 31 if seconds < 86_000 else 3_600)


def test_only_what_has_changed_is_told() -> None:
    progress = Progress()
    assert progress.line(state(0), 0) == "birds InProgress, 0 of 100 labeled (0 by people)"
    assert progress.line(state(0), 10) is None
    assert progress.line(state(0, modified=5.0), 20) is None
    line = progress.line(state(10, 5, 1), 3600)
    assert line == (
        "birds InProgress, 15 of 100 labeled (10 by people, 5 by machine), 1 failed, 16 objects/hour, "
        "about 5 h 15 min left"
    )
    assert progress.line(state(16, 5, 1, status=JobStatus.FAILED, reason="no budget"), 7200) == (
        "birds Failed, 21 of 100 labeled (16 by people, 5 by machine), 1 failed, no budget"
    )


def test_a_rate_begins_anew_with_a_job_that_has_less() -> None:
    """The next round of a chain."""
    progress = Progress()
    progress.line(state(50), 0)
    assert progress.line(state(10), 3600) == "birds InProgress, 10 of 100 labeled (10 by people)"
    assert "10 objects/hour" in str(progress.line(state(20), 7200))


states = st.builds(state, st.integers(0, 40), st.integers(0, 30), st.integers(0, 30))


@given(st.lists(st.tuples(states, st.floats(-10, 1e6)), max_size=5))
def test_no_clock_makes_it_stumble(seen: list[tuple[JobState, float]]) -> None:
    progress, before = Progress(), None
    for state, now in seen:
        line = progress.line(state, now)
        assert (line is None) == (before is not None and before.counted == state.counted)
        before = state


def description(status: str, labeled: int) -> JobDescription:
    modified = datetime(2026, 1, 1, tzinfo=UTC)
    return JobDescription(
        {
            "LabelingJobName": "birds",
            "LabelingJobArn": "arn",
            "LabelingJobStatus": status,
            "LabelCounters": {"TotalLabeled": labeled, "HumanLabeled": labeled, "Unlabeled": 7},
            "CreationTime": modified,
            "LastModifiedTime": modified,
            "HumanTaskConfig": {"WorkteamArn": "arn:team", "NumberOfHumanWorkersPerDataObject": 3},
        }
    )


@pytest.mark.parametrize(
    ("status", "labeled", "cause"),
    [
        ("Initializing", 0, "the execution role can't be assumed"),
        ("Stopping", 0, "workers still have tasks"),
        ("InProgress", 0, "fewer workers have answered than each object needs, 3"),
        ("InProgress", 5, "the workers have stopped working"),
    ],
)
def test_a_job_that_stands_still_is_told_with_what_is_known_and_its_usual_cause(
    status: str, labeled: int, cause: str
) -> None:
    report = stall_report(description(status, labeled), 4000)
    assert report.startswith(
        f"Labeling job birds has made no progress for 1 h 7 min: {status}, {labeled} of {labeled + 7} objects"
    )
    assert "workteam arn:team; last changed at 2026-01-01T00:00:00+00:00." in report
    assert cause in report
