"""Labeling jobs as the API and the pages see them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import job_rows, learning_rows, queue_rows, running, task_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.job_rows import JobFilter, NameTaken, TrainingRow
from labeling_provider.service.database.paging import Between, PageRequest
from labeling_provider.service.database.queue_rows import NewMessage
from labeling_provider.service.database.schema import jobs as table
from tests.service.database.rows import job


def names(connection: Connection, **which: object) -> list[str]:
    rows, token = job_rows.list_jobs(connection, JobFilter(**which), "Name", PageRequest())  # type: ignore[arg-type]
    assert token is None
    return [row.name for row in rows]


def test_a_job_is_found_in_whatever_case_and_counts_what_became_of_its_objects(connection: Connection) -> None:
    job_id = job(connection, "Marsh-Birds")
    running.update_job(connection, job_id, lines=9, given=1, labeled=2, failed=1)
    for iteration, labeled in ((1, 1), (2, 2)):
        training = TrainingRow(iteration, 9, None, None, labeled, f"arn-{iteration}" if iteration == 1 else None)
        learning_rows.record_training(connection, job_id, training, {}, {}, [])
    row = job_rows.find_job(connection, "mARSH-bIRDS")
    assert row is not None
    assert (row.name, row.machine_labeled, row.unlabeled) == ("Marsh-Birds", 3, 2)
    assert job_rows.find_job(connection, "Marsh") is None
    assert [training.iteration for training in job_rows.latest_trainings(connection, job_id, 1)] == [2]
    assert job_rows.final_model_arn(connection, job_id) == "arn-1"
    with pytest.raises(NameTaken):
        job(connection, "MARSH-BIRDS")


def test_jobs_are_narrowed_by_each_part_of_a_filter(connection: Connection) -> None:
    for number, name in enumerate(("a%b", "axb", "c")):
        job_id = job(connection, name)
        values = {"created": float(number), "modified": 10.0 + number, "workteam_arn": f"team {number}"}
        status = JobStatus.STOPPED if name == "c" else JobStatus.INITIALIZING
        connection.execute(sa.update(table).where(table.c.id == job_id).values(status=status, **values))
    assert names(connection) == ["a%b", "axb", "c"]
    assert names(connection, name_contains="A%") == ["a%b"]
    assert names(connection, status="Stopped") == ["c"]
    assert names(connection, workteam_arn="team 1") == ["axb"]
    assert names(connection, reference_code_contains="r") == ["a%b", "axb", "c"]
    assert names(connection, reference_code_contains="_") == []
    assert names(connection, created=Between(after=0.0)) == ["axb", "c"]
    assert names(connection, modified=Between(before=11.0)) == ["a%b"]
    assert [row.name for row in job_rows.latest_jobs(connection, 2)] == ["c", "axb"]


def test_a_job_is_asked_to_stop_only_while_it_runs(connection: Connection) -> None:
    job_id = job(connection)
    assert not job_rows.is_in_progress(connection, job_id)
    running.update_job(connection, job_id, status=JobStatus.IN_PROGRESS)
    assert job_rows.is_in_progress(connection, job_id)
    assert job_rows.request_stop(connection, job_id)
    assert not job_rows.is_in_progress(connection, job_id)
    running.end(connection, job_id, JobStatus.STOPPED, None)
    assert not job_rows.request_stop(connection, job_id)
    assert [line.message for line in job_rows.latest_log_lines(connection, job_id, 9)] == ["Created", "Stopping"]
    assert [line.message for line in job_rows.latest_log_lines(connection, job_id, 1)] == ["Stopping"]


def test_objects_count_once_while_any_worker_has_a_task_of_them(connection: Connection) -> None:
    cats, dogs = job(connection), job(connection, "Dogs")
    task_rows.offer(connection, cats, [0, 1], 3, 9.0)
    assert job_rows.objects_with_workers(connection, [cats, dogs]) == {cats: 2}
    task_rows.expire(connection, cats)
    assert job_rows.objects_with_workers(connection, [cats, dogs]) == {}


def test_messages_are_counted_in_the_queue_of_exactly_this_name(connection: Connection) -> None:
    for number, queue in enumerate(("GroundTruth-a_b", "GroundTruth-a_b", "GroundTruth-axb", "x-GroundTruth-a_b")):
        message = NewMessage(f"arn:aws:sqs:us-east-1:1:{queue}", str(number), 0, "", "{}")
        queue_rows.add(connection, [message])
    assert job_rows.messages_waiting(connection, "GroundTruth-a_b") == 2
