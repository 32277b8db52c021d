"""Requests of the portal are answered from threads, and in words whatever goes wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.web.portal.sessions import Answer, Threads


def answered(endpoint: Callable[[Request], Awaitable[Response]]) -> tuple[int, bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    asyncio.run(Answer(endpoint)({"type": "http", "method": "GET", "path": "/", "headers": []}, receive, send))
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (None, (200, b"done")),
        (DatabaseError("locked"), (503, b"503 The service's database does not respond. Try again.")),
        (ValueError("a secret"), (500, b"500 The service has failed. Its log says why.")),
    ],
)
def test_what_goes_wrong_is_said_in_words(trouble: Exception | None, expected: tuple[int, bytes]) -> None:
    async def endpoint(request: Request) -> Response:
        if trouble:
            raise trouble
        return PlainTextResponse("done")

    assert answered(endpoint) == expected


def test_calls_run_beside_each_other_and_who_has_gone_is_not_waited_for() -> None:
    threads, met, gone = Threads(), threading.Barrier(3), threading.Event()

    def meet(number: int) -> int:
        met.wait(30)
        return number

    def fail() -> None:
        raise LookupError("nobody")

    async def run() -> list[Any]:
        left = asyncio.create_task(threads.run(gone.wait, 30))
        await asyncio.sleep(0)
        left.cancel()
        numbers = list(await asyncio.gather(*(threads.run(meet, number) for number in range(3))))
        gone.set()
        with pytest.raises(LookupError, match="nobody"):
            await threads.run(fail)
        return numbers

    assert asyncio.run(run()) == [0, 1, 2]
