"""Jobs that run: what changes in them, and that they end once."""

from __future__ import annotations

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import job_rows, learning_rows, running
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.job_rows import TrainingRow
from tests.service.database.rows import job


def test_a_job_ends_once(connection: Connection) -> None:
    cats, dogs = job(connection), job(connection, "Dogs")
    assert running.end(connection, cats, JobStatus.FAILED, "why")
    assert not running.end(connection, cats, JobStatus.COMPLETED, None)
    ended = running.find(connection, cats)
    assert ended is not None
    assert (ended.status, ended.failure_reason, ended.lease_until) == (JobStatus.FAILED, "why", 0)
    other = running.find(connection, dogs)
    assert other is not None
    assert other.status != JobStatus.FAILED
    assert running.find(connection, 999) is None


def test_objects_that_arrive_are_added_to_those_that_are_there(connection: Connection) -> None:
    job_id = job(connection)
    for _ in range(2):
        running.arrived(connection, job_id, objects=3, given=1, failed=2)
    row = running.find(connection, job_id)
    assert row is not None
    assert (row.lines, row.given, row.failed) == (6, 2, 4)


def test_a_log_line_is_plain_text_of_some_length(connection: Connection) -> None:
    job_id = job(connection)
    running.note(connection, job_id, "half a \ud800 character " + "x" * 9000)
    (*_, line) = job_rows.latest_log_lines(connection, job_id, 9)
    line.message.encode()
    assert len(line.message) <= 2001


def test_labels_by_machine_are_added_up_over_the_trainings(connection: Connection) -> None:
    cats, dogs = job(connection), job(connection, "Dogs")
    for iteration in (1, 2):
        learning_rows.record_training(connection, cats, TrainingRow(iteration, 1, None, None, 5, None), {}, {}, [])
    assert running.labeled_by_machine(connection, [cats, dogs]) == {cats: 10}
