"""The task type table against what Amazon's model says."""

from __future__ import annotations

import re

import pytest

from labeling_provider.groundtruth import facts, model
from labeling_provider.groundtruth.task_types import audit_of, task_type_of_function
from labeling_provider.request import TASK_TYPES

FUNCTIONS = {row.function for row in TASK_TYPES.values() if row.function}


def documented_arns(shape: str) -> set[str]:
    text = model.service_model().shape_for(shape).documentation
    return set(re.findall(r"arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9-]+", text))


def test_there_is_a_row_for_each_of_the_23_built_in_functions() -> None:
    assert len(FUNCTIONS) == 23


@pytest.mark.parametrize(("shape", "prefix"), [("HumanTaskConfig", "PRE"), ("AnnotationConsolidationConfig", "ACS")])
def test_every_function_arn_of_amazons_model_is_one_of_ours(shape: str, prefix: str) -> None:
    arns = documented_arns("HumanTaskConfig") | documented_arns("AnnotationConsolidationConfig")
    arns |= {
        arn
        for name in ("PreHumanTaskLambdaArn", "AnnotationConsolidationLambdaArn")
        for holder in ("HumanTaskConfig", "AnnotationConsolidationConfig")
        for member in model.service_model().shape_for(holder).members.items()
        if member[0] == name
        for arn in re.findall(r"arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9-]+", member[1].documentation)
    }
    ours = {facts.lambda_arn(f"{prefix}-{name}", region) for name in FUNCTIONS for region in facts.LAMBDA_ACCOUNTS}
    theirs = {arn for arn in arns if f":{prefix}-" in arn}
    assert theirs == ours


def test_functions_name_their_task_type() -> None:
    for row in TASK_TYPES.values():
        if row.function:
            assert task_type_of_function(f"PRE-{row.function}") is row
            assert task_type_of_function(f"ACS-{row.function}") is row
    assert task_type_of_function("my-function") is None


def test_the_attribute_rule_is_that_of_amazons_reference() -> None:
    must = {name for name, row in TASK_TYPES.items() if row.ref}
    assert must == {
        "semantic-segmentation",
        "adjustment-semantic-segmentation",
        "video-object-detection",
        "video-object-tracking",
        "adjustment-video-object-detection",
        "adjustment-video-object-tracking",
        "3d-point-cloud-object-tracking",
        "3d-point-cloud-semantic-segmentation",
        "adjustment-3d-point-cloud-object-tracking",
        "adjustment-3d-point-cloud-semantic-segmentation",
    }


def test_amazon_has_four_algorithms_and_six_interfaces() -> None:
    assert {row.algorithm for row in TASK_TYPES.values() if row.algorithm} == {
        "image-classification",
        "object-detection",
        "semantic-segmentation",
        "text-classification",
    }
    assert {row.human_task_ui for row in TASK_TYPES.values() if row.human_task_ui} == {
        "NamedEntityRecognition",
        "PointCloudObjectDetection",
        "PointCloudObjectTracking",
        "PointCloudSemanticSegmentation",
        "VideoObjectDetection",
        "VideoObjectTracking",
    }


def test_prices_are_those_of_the_models_documentation() -> None:
    text = model.service_model().shape_for("PublicWorkforceTaskPrice").documentation
    parts = re.split(r"Use one of the following prices for", text)[1:]
    for part, ours in zip(
        parts,
        (facts.BOX_PRICES_USD, facts.CLASSIFICATION_PRICES_USD, facts.SEGMENTATION_PRICES_USD),
        strict=False,
    ):
        assert {float(price) for price in re.findall(r"\d\.\d{3}", part)} == {float(price) for price in ours}


def test_audits_name_what_they_audit() -> None:
    audits = {row.name: row.audited for row in TASK_TYPES.values() if row.audits}
    assert len(audits) == 9
    assert set(audits.values()) <= TASK_TYPES.keys()
    for name, audited in audits.items():
        row = TASK_TYPES[name]
        assert name in {f"adjustment-{audited}", f"verification-{audited}"}
        assert row.media == TASK_TYPES[audited].media
        assert row.adjusts == name.startswith("adjustment-")
        assert audit_of(audited, adjusts=row.adjusts) is row
    assert not TASK_TYPES["bounding-box"].adjusts
    assert audit_of("text-classification", adjusts=True) is audit_of("video-object-tracking", adjusts=False) is None
