"""SageMaker's protocol: what is labeling, what is moto's, and what of a request is taken."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pytest

from labeling_provider.groundtruth.model import service_model
from tests.conftest import Lab, texts
from tests.own_names import own_id
from tests.service.web.test_labeling_jobs import refused
from tests.service.web.wire import ask

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/trainer:1"


def post(lab: Lab, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and answer of a request that no client would check before."""
    headers = {"x-amz-target": f"SageMaker.{operation}", "content-type": "application/x-amz-json-1.1"}
    status, body, _ = ask(lab.service, "POST", "/", headers, json.dumps(request).encode())
    return status, json.loads(body)


def test_a_model_is_trained_and_served_beside_labeling(lab: Lab) -> None:
    name, sagemaker = f"beside-{own_id().hex[:8]}", lab.sagemaker
    channel = {"S3DataType": "AugmentedManifestFile", "S3Uri": "s3://lab/out/manifest", "AttributeNames": ["source"]}
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "Pipe"},
        RoleArn=lab.role,
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": channel}}],
        OutputDataConfig={"S3OutputPath": "s3://lab/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    trained = sagemaker.describe_training_job(TrainingJobName=name)
    assert trained["TrainingJobStatus"] == "Completed"
    container = {"Image": IMAGE, "ModelDataUrl": trained["ModelArtifacts"]["S3ModelArtifacts"]}
    made = sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=lab.role)
    assert sagemaker.describe_model(ModelName=name)["PrimaryContainer"] == container
    sagemaker.add_tags(ResourceArn=made["ModelArn"], Tags=[{"Key": "team", "Value": "birds"}])
    assert sagemaker.list_tags(ResourceArn=made["ModelArn"])["Tags"] == [{"Key": "team", "Value": "birds"}]
    variant = {"VariantName": "all", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
    sagemaker.create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="at",
        FeatureDefinitions=[{"FeatureName": feature, "FeatureType": "String"} for feature in ("id", "at")],
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://lab/features"}},
        RoleArn=lab.role,
    )
    assert sagemaker.describe_feature_group(FeatureGroupName=name)["FeatureGroupName"] == name
    resources = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}}
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        ProcessingResources=resources,
        AppSpecification={"ImageUri": IMAGE},
        RoleArn=lab.role,
    )
    assert name in {job["ProcessingJobName"] for job in sagemaker.list_processing_jobs()["ProcessingJobSummaries"]}
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName=name)
    assert refused(lab, "describe_model", ModelName=name)[0] == "ValidationException"


def test_what_moto_can_not_do_either_is_told(lab: Lab) -> None:
    before = lab.service.group.log.stat().st_size
    code, message, status = refused(lab, "list_artifacts")
    assert (code, status) == ("InvalidAction", 400)
    assert "list_artifacts" in message
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model/nobody"
    assert "moto, which answers for sagemaker here" in refused(lab, "list_tags", ResourceArn=arn)[1]
    assert b"Traceback" not in lab.service.group.log.read_bytes()[before:]


def least(shape: Any) -> Any:
    """The smallest value that fits a shape of botocore's model."""
    if shape.type_name == "structure":
        return {name: least(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "a" * max(1, shape.metadata.get("min", 1))
    few = shape.metadata.get("min", 0)
    of_others = {"list": lambda: [least(shape.member)] * few, "map": dict, "boolean": lambda: True}
    return of_others.get(shape.type_name, lambda: max(1, few))()


def test_no_operation_of_sagemaker_is_answered_by_a_failure_of_ours(lab: Lab) -> None:
    answers: dict[int, list[str]] = defaultdict(list)
    for operation in service_model().operation_names:
        shape = service_model().operation_model(operation).input_shape
        answers[post(lab, operation, least(shape))[0]].append(operation)
    assert answers.keys() == {200, 400}, {status: names for status, names in answers.items() if status >= 500}
    assert len(answers[200]) > 50


def test_requests_beside_labeling_are_checked_as_well(lab: Lab) -> None:
    assert post(lab, "CreateModel", {"ModelName": 7})[1]["__type"] == "ValidationException"
    status, answer = post(lab, "DescribeTrainingJob", {})
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert "TrainingJobName" in answer["message"]


def test_a_newer_client_may_say_more_than_is_known_here(lab: Lab) -> None:
    request = lab.request(texts(1))
    request["HumanTaskConfig"]["TaskColor"] = "blue"
    request["InputConfig"]["DataAttributes"] = {"ContentClassifiers": [], "Novelty": {"a": [1]}}
    request["FromTheFuture"] = True
    status, answer = post(lab, "CreateLabelingJob", request)
    assert status == 200, answer
    described = lab.describe(request["LabelingJobName"])
    assert "TaskColor" not in described["HumanTaskConfig"]
    assert b"HumanTaskConfig.TaskColor" in lab.service.group.log.read_bytes()


@pytest.mark.parametrize("when", ["2024-05-01T00:00:00Z", "1714521600", True, [1], {"a": 1}, 1e300])
def test_a_time_is_a_number(lab: Lab, when: Any) -> None:
    status, answer = post(lab, "ListLabelingJobs", {"CreationTimeAfter": when})
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert "creationTimeAfter" in answer["message"]
    # Here moto would answer.
    status, answer = post(lab, "ListTrainingJobs", {"CreationTimeAfter": when})
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert "CreationTimeAfter" in answer["message"]
    assert post(lab, "ListTrainingJobs", {"CreationTimeAfter": 1714521600.5})[0] == 200
