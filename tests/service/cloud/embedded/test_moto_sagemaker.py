"""The models of automated labeling, where endpoints find them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from labeling_provider.service.database.model_rows import ModelRow, put
from tests.service.inside import ACCOUNT, REGION, Inside

NAME = "birds-12345678-3"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/{NAME}"


@pytest.fixture
def sagemaker(inside: Inside) -> Any:
    # All of it is moto's.
    inside.service._operations = SimpleNamespace(answer=lambda *_: None)  # type: ignore[assignment]
    return inside.client("sagemaker")


def test_a_model_of_automated_labeling_can_be_served(inside: Inside, sagemaker: Any) -> None:
    assert sagemaker.list_models()["Models"] == []
    container = {"Image": "1.dkr.ecr.us-east-1.amazonaws.com/a:local", "ModelDataUrl": "s3://lab/model.tar.gz"}
    description = {
        "ModelName": NAME,
        "ModelArn": ARN,
        "ExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/labeling-local",
        "PrimaryContainer": container,
    }
    assert inside.store is not None
    with inside.store.write() as connection:
        put(connection, ModelRow(NAME, ARN, "text-classification", 1_700_000_000.0, description))
    (model,) = sagemaker.list_models()["Models"]
    assert (model["ModelName"], model["ModelArn"], model["CreationTime"].timestamp()) == (NAME, ARN, 1_700_000_000.0)
    variant = {"VariantName": "all", "ModelName": NAME, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="birds", ProductionVariants=[variant])
    assert sagemaker.describe_model(ModelName=NAME)["PrimaryContainer"] == container
    # Who has deleted it does not find it again.
    sagemaker.delete_model(ModelName=NAME)
    assert sagemaker.list_models()["Models"] == []
