"""What a request is about, and whether it belongs in the audit trail."""

from __future__ import annotations

from io import BytesIO

import pytest

from labeling_provider.service.cloud.offered import Service
from labeling_provider.service.web.asked import Asked
from labeling_provider.service.web.bodies import Body
from labeling_provider.service.web.requests import FORM, RequestHead
from labeling_provider.service.web.routing import call_of
from tests.service.web.test_requests import scope


def asked(
    service: Service, operation: str, content: bytes = b"", path: str = "/", query: str = "", **head: str
) -> Asked:
    method, headers = head.pop("method", "POST"), head
    request = RequestHead.of(scope(path, query, method, **headers))
    call = call_of(service, operation, request, None, Body(BytesIO(content), len(content), ""))
    return Asked.of(service, request, call)


@pytest.mark.parametrize(
    ("service", "operation", "changes"),
    [
        (Service.SAGEMAKER, "CreateLabelingJob", True),
        (Service.SAGEMAKER, "DescribeLabelingJob", False),
        (Service.SAGEMAKER, "", False),
        (Service.SNS, "CreateTopic", True),
        (Service.SNS, "Publish", False),
        (Service.STS, "AssumeRole", False),
    ],
)
def test_what_changes_no_more_than_messages_is_not_written_down(
    service: Service, operation: str, changes: bool
) -> None:
    assert asked(service, operation).changes == changes


@pytest.mark.parametrize(
    ("method", "path", "query", "operation", "changes"),
    [
        ("PUT", "/lab", "", "CreateBucket", True),
        ("DELETE", "/lab", "", "DeleteBucket", True),
        ("PUT", "/lab", "object-lock", "PutBucketObjectLock", True),
        ("POST", "/lab", "delete", "DeleteObjects", True),
        ("GET", "/lab", "cors", "GET", False),
        ("PUT", "/lab/a/b", "", "PUT", False),
        ("PUT", "/lab/a/b", "tagging", "PUT", False),
    ],
)
def test_settings_of_buckets_are_written_down_and_objects_are_not(
    method: str, path: str, query: str, operation: str, changes: bool
) -> None:
    request = asked(Service.S3, "", b"<x/>", path, query, method=method)
    assert (request.operation, request.changes, request.target) == (operation, changes, "lab")
    assert request.text == ("<x/>" if path == "/lab" and query else ""), "objects are not inspected"


def test_fields_are_those_of_forms_and_of_json_at_every_depth() -> None:
    policy = b'{"WorkteamName": "vets", "Tags": [{"Value": "{\\"arn\\": \\"x\\"}"}]}'
    given = asked(Service.SAGEMAKER, "CreateWorkteam", policy, x_amz_target="SageMaker.CreateWorkteam")
    assert given.fields == (("WorkteamName", "vets"), ("Tags.Value", '{"arn": "x"}'), ("Tags.Value..arn", "x"))
    assert given.target == "vets"
    form = asked(Service.SNS, "CreateTopic", b"Name=news&Policy=%7B%22a%22%3A+%22b%22%7D", content_type=FORM)
    assert form.fields == (("Name", "news"), ("Policy", '{"a": "b"}'), ("Policy..a", "b"))
    assert form.target == "news"
