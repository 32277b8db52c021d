"""What a process answers that only works on labeling jobs."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, cast

import pytest
from starlette.responses import PlainTextResponse

from labeling_provider.service.web.monitoring import Monitoring
from labeling_provider.service.web.probes import Probes
from labeling_provider.service.web.signatures import Credentials

KEYS = Credentials("owner", "secret")
OWN = "Basic " + base64.b64encode(b"owner:secret").decode()


class Told:
    """Monitoring that says what it was asked."""

    def has_token(self, authorization: str) -> bool:
        return authorization == "Bearer token"

    async def answer(self, path: str) -> PlainTextResponse:
        return PlainTextResponse(path)


def asked(path: str, credentials: Credentials | None, **headers: str) -> tuple[int, bytes]:
    """Status and body of an answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        raise AssertionError("nothing is read")

    scope = {
        "type": "http",
        "method": "GET",
        "http_version": "1.1",
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()],
    }
    probes = Probes(cast(Monitoring, Told()), credentials)
    asyncio.run(probes(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize("credentials", [None, KEYS])
def test_probes_are_for_everybody_and_nothing_else_is_there(credentials: Credentials | None) -> None:
    for path in ("/healthz", "/readyz"):
        assert asked(path, credentials) == (200, path.encode())
    for path in ("/", "/_labeling", "/portal", "/bucket/key"):
        status, body = asked(path, credentials)
        assert (status, b"labeling serve" in body) == (404, True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer token"}, 200),
        ({"authorization": "Bearer other"}, 401),
        ({"authorization": OWN}, 200),
        ({"authorization": f"{OWN}x"}, 401),
    ],
)
def test_metrics_are_for_who_has_the_keys_or_the_token(headers: dict[str, str], status: int) -> None:
    assert asked("/metrics", KEYS, **headers)[0] == status
    assert asked("/metrics", None, **headers)[0] == 200


def test_without_keys_only_this_machine_is_answered() -> None:
    assert asked("/healthz", None, host="labeling.example.com")[0] == 403
    assert asked("/healthz", KEYS, host="labeling.example.com")[0] == 200
