"""The models that automated labeling has made."""

from __future__ import annotations

from labeling_provider.service.database import learning, models
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.jobs import TrainingRow
from labeling_provider.service.database.models import ModelRow
from tests.service.database.rows import job


def test_a_model_is_found_by_name_by_arn_and_by_its_job(connection: Connection) -> None:
    job_id = job(connection, states="g")
    first, second = (
        ModelRow("Cats-1", "arn-1", "image-classification", at, {"ModelName": "Cats-1", "at": at}) for at in (1.0, 2.0)
    )
    models.put(connection, first)
    models.put(connection, second)
    learning.record_training(connection, job_id, TrainingRow(1, 9, None, None, 0, "arn-1"), {}, {}, [])
    learning.record_training(connection, job_id, TrainingRow(2, 9, None, None, 0, None), {}, {}, [])
    assert models.find_by_name(connection, "cATS-1") == models.find_by_arn(connection, "arn-1") == second
    assert models.find_by_name(connection, "Dogs-1") is None
    assert models.last_arn_of(connection, "CATS", "image-classification") == "arn-1"
    assert models.last_arn_of(connection, "Cats", "text-classification") is None
    assert models.any_given_line(connection, job_id) == '{"source": "text 0"}'
