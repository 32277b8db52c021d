"""Whose turn it is to do a job's next step: one process's at a time, and whoever was held up has lost it."""

from __future__ import annotations

import pytest

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import lease_rows, running
from labeling_provider.service.database.database import Connection
from tests.service.database.rows import STREAM, job


def test_a_process_that_was_held_up_for_too_long_changes_nothing(connection: Connection) -> None:
    one = job(connection)
    first = lease_rows.take(connection, one, "a", 100.0, 110.0, streams=True)
    assert first is not None
    assert lease_rows.take(connection, one, "b", 109.0, 119.0, streams=True) is None
    again = lease_rows.take(connection, one, "a", 109.0, 119.0, streams=True)
    assert again is not None
    assert again[0] == first[0], "the same owner goes on with what it remembers"
    second = lease_rows.take(connection, one, "b", 120.0, 130.0, streams=True)
    assert second is not None
    assert second[0].number == first[0].number + 1
    with pytest.raises(lease_rows.LeaseLost):
        lease_rows.hold(connection, first[0])
    assert lease_rows.hold(connection, second[0]) == JobStatus.INITIALIZING
    assert lease_rows.release(connection, first[0], 0.0) is None


def test_who_asks_for_a_job_during_a_step_is_not_forgotten(connection: Connection) -> None:
    one = job(connection)
    taken = lease_rows.take(connection, one, "a", 100.0, 110.0, streams=True)
    assert taken is not None
    assert lease_rows.due(connection, 105.0, streams=True) == []
    lease_rows.wake(connection, one)
    assert lease_rows.release(connection, taken[0], 170.0) == 0.0
    assert lease_rows.due(connection, 105.0, streams=True) == [one]
    taken = lease_rows.take(connection, one, "b", 106.0, 116.0, streams=True)
    assert taken is not None
    assert lease_rows.release(connection, taken[0], 170.0) == 170.0
    assert lease_rows.due(connection, 169.0, streams=True) == []
    assert lease_rows.due(connection, 170.0, streams=True) == [one]


def test_streaming_jobs_are_for_who_does_them(connection: Connection) -> None:
    plain, stream = job(connection), job(connection, "Stream", request=STREAM)
    assert lease_rows.due(connection, 1.0, streams=False) == [plain]
    assert lease_rows.take(connection, stream, "a", 1.0, 9.0, streams=False) is None
    for one in (plain, stream):
        taken = lease_rows.take(connection, one, "a", 1.0, 9.0, streams=True)
        assert taken is not None
        assert lease_rows.release(connection, taken[0], 60.0) == 60.0
    lease_rows.wake_streams(connection)
    assert lease_rows.due(connection, 2.0, streams=True) == [stream]


def test_leases_are_kept_for_as_long_as_their_owner_says(connection: Connection) -> None:
    mine, other = job(connection), job(connection, "Dogs")
    lease_rows.take(connection, mine, "a", 1.0, 10.0, streams=True)
    lease_rows.take(connection, other, "b", 1.0, 10.0, streams=True)
    lease_rows.renew(connection, "a", 30.0)
    assert lease_rows.due(connection, 20.0, streams=True) == [other]
    lease_rows.release_all(connection)
    assert sorted(lease_rows.due(connection, 1.0, streams=True)) == [mine, other]
    running.end(connection, mine, JobStatus.COMPLETED, None)
    assert lease_rows.take(connection, mine, "c", 40.0, 50.0, streams=True) is None
