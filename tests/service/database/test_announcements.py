"""What is to be told of jobs that have ended."""

from __future__ import annotations

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import announcements, running
from labeling_provider.service.database.database import Connection
from tests.service.database.rows import job


def test_what_is_to_be_told_is_there_until_it_was_told(connection: Connection) -> None:
    cats, dogs = job(connection), job(connection, "Dogs")
    job(connection, "Runs")
    for one, status in ((dogs, JobStatus.STOPPED), (cats, JobStatus.COMPLETED)):
        running.end(connection, one, status, None)
        announcements.add(connection, one)
    found = []
    while announcements.is_pending(connection):
        taken = announcements.take(connection)
        assert taken is not None
        found.append(tuple(taken))
        announcements.remove(connection, taken.id)
    assert sorted(found) == [(cats, "arn-Cats", JobStatus.COMPLETED), (dogs, "arn-Dogs", JobStatus.STOPPED)]
    assert announcements.take(connection) is None
