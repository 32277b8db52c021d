"""The logs of jobs and trainings, as they are narrowed and sorted."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from labeling_provider.service.database import learning_rows, log_rows, model_rows, running
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.job_rows import TrainingRow
from labeling_provider.service.database.log_rows import StreamQuery
from labeling_provider.service.database.model_rows import ModelRow
from labeling_provider.service.database.schema import events
from tests.service.database.rows import job


def test_logs_of_jobs_are_narrowed_and_sorted(connection: Connection) -> None:
    for began, name, count in ((1_000, "birds", 2), (2_000, "Birds-2", 0), (0, "cats", 1)):
        job_id = job(connection, name)
        for number in range(count):
            running.note(connection, job_id, f"line {number}")
        connection.execute(sa.update(events).where(events.c.job_id == job_id).values(at=began + events.c.id))

    def names(**wanted: Any) -> list[str]:
        return [row.name for row in log_rows.job_logs(connection, StreamQuery(**wanted))]

    assert names() == ["birds", "Birds-2", "cats"]
    assert names(prefix="BIRDS-") == ["Birds-2"]
    assert names(names=["CATS", "birds/1", "none"]) == ["birds", "cats"]
    assert names(by_time=True, descending=True) == ["Birds-2", "birds", "cats"]
    assert names(since=2_000) == ["Birds-2"]
    assert names(offset=1, limit=1) == ["Birds-2"]
    lines = log_rows.lines_of_job(connection, "birds")
    assert [line.message for line in lines] == ["Created", "line 0", "line 1"]
    (birds,) = log_rows.job_logs(connection, StreamQuery(names=["birds"]))
    assert birds.size == sum(len(line.message) for line in lines)
    assert birds.first == lines[0].at < lines[-1].at == birds.last


def test_a_training_has_a_log_with_its_figures(connection: Connection) -> None:
    assert log_rows.began(connection) == (None, None)
    job_id = job(connection, "Cats")
    container = {"ModelDataUrl": "s3://lab/model.tar.gz"}
    described = {"ModelName": "Cats-1", "PrimaryContainer": container}
    model_rows.put(connection, ModelRow("Cats-1", "arn-1", "image-classification", 7.0, described))
    learning_rows.record_training(connection, job_id, TrainingRow(1, 180, 0.93, 0.8, 70, "arn-1"), {}, {}, [])
    (log,) = log_rows.training_logs(connection, StreamQuery(prefix="cats-1/algo"))
    assert (log.model, log.job, log.algorithm, log.created) == ("Cats-1", "Cats", "image-classification", 7.0)
    assert (log.iteration, log.examples, log.agreement, log.threshold, log.labeled) == (1, 180, 0.93, 0.8, 70)
    assert log.data_uri == "s3://lab/model.tar.gz"
    first_job, first_model = log_rows.began(connection)
    assert (first_job is not None, first_model) == (True, 7.0)
