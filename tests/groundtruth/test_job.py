"""A labeling job as it is seen from outside."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.job import (
    ENDED,
    RUNNING,
    STATUSES,
    JobState,
    is_streaming,
    queue_name,
    service_time,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
counts = st.integers(0, 1000)


def description(status: str = "InProgress", **more: Any) -> dict[str, Any]:
    return {
        "LabelingJobName": "birds",
        "LabelingJobArn": "arn:birds",
        "LabelingJobStatus": status,
        "CreationTime": NOW,
        "LastModifiedTime": NOW,
        **more,
    }


def state(people: int = 0, machine: int = 0, failed: int = 0, unlabeled: int = 0, **more: Any) -> JobState:
    counters = {
        "TotalLabeled": people + machine,
        "HumanLabeled": people,
        "MachineLabeled": machine,
        "FailedNonRetryableError": failed,
        "Unlabeled": unlabeled,
    }
    return JobState.of(description(LabelCounters=counters, **more))


states = st.builds(state, counts, counts, counts, counts, status=st.sampled_from(sorted(STATUSES)))


def test_statuses_are_those_of_amazons_model_and_each_runs_or_has_ended() -> None:
    from labeling_provider.groundtruth.model import service_model

    assert set(service_model().shape_for("LabelingJobStatus").enum) == STATUSES
    assert not RUNNING & ENDED


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_a_job_has_ended_or_runs(status: str) -> None:
    assert JobState.of(description(status)).has_ended is (status in ENDED)


def test_a_status_that_is_not_known_is_an_error_rather_than_a_wait_for_ever() -> None:
    with pytest.raises(
        LabelingError, match="birds has the status 'Hibernating', which .* does not know .* Upgrade airflow"
    ):
        JobState.of(description("Hibernating"))


def test_an_entry_of_a_listing_is_read_too() -> None:
    """It has neither a label attribute nor tags, and maybe no counters yet."""
    seen = JobState.of(description("Initializing"))
    assert (seen.total, seen.missing, seen.reason, seen.output_manifest_uri, seen.label_attribute) == (
        0,
        0,
        "",
        None,
        "",
    )
    assert seen.created == seen.modified == NOW.timestamp()


@given(states)
def test_counters_add_up_and_are_json(seen: JobState) -> None:
    assert seen.total == seen.labeled + seen.failed + seen.unlabeled == seen.labeled + seen.missing
    assert seen.counters()["total"] == seen.total
    assert JobState.of_dict(json.loads(json.dumps(seen.as_dict()))) == seen
    # Airflow would store an enumeration by its class.
    assert {type(value) for value in (seen.as_dict()["status"], seen.counters()["status"], seen.counted[0])} == {str}
    assert json.loads(json.dumps(seen.counted)) == seen.counted


@given(states, states)
def test_what_moves_is_the_status_and_the_counters(state: JobState, other: JobState) -> None:
    same = (state.status, state.human_labeled, state.machine_labeled, state.missing, state.failed) == (
        *(other.status, other.human_labeled, other.machine_labeled, other.missing, other.failed),
    )
    assert (state.counted == other.counted) is same


def test_the_time_of_a_change_alone_is_no_change() -> None:
    assert state() == JobState.of(description(LastModifiedTime=datetime(2026, 2, 1, tzinfo=UTC)))


@given(states, states)
def test_a_job_and_its_follow_up_are_counted_together(first: JobState, later: JobState) -> None:
    together = first.with_follow_up(later)
    assert together.labeled == first.labeled + later.labeled
    assert together.missing == later.missing, "what the first has left over was the later one's to label"
    assert (together.name, together.status) == (later.name, later.status)


def test_what_was_followed_up_on_began_with_its_first_job() -> None:
    later = JobState.of(description(CreationTime=datetime(2026, 2, 1, tzinfo=UTC)))
    assert state().with_follow_up(later).created == NOW.timestamp()


def test_the_model_of_an_earlier_job_counts_if_a_later_one_has_none() -> None:
    output = {"OutputDatasetS3Uri": "s3://b/m", "FinalActiveLearningModelArn": "arn:model"}
    first, later = state(LabelingJobOutput=output), state()
    assert first.with_follow_up(later).final_model_arn == "arn:model"
    assert later.with_follow_up(first).final_model_arn == "arn:model"


SNS = {"SnsDataSource": {"SnsTopicArn": "arn"}}


@pytest.mark.parametrize(
    ("config", "streams"),
    [
        ({"DataSource": SNS}, True),
        ({"DataSource": {**SNS, "S3DataSource": {}}}, True),
        ({"DataSource": {"S3DataSource": {}}}, False),
        ({"DataSource": "SnsDataSource"}, False),
        (["DataSource"], False),
        (None, False),
    ],
)
def test_a_job_that_takes_objects_from_a_topic_streams(config: Any, streams: bool) -> None:
    assert is_streaming({"InputConfig": config}) is streams
    assert is_streaming({}) is False


def test_the_queue_of_a_streaming_job_is_in_lower_case() -> None:
    assert queue_name("Birds-7") == "GroundTruth-birds-7"


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_the_service_s_clock_counts_if_it_tells_the_time(date: Any) -> None:
    description = {"ResponseMetadata": {"HTTPHeaders": {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}}}
    assert service_time(description) == NOW.timestamp()
    before = datetime.now(UTC).timestamp()
    assert service_time({"ResponseMetadata": {"HTTPHeaders": {"date": date}}}) >= before
    assert service_time({}) >= before
