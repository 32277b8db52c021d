"""The names of ready functions."""

from __future__ import annotations

import pytest

from labeling_provider.groundtruth.model import violations
from labeling_provider.groundtruth.ready_functions import READY_CONSOLIDATIONS, ready_function, ready_function_arn


@pytest.mark.parametrize("name", READY_CONSOLIDATIONS)
def test_a_ready_function_is_known_by_its_arn_which_a_request_may_have(name: str) -> None:
    arn = ready_function_arn(name, "eu-west-1")
    assert ready_function(arn) == name
    request = {"HumanTaskConfig": {"AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": arn}}}
    assert not [
        violation for violation in violations("CreateLabelingJob", request) if "Consolidation" in violation.field
    ]


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "arn:aws:lambda:eu-west-1:123456789012:function:consolidate-polygons",
        "arn:aws:lambda:eu-west-1:000000000000:function:consolidate-squares",
        "arn:aws:lambda:eu-west-1:000000000000:function:consolidate-polygons:1",
    ],
)
def test_other_functions_are_not_ready_ones(arn: str) -> None:
    assert ready_function(arn) is None
