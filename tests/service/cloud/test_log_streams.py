"""Each job and each training has a log stream, with Amazon's names."""

from __future__ import annotations

import json

from labeling_provider.service.cloud.log_streams import LABELING_JOBS, TRAINING_JOBS, groups, streams
from labeling_provider.service.database import learning_rows, model_rows, running
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.job_rows import TrainingRow
from labeling_provider.service.database.log_rows import StreamQuery
from labeling_provider.service.database.model_rows import ModelRow
from tests.service.database.rows import job


def test_jobs_and_trainings_have_streams_in_groups_of_their_own(database: Database) -> None:
    described = {"ModelName": "Cats-1", "PrimaryContainer": {"ModelDataUrl": "s3://lab/model.tar.gz"}}
    training = TrainingRow(1, 180, 0.93, None, 0, "arn-1")
    with database.write() as connection:
        assert groups(connection) == {}
        job_id = job(connection, "Cats")
        assert groups(connection).keys() == {LABELING_JOBS}
        running.note(connection, job_id, "„Begun“")
        model_rows.put(connection, ModelRow("Cats-1", "arn-1", "image-classification", 7.5, described))
        learning_rows.record_training(connection, job_id, training, {}, {}, [])
        assert groups(connection)[TRAINING_JOBS] == 7.5
        (of_job,) = streams(connection, LABELING_JOBS, StreamQuery())
        assert of_job.name == "Cats"
        assert [json.loads(line.message)["event-log-message"] for line in of_job.lines()] == ["Created", "„Begun“"]
        (of_training,) = streams(connection, TRAINING_JOBS, StreamQuery())
        texts = [line.message for line in of_training.lines()]
    assert (of_training.name, of_training.created, of_training.last) == ("Cats-1/algo-1-7", 7.5, 7.5)
    assert of_training.size == sum(map(len, texts))
    assert "Epoch[0] Validation-accuracy=0.930000" in texts
    assert "The model is not good enough to label objects." in texts
