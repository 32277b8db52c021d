"""Labeling jobs as the API and the pages see them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import job_rows, learning_rows, queue_rows, running, task_rows, workteam_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.job_rows import JobFilter, JobOrder, JobScope, NameTaken, TrainingRow
from labeling_provider.service.database.paging import Between, PageRequest
from labeling_provider.service.database.queue_rows import NewMessage
from labeling_provider.service.database.schema import jobs as table
from labeling_provider.service.database.schema import owners, tags
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


@dataclass(frozen=True)
class Job:
    """A job that a scope covers or not."""

    number: int
    requester: str
    team: str
    tags: dict[str, str]

    @property
    def name(self) -> str:
        return f"Job-{self.number:04}"

    @property
    def arn(self) -> str:
        return f"arn:aws:sagemaker:us-east-1:000000000000:labeling-job/{self.name}"

    def is_of(self, scope: JobScope) -> bool:
        return (
            self.requester == scope.requester
            and (not scope.teams or self.team in scope.teams)
            and scope.tags.items() <= self.tags.items()
        )


def insert_all(connection: Connection, given: Sequence[Job]) -> None:
    """Insert jobs, each made a second after the one before."""
    like = {"reference_code": "r", "status": JobStatus.COMPLETED, "request": "{}", "modified": 1.0}
    rows = [
        {
            **like,
            "id": row.number,
            "name": row.name,
            "name_key": row.name.lower(),
            "arn": row.arn,
            "created": float(row.number),
            "workteam_arn": f"team/{row.team}",
            "requester": row.requester,
        }
        for row in given
    ]
    connection.execute(sa.insert(table), rows)
    connection.execute(sa.insert(owners), [{"arn": row.arn, "requester": row.requester} for row in given])
    tagged = [{"arn": row.arn, "key": key, "value": value} for row in given for key, value in row.tags.items()]
    if tagged:
        connection.execute(sa.insert(tags), tagged)


ROWS = [
    Job(
        number,
        "seldom" if number % 400 == 7 else "often",
        "small" if number % 300 == 7 else "large",
        {"project": "birds" if number % 200 == 7 else "pets", **({"year": "2026"} if number % 20 else {})},
    )
    for number in range(1, 1_300)
]
"""More of the large team, of the frequent tags and of the busy requester than are looked up one by one."""


@pytest.mark.parametrize("order", ["Name", "CreationTime", "Status"])
def test_a_requester_sees_the_jobs_of_a_scope_whether_they_are_few_or_many(
    connection: Connection, order: JobOrder
) -> None:
    for team in ("large", "small", "idle"):
        workteam_rows.insert(connection, name=team, arn=f"team/{team}", description="", members=[], settings={})
    insert_all(connection, ROWS)
    of = [{}, {"project": "pets"}, {"project": "birds"}, {"project": "birds", "year": "2026"}, {"project": "fish"}]
    teams = [set(), {"large"}, {"small"}, {"small", "large"}, {"idle"}, {"unknown"}]
    for requester, names, values in itertools.product(("often", "seldom", "nobody"), teams, of):
        scope = JobScope(requester, frozenset(names), values)
        page, token = job_rows.list_jobs(connection, JobFilter(scope=scope), order, PageRequest(500))
        listed = [row.name for row in page]
        while token is not None:
            page, token = job_rows.list_jobs(connection, JobFilter(scope=scope), order, PageRequest(500, token=token))
            listed += [row.name for row in page]
        assert listed == [job.name for job in ROWS if job.is_of(scope)], scope


def test_a_list_goes_on_where_it_was_when_its_few_jobs_become_many(connection: Connection) -> None:
    insert_all(connection, [Job(number, "often", "large", {}) for number in range(1, 1_001)])
    which = JobFilter(scope=JobScope("often", frozenset(), {}))
    page, token = job_rows.list_jobs(connection, which, "Name", PageRequest(600))
    insert_all(connection, [Job(1_001, "often", "large", {})])
    others, last = job_rows.list_jobs(connection, which, "Name", PageRequest(600, token=token))
    assert [row.id for row in page + others] == list(range(1, 1_002))
    assert last is None


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
