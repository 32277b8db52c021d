"""Whose turn it is to do a job's next step: one process's at a time, and whoever was held up has lost it."""

from __future__ import annotations

import pytest

from labeling_provider.groundtruth.job import JobStatus, queue_name
from labeling_provider.service.database import lease_rows, notices, running
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.lease_rows import Woken
from tests.service.database.rows import STREAM, job


def woken(connection: Connection) -> list[Woken | None]:
    """What is told of jobs when the transaction ends."""
    return [Woken.of(notice) for notice in connection.info.pop(notices.TOLD, ())]


def test_a_process_that_was_held_up_for_too_long_changes_nothing(connection: Connection) -> None:
    job_id = job(connection)
    first = lease_rows.take(connection, job_id, "a", 100.0, 110.0)
    assert first is not None
    assert lease_rows.take(connection, job_id, "b", 109.0, 119.0) is None
    again = lease_rows.take(connection, job_id, "a", 109.0, 119.0)
    assert again is not None
    assert again[0] == first[0], "the same owner goes on with what it remembers"
    second = lease_rows.take(connection, job_id, "b", 120.0, 130.0)
    assert second is not None
    assert second[0].number == first[0].number + 1
    with pytest.raises(lease_rows.LeaseLost):
        lease_rows.hold(connection, first[0])
    assert lease_rows.hold(connection, second[0]) == JobStatus.INITIALIZING
    assert lease_rows.release(connection, first[0], 0.0) is None


def test_who_asks_for_a_job_during_a_step_is_not_forgotten(connection: Connection) -> None:
    job_id = job(connection)
    taken = lease_rows.take(connection, job_id, "a", 100.0, 110.0)
    assert taken is not None
    assert lease_rows.due(connection, 105.0) == []
    lease_rows.wake(connection, lease_rows.is_job(job_id), 0.5, patient=True)
    assert woken(connection) == [Woken(job_id, "a", 0.5, True)]
    lease_rows.wake(connection, lease_rows.is_job(job_id))
    assert woken(connection) == [], "it is told of once until somebody has it"
    assert lease_rows.release(connection, taken[0], 170.0) == 0.0
    assert lease_rows.due(connection, 105.0) == [job_id]
    taken = lease_rows.take(connection, job_id, "b", 106.0, 116.0)
    assert taken is not None
    assert lease_rows.release(connection, taken[0], 170.0) == 170.0
    assert lease_rows.due(connection, 169.0) == []
    assert lease_rows.due(connection, 170.0) == [job_id]


def test_streaming_jobs_are_woken_by_their_queue_or_all_at_once(connection: Connection) -> None:
    named = {"LabelAttributeName": "SnsDataSource", "HumanTaskConfig": {"TaskTitle": '"SnsDataSource": '}}
    plain, stream, other = (
        job(connection, request=named),
        job(connection, "Stream", request=STREAM),
        job(connection, "Other", request=STREAM),
    )
    assert sorted(lease_rows.due(connection, 1.0)) == [plain, stream, other]
    for job_id in (plain, stream, other):
        taken = lease_rows.take(connection, job_id, "a", 1.0, 9.0)
        assert taken is not None
        assert lease_rows.release(connection, taken[0], 60.0) == 60.0
    lease_rows.wake(connection, lease_rows.has_queue(queue_name("Stream")))
    assert lease_rows.due(connection, 2.0) == [stream]
    lease_rows.wake(connection, lease_rows.streams())
    assert sorted(lease_rows.due(connection, 2.0)) == [stream, other]
    assert [notice.job_id for notice in woken(connection)] == [stream, other]


def test_leases_are_kept_for_as_long_as_their_owner_says(connection: Connection) -> None:
    mine, other = job(connection), job(connection, "Dogs")
    lease_rows.take(connection, mine, "a", 1.0, 10.0)
    lease_rows.take(connection, other, "b", 1.0, 10.0)
    lease_rows.renew(connection, "a", 30.0)
    assert lease_rows.due(connection, 20.0) == [other]
    lease_rows.release_all(connection)
    assert sorted(lease_rows.due(connection, 1.0)) == [mine, other]
    running.end(connection, mine, JobStatus.COMPLETED, None)
    assert lease_rows.take(connection, mine, "c", 40.0, 50.0) is None


def test_a_new_job_is_told_of_like_one_that_waits(connection: Connection) -> None:
    job_id = job(connection)
    for _ in range(2):
        lease_rows.wake(connection, lease_rows.is_job(job_id))
    assert woken(connection) == [Woken(job_id, "", 0.0, False)]
