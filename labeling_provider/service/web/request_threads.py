"""The threads in which requests wait for the database and the services, so that the event loop goes on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread

_T = TypeVar("_T")
MAX_THREADS: Final = 24
MAX_WAITING_THREADS: Final = 400
"""Each caller that waits for messages holds a thread."""


class RequestThreads:
    """Calls functions in threads, a few at a time. The threads belong to the event loop that uses them first."""

    @cached_property
    def _working(self) -> CapacityLimiter:
        return CapacityLimiter(MAX_THREADS)

    @cached_property
    def _waiting(self) -> CapacityLimiter:
        return CapacityLimiter(MAX_WAITING_THREADS)

    async def run(self, function: Callable[[], _T]) -> _T:
        """Call a function that is done soon."""
        return await to_thread.run_sync(function, abandon_on_cancel=True, limiter=self._working)

    async def wait(self, function: Callable[[], _T]) -> _T:
        """Call a function that may wait as long as the caller likes; it takes no thread from the others."""
        return await to_thread.run_sync(function, abandon_on_cancel=True, limiter=self._waiting)
