"""Requests against botocore's model."""

from __future__ import annotations

import pytest

from labeling_provider.groundtruth import model


def test_every_pattern_of_the_labeling_operations_compiles() -> None:
    service = model.service_model()
    seen = set()

    def walk(shape) -> None:
        if shape.name in seen:
            return
        seen.add(shape.name)
        if shape.metadata.get("pattern"):
            model._compiled(shape.metadata["pattern"])
        for member in getattr(shape, "members", {}).values():
            walk(member)
        if shape.type_name == "list":
            walk(shape.member)

    for name in service.operation_names:
        if "Labeling" in name or "Workteam" in name or "Tags" in name:
            walk(service.operation_model(name).input_shape)
    assert len(seen) > 60


@pytest.mark.parametrize(
    ("request_", "constraint"),
    [
        ({"LabelingJobName": 3}, "of type string"),
        ({"LabelingJobName": ""}, "pattern"),
        ({}, "must not be null"),
        ({"LabelingJobName": "a", "Wrong": 1}, "one of LabelingJobName"),
    ],
)
def test_a_value_that_the_model_forbids_is_named(request_: dict, constraint: str) -> None:
    broken = model.violations("DescribeLabelingJob", request_)
    assert any(constraint in violation.constraint for violation in broken)


def test_numbers_lists_and_booleans_are_told_apart() -> None:
    broken = model.violations("ListLabelingJobs", {"MaxResults": True, "SortBy": "Size", "NameContains": ["a"]})
    assert {violation.field for violation in broken} == {"MaxResults", "SortBy", "NameContains"}
    assert not model.violations("ListLabelingJobs", {"MaxResults": 100, "SortBy": "Name"})


def test_a_path_is_written_as_amazon_writes_it_and_as_the_caller_does() -> None:
    request = {"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/a", "TagKeys": ["ok", "b" * 129]}
    (violation,) = model.violations("DeleteTags", request)
    assert (violation.path, violation.field) == ("tagKeys.2.member", "TagKeys[1]")


def test_tag_values_may_hold_letters_of_any_script() -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/a"
    tags = [{"Key": "größe", "Value": "日本 語+1"}, {"Key": "ok", "Value": "bad\x00"}]
    (violation,) = model.violations("AddTags", {"ResourceArn": arn, "Tags": tags})
    assert violation.field == "Tags[1].Value"
