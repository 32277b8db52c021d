"""Answers and errors, in the words of whoever asks."""

from __future__ import annotations

import asyncio
import json
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import pytest

from labeling_provider.service.cloud.offered import ServiceResponse
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.requests import FORM, RequestHead
from labeling_provider.service.web.responses import refusal, streamed
from tests.conftest import Lab
from tests.service.web.test_origins import presigned
from tests.service.web.test_requests import scope
from tests.service.web.wire import ask

MALICIOUS = ApiError("Odd<Code>", "no <b>such</b> \ud800 thing", 404)


@pytest.mark.parametrize(
    ("request_", "begins"),
    [
        ({"path": "/lab/a"}, b"<?xml version='1.0'?><Error><Code>Odd&lt;Code&gt;</Code>"),
        ({"path": "/", "query": "Action=ListTopics"}, b"<ErrorResponse><Error><Code>Odd&lt;Code&gt;</Code>"),
        ({"method": "POST", "content_type": FORM}, b"<ErrorResponse><Error><Code>Odd&lt;Code&gt;</Code>"),
    ],
)
def test_an_error_is_xml_that_nothing_breaks(request_: dict[str, Any], begins: bytes) -> None:
    answer = refusal(RequestHead.of(scope(**request_)), MALICIOUS)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/xml")
    assert bytes(answer.body).startswith(begins)
    root = ElementTree.fromstring(answer.body)
    assert [part.text for part in root.iter("Message")] == ["no <b>such</b> ? thing"]


def test_an_error_of_an_operation_is_json() -> None:
    head = RequestHead.of(scope(method="POST", x_amz_target="SageMaker.ListWorkteams"))
    answer = refusal(head, ApiError("AccessDenied", "no", 401))
    assert json.loads(answer.body) == {"__type": "AccessDenied", "message": "no", "Message": "no"}
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="labeling"')
    assert "www-authenticate" not in refusal(None, ApiError("Odd", "no")).headers


def test_an_error_at_the_portal_is_words_or_what_its_pages_read() -> None:
    page = refusal(RequestHead.of(scope("/portal/help")), ApiError("Odd", "No <b>.", 403))
    assert (page.body, page.headers["content-type"]) == (b"403 No <b>.", "text/plain; charset=utf-8")
    for status, reason in ((413, "too_large"), (400, "invalid")):
        answer = refusal(RequestHead.of(scope("/portal/api/tasks/1", method="POST")), ApiError("Odd", "no", status))
        assert json.loads(answer.body) == {"refused": reason, "message": "no"}
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("method", "status", "headers", "length"),
    [
        ("GET", 200, [], "7"),
        ("GET", 200, [("Content-Length", "7")], "7"),
        ("HEAD", 200, [], None),
        ("GET", 304, [], None),
        ("DELETE", 204, [], None),
    ],
)
def test_an_object_comes_with_its_length_and_then_is_closed(
    method: str, status: int, headers: list[tuple[str, str]], length: str | None
) -> None:
    file = BytesIO(b"content")
    answer = streamed(RequestHead.of(scope("/lab/a", method=method)), ServiceResponse(status, headers, file, 7))

    async def pieces() -> bytes:
        return b"".join([piece async for piece in answer.body_iterator])  # type: ignore[misc]

    assert asyncio.run(pieces()) == b"content"
    assert file.closed
    assert answer.headers.get("content-length") == length
    assert len(answer.headers.getlist("content-length")) == (length is not None)


def test_an_object_does_not_act_as_a_page_of_the_service(lab: Lab) -> None:
    lab.s3.put_object(Bucket=lab.bucket, Key="evil.html", Body=b"<script>1</script>", ContentType="text/html")
    _, _, headers = ask(
        lab.service, "GET", presigned(lab, "evil.html"), {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
    )
    assert headers["Content-Security-Policy"] == "sandbox"
