"""Requests that wait for long take no thread from those that do not."""

from __future__ import annotations

import asyncio
import threading

from labeling_provider.service.web.request_threads import MAX_THREADS, RequestThreads


def test_who_waits_for_messages_does_not_hold_up_the_others() -> None:
    threads, over = RequestThreads(), threading.Event()

    async def ask() -> tuple[int, bool]:
        waiting = [asyncio.ensure_future(threads.wait(lambda: over.wait(60))) for _ in range(MAX_THREADS + 1)]
        answer = await asyncio.wait_for(threads.run(lambda: 7), 30)
        over.set()
        return answer, all(await asyncio.gather(*waiting))

    assert asyncio.run(ask()) == (7, True)
