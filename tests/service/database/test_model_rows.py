"""The models that automated labeling has made."""

from __future__ import annotations

from labeling_provider.service.database import learning_rows, model_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.job_rows import TrainingRow
from labeling_provider.service.database.model_rows import ModelRow
from tests.service.database.rows import job


def test_a_model_is_found_by_name_by_arn_and_by_its_job(connection: Connection) -> None:
    job_id = job(connection, states="g")
    first, second = (
        ModelRow("Cats-1", "arn-1", "image-classification", at, {"ModelName": "Cats-1", "at": at}) for at in (1.0, 2.0)
    )
    model_rows.put(connection, first)
    model_rows.put(connection, second)
    learning_rows.record_training(connection, job_id, TrainingRow(1, 9, None, None, 0, "arn-1"), {}, {}, [])
    learning_rows.record_training(connection, job_id, TrainingRow(2, 9, None, None, 0, None), {}, {}, [])
    assert model_rows.find_by_name(connection, "cATS-1") == model_rows.find_by_arn(connection, "arn-1") == second
    assert model_rows.find_by_name(connection, "Dogs-1") is None
    assert model_rows.last_arn_of(connection, "CATS", "image-classification") == "arn-1"
    assert model_rows.last_arn_of(connection, "Cats", "text-classification") is None
    assert model_rows.any_given_line(connection, job_id) == '{"source": "text 0"}'
