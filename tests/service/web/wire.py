"""Sends requests as they are, also such as no client would send, and reads refusals."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from starlette.types import ASGIApp

from dev.stack import PATIENCE, Service


def ask(
    service: Service, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> tuple[int, bytes, Any]:
    """Status, body and headers of an answer.

    :param path: with the query; the service's own address may stand before it.
    """
    parts = urlsplit(service.endpoint_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE * 30)
    try:
        connection.request(method, path.removeprefix(service.endpoint_url), body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def refused(call: Callable[..., Any], **arguments: Any) -> str:
    """The code with which a call of a boto3 client is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def ask_inside(application: ASGIApp, method: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer of an application in this process.

    :param path: with the query; an address may stand before it.
    """
    sent: list[Any] = []
    raw_path, _, query = path.encode().partition(b"?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "raw_path": raw_path,
        "query_string": query,
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(application(scope, receive, send))  # type: ignore[arg-type]
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}
