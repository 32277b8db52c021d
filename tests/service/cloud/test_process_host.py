"""What a function is told about its call is what Lambda tells."""

from __future__ import annotations

import re
import uuid

import pytest

from labeling_provider.service.cloud.process_host import Context
from labeling_provider.service.cloud.processes import Process

ARN = "arn:aws:lambda:us-east-1:123456789012:function:PreRecipe"


def test_a_function_gets_the_context_of_its_call() -> None:
    process = Process("tests.functions:tells_its_context", 1 << 20, ARN)
    try:
        first, second = process.ask({}, 60), process.ask({}, 20)
    finally:
        process.end()
    assert first["function_name"] == "PreRecipe"
    assert first["function_version"] == "$LATEST"
    assert first["invoked_function_arn"] == ARN
    assert int(first["memory_limit_in_mb"]) > 0
    assert first["log_group_name"] == "/aws/lambda/PreRecipe"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", first["log_stream_name"])
    assert first["log_stream_name"] == second["log_stream_name"], "one process has one stream"
    assert first["client_context"] is first["identity"] is None
    assert uuid.UUID(first["aws_request_id"]) != uuid.UUID(second["aws_request_id"])
    for answer, seconds in ((first, 60), (second, 20)):
        before, after = answer["left"]
        assert 0 < after <= before <= seconds * 1000
    assert first["left"][1] > 20_000, "each call has its own limit"


@pytest.mark.parametrize(
    ("arn", "name", "version"),
    [
        (f"{ARN}:7", "PreRecipe", "7"),
        (f"{ARN}:live", "PreRecipe", "$LATEST"),
        ("mask_function", "mask_function", "$LATEST"),
    ],
)
def test_a_qualified_function_is_known_by_its_name(arn: str, name: str, version: str) -> None:
    context = Context(arn, "stream", 0)
    assert (context.function_name, context.function_version) == (name, version)
    assert context.invoked_function_arn == arn
    assert context.get_remaining_time_in_millis() == 0
