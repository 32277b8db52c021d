"""The models of automated labeling, as requests name them."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.facts import algorithm_arn
from labeling_provider.request import AutomatedLabeling, LabelingJobSpec, PrivateWorkteam
from labeling_provider.service.database import model_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.model_rows import ModelRow
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.labeling_jobs import LabelingJobs
from labeling_provider.service.web.trained_models import TrainedModels
from labeling_provider.service.work.requesters import Requester

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model/Cats-1"
DESCRIPTION = {
    "ModelName": "Cats-1",
    "ModelArn": ARN,
    "PrimaryContainer": {"ModelDataUrl": "s3://bens/out/model.tar.gz"},
}


@pytest.fixture
def models(database: Database) -> TrainedModels:
    """One model, for the classification of images."""
    with database.write() as connection:
        model_rows.put(connection, ModelRow("Cats-1", ARN, "image-classification", 7.0, DESCRIPTION))
    return TrainedModels(database)


def asks(arn: str | None, algorithm: str = "image-classification") -> JobRequest:
    """A request that names the model to start from."""
    named = {
        "LabelingJobAlgorithmSpecificationArn": algorithm_arn(algorithm, "us-east-1"),
        "InitialActiveLearningModelArn": arn,
    }
    return JobRequest({"LabelingJobAlgorithmsConfig": named})


def test_a_model_is_described_by_its_name_in_any_case(models: TrainedModels) -> None:
    assert models.has("cats-1")
    assert not models.has("another")
    assert models.describe({"ModelName": "CATS-1"}) == DESCRIPTION
    with pytest.raises(ApiError, match='Could not find model "another"'):
        models.describe({"ModelName": "another"})


def test_a_model_to_start_from_has_to_be_there_and_of_the_same_algorithm(models: TrainedModels) -> None:
    models.check_initial(asks(None))
    models.check_initial(asks(ARN))
    with pytest.raises(ApiError, match="image-classification, not for text-classification"):
        models.check_initial(asks(ARN, "text-classification"))
    with pytest.raises(ApiError, match="Could not find model"):
        models.check_initial(asks(ARN + "0"))


def test_a_requester_starts_from_models_in_own_buckets_only(models: TrainedModels, database: Database) -> None:
    unused: Any = None
    jobs = LabelingJobs(database, unused, unused, models, region="us-east-1", account="1", role_exists=bool)
    request = (
        LabelingJobSpec(
            task_type="image-classification",
            manifest_uri="s3://anns/in.manifest",
            output_uri="s3://anns/out",
            labels=["cat", "dog"],
            workforce=PrivateWorkteam("arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/private-people"),
            role_arn="arn:aws:iam::123456789012:role/labeling-local",
            title="What?",
            instructions="Choose.",
            automated_labeling=AutomatedLabeling(initial_model_arn=ARN),
        )
        .draft("cats", "us-east-1")
        .request
    )
    with pytest.raises(ApiError, match="arn:aws:s3:::bens is not Ann's"):
        jobs.create(request, Requester("Ann", buckets=frozenset({"anns"})))
    with pytest.raises(ApiError, match="There is no workteam|does not exist"):
        jobs.create(request, Requester("Ann", buckets=frozenset({"anns", "bens"})))
