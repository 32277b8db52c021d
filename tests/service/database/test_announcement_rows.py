"""What is to be told of jobs that have ended."""

from __future__ import annotations

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import announcement_rows, running
from labeling_provider.service.database.database import Connection
from tests.service.database.rows import job


def test_what_is_to_be_told_is_there_until_it_was_told(connection: Connection) -> None:
    cats, dogs = job(connection), job(connection, "Dogs")
    job(connection, "Runs")
    for job_id, status in ((dogs, JobStatus.STOPPED), (cats, JobStatus.COMPLETED)):
        running.end(connection, job_id, status, None)
        announcement_rows.add(connection, job_id)
    claimed = []
    while announcement_rows.is_pending(connection, 5.0):
        taken = announcement_rows.claim(connection, 5.0, 10.0)
        assert taken is not None
        claimed.append(tuple(taken))
        announcement_rows.remove(connection, taken.id)
    assert sorted(claimed) == [(cats, "arn-Cats", JobStatus.COMPLETED), (dogs, "arn-Dogs", JobStatus.STOPPED)]
    assert announcement_rows.claim(connection, 5.0, 10.0) is None


def test_who_has_claimed_it_has_so_much_time_to_tell_it(connection: Connection) -> None:
    job_id = job(connection)
    announcement_rows.add(connection, job_id)
    assert announcement_rows.claim(connection, 5.0, 10.0) is not None
    assert not announcement_rows.is_pending(connection, 9.0)
    assert announcement_rows.claim(connection, 9.0, 14.0) is None
    assert announcement_rows.is_pending(connection, 10.0)
    assert announcement_rows.claim(connection, 10.0, 15.0) is not None
