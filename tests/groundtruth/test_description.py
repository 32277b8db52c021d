"""A labeling job's request and description, read by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.description import JobDescription, JobRequest
from labeling_provider.groundtruth.facts import public_workteam_arn
from tests.conftest import Lab, texts

DAYS_30 = 30 * 24 * 3600
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["DataSource", "S3DataSource", "x"]), inner),
    max_leaves=10,
)


def description(status: str, *, days: float = 1, reason: str = "", **members: Any) -> JobDescription:
    counters = {"TotalLabeled": 6, "HumanLabeled": 4, "MachineLabeled": 2, "Unlabeled": 4}
    return JobDescription(
        {
            "LabelingJobName": "animals",
            "LabelingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/animals",
            "LabelingJobStatus": status,
            "LabelCounters": counters,
            "CreationTime": BEGAN,
            "LastModifiedTime": BEGAN + timedelta(days=days),
            "FailureReason": reason,
            **members,
        }
    )


def test_a_request_and_what_the_service_says_of_its_job_read_the_same(lab: Lab) -> None:
    members = lab.request(texts(2), workers_per_object=2, max_human_labeled_objects=1, tags={"cost": "7"})
    lab.sagemaker.create_labeling_job(**members)
    request, job = JobRequest(members), JobDescription(lab.describe(members["LabelingJobName"]))
    assert job.members["ResponseMetadata"]
    for name, property_ in vars(JobRequest).items():
        if isinstance(property_, property):
            assert getattr(job, name) == getattr(request, name), name
    assert (request.title, request.task_type.name) == ("What is it?", "text-classification")
    assert (request.task_seconds, request.availability_seconds, request.max_concurrent_objects) == (300, DAYS_30, 1000)
    assert request.price_usd is None
    assert request.workers_per_object == 2
    assert request.max_human_labeled == 1
    assert request.tags == {"cost": "7"}
    assert request.output_uri == f"s3://lab/out/{request.name}"
    assert request.manifest_uri is not None
    assert request.manifest_uri.startswith("s3://lab/in/")
    assert request.workforce_kind == "private"
    assert not request.is_streaming
    lab.wait(job.name)
    assert JobDescription(lab.describe(job.name)).labels_uri == f"{job.output_uri}/manifests/output/output.manifest"


def test_a_streaming_job_has_its_topics_and_no_manifest(lab: Lab) -> None:
    topics = {"input_topic_arn": "arn:aws:sns:us-east-1:1:in", "output_topic_arn": "arn:aws:sns:us-east-1:1:out"}
    request = JobRequest(lab.request(None, **topics))
    assert request.is_streaming
    assert (request.input_topic_arn, request.output_topic_arn) == tuple(topics.values())
    assert request.manifest_uri is None


def test_every_member_is_read_where_the_model_has_it() -> None:
    human = {
        "WorkteamArn": public_workteam_arn("us-east-1"),
        "UiConfig": {"HumanTaskUiArn": "arn:ui/NamedEntityRecognition"},
        "TaskDescription": "Look at it",
        "TaskAvailabilityLifetimeInSeconds": 60,
        "MaxConcurrentTaskCount": 7,
        "PublicWorkforceTaskPrice": {"AmountInUsd": {"Cents": 3, "TenthFractionsOfACent": 6}},
        "PreHumanTaskLambdaArn": "arn:before",
        "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": "arn:after"},
    }
    automated = {
        "LabelingJobAlgorithmSpecificationArn": "arn:algorithm",
        "InitialActiveLearningModelArn": "arn:model",
        "LabelingJobResourceConfig": {"VpcConfig": {"Subnets": ["a"]}},
    }
    source = {"DataAttributes": {"ContentClassifiers": ["FreeOfAdultContent"]}}
    request = JobRequest({"HumanTaskConfig": human, "LabelingJobAlgorithmsConfig": automated, "InputConfig": source})
    assert request.task_type.name == "named-entity-recognition"
    assert request.task_description == "Look at it"
    assert (request.availability_seconds, request.max_concurrent_objects) == (60, 7)
    assert (request.has_price, request.price_usd) == (True, Decimal("0.036"))
    assert request.function_arns == ["arn:before", "arn:after"]
    assert (request.algorithm_arn, request.initial_model_arn) == ("arn:algorithm", "arn:model")
    assert request.vpc_config == {"Subnets": ["a"]}
    assert request.content_classifiers == ["FreeOfAdultContent"]
    assert (request.given_name, request.title, request.has_stopping_conditions) == (None, "", False)
    del human["TaskAvailabilityLifetimeInSeconds"]
    assert request.availability_seconds == 6 * 3600


def test_what_a_description_repeats_has_a_key_for_the_output_even_if_there_is_none() -> None:
    request = JobRequest({"OutputConfig": {"S3OutputPath": "s3://lab/out"}, "Tags": []})
    assert request.echo() == {"OutputConfig": {"S3OutputPath": "s3://lab/out", "KmsKeyId": ""}}
    assert request.members["OutputConfig"] == {"S3OutputPath": "s3://lab/out"}


@given(JSON, JSON)
def test_nothing_in_a_raw_request_makes_it_unreadable(source: Any, other: Any) -> None:
    request = JobRequest({"InputConfig": source, "OutputConfig": other, "HumanTaskConfig": other, "RoleArn": source})
    for text in (
        *(request.manifest_uri, request.input_topic_arn, request.output_topic_arn, request.output_path),
        *(request.role_arn, request.category_uri, request.template_uri, request.workteam_arn),
        *(request.pre_annotation_arn, request.consolidation_arn, request.human_task_ui_arn, request.algorithm_arn),
    ):
        assert text is None or (isinstance(text, str) and text)
    assert request.workforce_kind in {"private", "vendor", "public", "unknown"}
    assert request.is_streaming in {True, False}
    assert request.task_type.name == "custom"
    assert request.price_usd is None


@pytest.mark.parametrize(
    ("status", "conditions", "asked"),
    [
        ("Stopped", {"MaxHumanLabeledObjectCount": 4}, True),
        ("Stopped", {"MaxHumanLabeledObjectCount": 5}, False),
        ("Stopped", {"MaxPercentageOfInputDatasetLabeled": 60}, True),
        ("Stopped", {"MaxPercentageOfInputDatasetLabeled": 61}, False),
        ("Stopped", {}, False),
        ("Completed", {"MaxHumanLabeledObjectCount": 4}, False),
    ],
)
def test_a_job_that_its_stopping_conditions_have_stopped(status: str, conditions: dict[str, int], asked: bool) -> None:
    assert description(status, StoppingConditions=conditions).was_stopped_as_asked is asked


@pytest.mark.parametrize(
    ("status", "days", "reason", "expired"),
    [
        ("Failed", 30, "", True),
        ("Failed", 29.97, "", True),
        ("Failed", 2, "ClientError: the role can't be assumed", False),
        ("Failed", 2, "The labeling job has expired.", True),
        ("Failed", 2, "It was not finished within 30 days", True),
        ("Completed", 30, "", False),
    ],
)
def test_a_job_that_has_expired(status: str, days: float, reason: str, expired: bool) -> None:
    assert description(status, days=days, reason=reason).has_expired is expired


def test_a_streaming_job_without_labels_has_no_labels_to_read() -> None:
    topic = {"DataSource": {"SnsDataSource": {"SnsTopicArn": "arn:aws:sns:us-east-1:1:in"}}}
    with pytest.raises(ValueError, match="animals has neither labels nor an input manifest"):
        _ = description("InProgress", InputConfig=topic).labels_uri
    with pytest.raises(ValueError, match="animals has no output path"):
        _ = description("InProgress").output_uri


def test_the_content_of_a_request_says_neither_name_nor_tags() -> None:
    request = JobRequest.named("herons", {"RoleArn": "arn:aws:iam::1:role/birds", "LabelingJobName": "old", "Tags": []})
    assert request.name == "herons"
    assert request.without_name() == {"RoleArn": "arn:aws:iam::1:role/birds", "Tags": []}
    assert request.content() == {"RoleArn": "arn:aws:iam::1:role/birds"}
