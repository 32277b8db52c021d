"""Which service a request is for, and how much it may bring."""

from __future__ import annotations

import json
from io import BytesIO

import pytest

from labeling_provider.service.cloud.offered import Service
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.bodies import Body
from labeling_provider.service.web.requests import FORM, RequestHead
from labeling_provider.service.web.routing import (
    MAX_OBJECT_BYTES,
    MAX_PAGE_BODY_BYTES,
    MAX_PORTAL_BODY_BYTES,
    call_of,
    check_plain,
    max_body,
    named_service,
    service_and_operation,
)
from tests.conftest import Lab
from tests.service.web.test_requests import scope
from tests.service.web.wire import ask


def head(path: str = "/", query: str = "", method: str = "POST", **headers: str) -> RequestHead:
    return RequestHead.of(scope(path, query, method, **headers))


def body(content: bytes = b"") -> Body:
    return Body(BytesIO(content), len(content), "")


LISTED = b"Action=ListQueues&Version=2012-11-05"


@pytest.mark.parametrize(
    ("request_", "content", "service", "operation"),
    [
        (head(x_amz_target="SageMaker.ListWorkteams"), b"{}", Service.SAGEMAKER, "ListWorkteams"),
        (head(query=LISTED.decode()), b"", Service.SQS, "ListQueues"),
        (head(content_type=FORM), LISTED, Service.SQS, "ListQueues"),
        (head("/lab/a", method="GET"), b"", Service.S3, ""),
        (head("/lab/a", "uploads"), b"", Service.S3, ""),
        (head(method="GET"), b"", Service.S3, ""),
    ],
)
def test_a_service_is_named_in_one_of_three_places(
    request_: RequestHead, content: bytes, service: Service, operation: str
) -> None:
    named = named_service(request_, None)
    assert named == (None if content == LISTED else service)
    given = body(content)
    assert service_and_operation(named, request_, given) == (service, operation)
    call = call_of(service, operation, request_, None, given)
    assert (call.operation, call.scope) == (operation, None)
    assert call.body.read() == (LISTED if operation == "ListQueues" else content), "parameters are in the body"
    assert call.query == ("" if service != Service.S3 else request_.query)


def test_a_service_finds_each_parameter_in_one_place() -> None:
    for request, content, wanted, kind in (
        (head(x_amz_target="AmazonSQS.A"), b'{"a": 1, "a": 2}', b'{"a": 2}', "application/x-amz-json-1.0"),
        (head(x_amz_target="AmazonSQS.A", content_type="text/plain"), b"", b"{}", "application/x-amz-json-1.0"),
        (head(query="b=%26c%3D1&X-Amz-Date=2", method="GET"), b"", b"b=%26c%3D1", FORM),
        (head(content_type=f"{FORM}; charset=utf-8"), b"a=%C3%A4&a=b+c", b"a=%C3%A4&a=b+c", FORM),
    ):
        call = call_of(Service.SQS, "A", request, None, body(content))
        assert (call.method, call.query, call.body.read(), call.length) == ("POST", "", wanted, len(wanted))
        assert call.headers["content-type"] == kind


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("own/a", "own/a"),
        ("/own/a b", "own/a%20b"),
        ("own%2Fa?versionId=v/1", "own/a?versionId=v/1"),
        ("own//a?b", "own//a%3Fb"),
    ],
)
def test_a_copy_s_source_has_one_spelling(source: str, wanted: str) -> None:
    request = head("/lab/a", method="PUT", x_amz_copy_source=source)
    assert call_of(Service.S3, "", request, None, body()).headers["x-amz-copy-source"] == wanted


@pytest.mark.parametrize(
    "source", ["", "/", "own", "own/", "//own/a", "/%2Fown/a", "https://own/a", "arn:aws:s3:::own/a"]
)
def test_a_copy_s_source_names_a_bucket_and_a_key(source: str) -> None:
    with pytest.raises(ApiError, match="must be BUCKET/KEY"):
        call_of(Service.S3, "", head("/lab/a", method="PUT", x_amz_copy_source=source), None, body())


@pytest.mark.parametrize(
    ("request_", "content", "code"),
    [
        (head(query="Action=ListQueues", x_amz_target="AmazonSQS.ListQueues"), b"", "InvalidRequest"),
        (head(query="Version=2012-11-05", content_type=FORM), LISTED, "InvalidRequest"),
        (head(content_type=FORM), b"Action=ListQueues", "InvalidAction"),
        (head(content_type=FORM), b"&a=1" * 5_001, "MalformedQueryString"),
        (head(content_type=FORM), b"Action=\xff&Version=2012-11-05", "MalformedQueryString"),
        (head("/lab/a"), b"", "MethodNotAllowed"),
        (head(method="PUT"), b"", "MethodNotAllowed"),
        (head(method="OPTIONS"), b"", "MethodNotAllowed"),
        (head(method="GET", x_amz_target="AmazonSQS.ListQueues"), b"", "MethodNotAllowed"),
        (head(query=LISTED.decode()), b"x", "InvalidRequest"),
        (head(query="a=b", content_type=FORM), LISTED, "InvalidRequest"),
        (head(query="a=b", x_amz_target="AmazonSQS.ListQueues"), b"", "InvalidRequest"),
    ],
)
def test_what_names_none_or_two_is_refused(request_: RequestHead, content: bytes, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        service_and_operation(named_service(request_, None), request_, body(content))
    assert caught.value.code == code


def test_bodies_are_as_large_as_what_they_are_for() -> None:
    uploads = (head("/lab/a", method="PUT"), head("/lab", content_type="multipart/form-data"))
    form = head("/lab", "cors", content_type="multipart/form-data")
    settings = (form, head("/lab/a", "tagging", "PUT"), head("/lab", method="PUT"), head("/lab/a", "uploads"))
    assert {max_body(Service.S3, request) for request in uploads} == {MAX_OBJECT_BYTES}
    assert max(max_body(Service.S3, request) for request in settings) < MAX_PORTAL_BODY_BYTES
    assert max_body(None, head("/portal/api/tasks/1")) == MAX_PORTAL_BODY_BYTES
    assert max_body(None, head("/_labeling/workers/add")) == MAX_PAGE_BODY_BYTES
    assert max_body(Service.S3, head("/lab/a", method="OPTIONS")) == 0


@pytest.mark.parametrize(
    "request_",
    [
        head(method="GET"),
        head(content_encoding="gzip"),
        head(content_type="multipart/form-data"),
    ],
)
def test_only_plain_bodies_are_posted_to_operations(request_: RequestHead) -> None:
    check_plain(head(), None)
    with pytest.raises(ApiError):
        check_plain(request_, None)


@pytest.mark.parametrize(
    "service",
    ["dynamodb", "ec2", "lambda", "cognito-identity", "secretsmanager", "s3control", "budgets", "execute-api"],
)
def test_services_that_are_not_offered_are_refused(lab: Lab, service: str) -> None:
    scope = f"local/20240101/us-east-1/{service}/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"
    status, answer, _ = ask(lab.service, "POST", "/", {"Authorization": authorization.replace("=local/", "=other/")})
    assert status == 403
    assert b"InvalidSignatureException" in answer


@pytest.mark.parametrize("target", ["AmazonSQS.Nothing", "AWSEvents.Nothing", "AmazonSQS.", "AmazonSQS", "A.Nothing"])
def test_an_operation_that_nobody_has_is_told(lab: Lab, target: str) -> None:
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
    status, answer, _ = ask(lab.service, "POST", "/", headers, b"{}")
    assert status in {400, 404}
    assert json.loads(answer)["__type"] in {"InvalidAction", "UnknownOperationException"}
