"""Every rule, broken once."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.request import Surroundings, check_request
from labeling_provider.request.rules import attribute_name_problems, category_problems
from tests.request.test_builder import spec

EU = "arn:aws:sagemaker:eu-west-1:111122223333:workteam/private-crowd/birds"
PUBLIC = "arn:aws:sagemaker:us-east-1:394669845002:workteam/public-crowd/default"


def problems_after(task_type: str = "image-classification", change: Any = None, **around: Any) -> dict[str, str]:
    """Problems of a good request after a change, by field."""
    draft = spec(task_type).draft("birds", "us-east-1")
    if change:
        change(draft.request)
    surroundings = Surroundings(**{"region": "us-east-1", "categories": draft.categories, **around})
    return {
        problem.field: f"{problem.message} {problem.remedy}" for problem in check_request(draft.request, surroundings)
    }


def human(**values: Any) -> Any:
    return lambda request: request["HumanTaskConfig"].update(values)


@pytest.mark.parametrize(
    ("task_type", "change", "field"),
    [
        ("image-classification", lambda r: r.update(LabelingJobName="a_b"), "LabelingJobName"),
        ("image-classification", lambda r: r.update(LabelAttributeName="a-ref"), "LabelAttributeName"),
        ("semantic-segmentation", lambda r: r.update(LabelAttributeName="a"), "LabelAttributeName"),
        ("image-classification", lambda r: r["InputConfig"].update(DataSource={}), "InputConfig.DataSource"),
        ("image-classification", human(UiConfig={}), "HumanTaskConfig.UiConfig"),
        (
            "image-classification",
            human(
                UiConfig={
                    "UiTemplateS3Uri": "s3://a/b",
                    "HumanTaskUiArn": "arn:aws:sagemaker:us-east-1:394669845002:human-task-ui/NamedEntityRecognition",
                }
            ),
            "HumanTaskConfig.UiConfig",
        ),
        ("named-entity-recognition", human(UiConfig={"UiTemplateS3Uri": "s3://a/b"}), "HumanTaskConfig.UiConfig"),
        (
            "image-classification",
            human(PreHumanTaskLambdaArn="arn:aws:lambda:us-east-1:111122223333:function:PRE-ImageMultiClass"),
            "HumanTaskConfig.PreHumanTaskLambdaArn",
        ),
        (
            "image-classification",
            human(
                AnnotationConsolidationConfig={
                    "AnnotationConsolidationLambdaArn": "arn:aws:lambda:us-east-1:432418664414:function:ACS-BoundingBox"
                }
            ),
            "HumanTaskConfig.AnnotationConsolidationConfig.AnnotationConsolidationLambdaArn",
        ),
        ("image-classification", human(WorkteamArn=EU), "HumanTaskConfig.WorkteamArn"),
        (
            "image-classification",
            human(WorkteamArn="arn:aws:sagemaker:us-east-1:111122223333:workteam/birds"),
            "HumanTaskConfig.WorkteamArn",
        ),
        ("image-classification", human(TaskTimeLimitInSeconds=28_801), "HumanTaskConfig.TaskTimeLimitInSeconds"),
        (
            "image-classification",
            human(TaskAvailabilityLifetimeInSeconds=2_592_001),
            "HumanTaskConfig.TaskAvailabilityLifetimeInSeconds",
        ),
        (
            "video-object-tracking",
            human(NumberOfHumanWorkersPerDataObject=2),
            "HumanTaskConfig.NumberOfHumanWorkersPerDataObject",
        ),
        (
            "image-classification",
            human(PublicWorkforceTaskPrice={"AmountInUsd": {"Cents": 12}}),
            "HumanTaskConfig.PublicWorkforceTaskPrice",
        ),
        ("video-object-tracking", human(WorkteamArn=PUBLIC), "HumanTaskConfig.WorkteamArn"),
        ("image-classification", lambda r: r.pop("LabelCategoryConfigS3Uri"), "LabelCategoryConfigS3Uri"),
        (
            "named-entity-recognition",
            lambda r: r.update(
                LabelingJobAlgorithmsConfig={
                    "LabelingJobAlgorithmSpecificationArn": "arn:aws:sagemaker:us-east-1:027400017018:"
                    "labeling-job-algorithm-specification/text-classification"
                }
            ),
            "LabelingJobAlgorithmsConfig",
        ),
        (
            "image-classification",
            lambda r: r.update(
                LabelingJobAlgorithmsConfig={
                    "LabelingJobAlgorithmSpecificationArn": "arn:aws:sagemaker:us-east-1:027400017018:"
                    "labeling-job-algorithm-specification/text-classification"
                }
            ),
            "LabelingJobAlgorithmsConfig.LabelingJobAlgorithmSpecificationArn",
        ),
    ],
)
def test_a_broken_rule_is_the_one_that_is_reported(task_type: str, change: Any, field: str) -> None:
    assert list(problems_after(task_type, change)) == [field]


def test_the_public_workforce_needs_a_price_and_the_declaration_and_has_a_shorter_lifetime() -> None:
    def change(request: dict[str, Any]) -> None:
        request["HumanTaskConfig"].update(WorkteamArn=PUBLIC, TaskAvailabilityLifetimeInSeconds=43_201)

    problems = problems_after(change=change)
    assert set(problems) == {
        "HumanTaskConfig.TaskAvailabilityLifetimeInSeconds",
        "HumanTaskConfig.PublicWorkforceTaskPrice",
        "InputConfig.DataAttributes.ContentClassifiers",
    }
    assert "0.012, 0.024, 0.036" in problems["HumanTaskConfig.PublicWorkforceTaskPrice"]


def test_a_streaming_job_labels_nothing_by_machine_and_keeps_input_and_output_apart() -> None:
    def change(request: dict[str, Any]) -> None:
        request["InputConfig"]["DataSource"] = {
            "SnsDataSource": {"SnsTopicArn": "arn:aws:sns:us-east-1:111122223333:in"},
            "S3DataSource": {"ManifestS3Uri": "s3://marsh/out/in.manifest"},
        }
        request["LabelingJobAlgorithmsConfig"] = {
            "LabelingJobAlgorithmSpecificationArn": "arn:aws:sagemaker:us-east-1:027400017018:"
            "labeling-job-algorithm-specification/image-classification"
        }

    assert set(problems_after(change=change)) == {"OutputConfig.S3OutputPath", "LabelingJobAlgorithmsConfig"}


def test_dataset_quotas_are_those_of_the_task_type() -> None:
    field = "InputConfig.DataSource.S3DataSource.ManifestS3Uri"
    assert problems_after(objects=100_000) == {}
    assert list(problems_after(objects=100_001)) == [field]
    assert list(problems_after("semantic-segmentation", objects=20_001)) == [field]


def test_automated_labeling_needs_enough_objects() -> None:
    def change(request: dict[str, Any]) -> None:
        request["LabelingJobAlgorithmsConfig"] = {
            "LabelingJobAlgorithmSpecificationArn": "arn:aws:sagemaker:us-east-1:027400017018:"
            "labeling-job-algorithm-specification/image-classification"
        }

    assert problems_after(change=change, objects=1250) == {}
    assert "1,250" in problems_after(change=change, objects=1249)["LabelingJobAlgorithmsConfig"]
    assert problems_after(change=change, objects=20, automated_minimum=20) == {}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("source", True), ("source-ref", True), ("bird-metadata", True), ("bird-ref", True), ("bird", False)],
)
def test_reserved_attribute_names_are_refused(name: str, wrong: bool) -> None:
    assert bool(attribute_name_problems(name, TASK_TYPES["bounding-box"])) is wrong


@pytest.mark.parametrize(
    ("task_type", "labels", "words"),
    [
        ("bounding-box", [], "at least 1"),
        ("text-classification", ["a"], "at least 2"),
        ("image-classification", ["a", "b", "a"], "twice: a"),
        ("image-classification", ["a", "b" * 257], "257 characters"),
        ("image-classification", ["a", ""], "0 characters"),
        ("bounding-box", [str(number) for number in range(51)], "at most 50"),
        ("video-object-detection", ["b" * 17], "17 characters"),
        ("named-entity-recognition", ["a"], "instructions.shortInstruction is missing"),
        ("adjustment-video-object-detection", ["a"], "auditLabelAttributeName is missing"),
    ],
)
def test_labels_are_held_against_their_task_types_rules(task_type: str, labels: list[str], words: str) -> None:
    document = {"labels": [{"label": label} for label in labels]}
    assert any(words in str(problem) for problem in category_problems(document, TASK_TYPES[task_type]))


def test_segmentation_has_fewer_labels_with_automated_labeling() -> None:
    document = {"labels": [{"label": str(number)} for number in range(21)]}
    row = TASK_TYPES["semantic-segmentation"]
    assert category_problems(document, row) == []
    assert "at most 20" in str(category_problems(document, row, automated=True)[0])


def test_the_audited_attribute_is_not_the_new_one() -> None:
    draft = spec("adjustment-video-object-tracking", audited_attribute="label-ref").draft("birds", "us-east-1")
    (problem,) = check_request(draft.request, Surroundings("us-east-1", draft.categories))
    assert problem.field == "LabelAttributeName"
    draft = spec("adjustment-bounding-box", audited_attribute="label").draft("birds", "us-east-1")
    around = Surroundings("us-east-1", draft.categories, audited_attribute=draft.audited_attribute)
    (problem,) = check_request(draft.request, around)
    assert "'label' is the attribute that this job audits" in str(problem)


def test_a_request_with_missing_parts_is_reported_without_stumbling() -> None:
    fields = {problem.field for problem in check_request({"LabelingJobName": "a"})}
    assert fields == {"LabelAttributeName", "InputConfig", "OutputConfig", "RoleArn", "HumanTaskConfig"}
    assert check_request({"HumanTaskConfig": "no", "InputConfig": []})


@pytest.mark.parametrize(
    ("empty", "field"),
    [
        (human(WorkteamArn=""), "HumanTaskConfig.WorkteamArn"),
        (
            lambda r: r.update(LabelingJobAlgorithmsConfig={"LabelingJobAlgorithmSpecificationArn": ""}),
            "LabelingJobAlgorithmsConfig.LabelingJobAlgorithmSpecificationArn",
        ),
        (
            lambda r: r["InputConfig"]["DataSource"]["S3DataSource"].update(ManifestS3Uri=""),
            "InputConfig.DataSource.S3DataSource.ManifestS3Uri",
        ),
    ],
)
def test_an_empty_text_is_reported_once_as_empty(empty: Any, field: str) -> None:
    draft = spec().draft("birds", "us-east-1")
    empty(draft.request)
    (problem,) = check_request(draft.request, Surroundings("us-east-1", draft.categories, 10_000))
    assert (problem.field, problem.message) == (field, "'' is not allowed.")


def test_a_function_that_is_no_arn_is_reported_once() -> None:
    draft = spec().draft("birds", "us-east-1")
    draft.request["HumanTaskConfig"]["PreHumanTaskLambdaArn"] = "PRE-ImageMultiClass"
    (problem,) = check_request(draft.request)
    assert problem.field == "HumanTaskConfig.PreHumanTaskLambdaArn"
