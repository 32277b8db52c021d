"""Requests of the portal are answered from threads, and in words whatever goes wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from labeling_provider.service.cloud.impatient import ImpatientObjects
from labeling_provider.service.cloud.object_store import ObjectsAway
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.web.portal.sessions import Answer, Threads
from tests.service.in_process import Memory


def answered(endpoint: Callable[[Request], Awaitable[Response]]) -> tuple[int, bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/portal/", "headers": []}
    asyncio.run(Answer(endpoint)(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (None, (200, b"done")),
        (DatabaseError("locked"), (503, b"503 The service's database does not respond. Try again.")),
        (ObjectsAway("S3 at a secret place"), (503, b"503 The service's object store does not answer. Try again.")),
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


def test_whoever_waits_for_objects_takes_no_thread_from_others() -> None:
    answer = threading.Event()

    class Hanging(Memory):
        def read(self, uri: str) -> bytes:
            assert answer.wait(30)
            return uri.encode()

    objects, threads = ImpatientObjects(Hanging(), str), Threads(Threads())

    async def run() -> list[bytes]:
        # More than there are threads.
        waiting = [asyncio.create_task(threads.run(objects.read, f"s3://lab/{number}")) for number in range(40)]
        for number in range(40):
            assert await asyncio.wait_for(threads.run(int, str(number)), 30) == number
        assert not any(task.done() for task in waiting)
        answer.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(run()) == [f"s3://lab/{number}".encode() for number in range(40)]
