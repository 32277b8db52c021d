"""A balancer: whoever connects to it is connected to the next of several servers that takes connections."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from itertools import cycle
from typing import Final

_PIECE: Final = 1 << 16


class Balancer:
    """Runs in a thread until it is stopped. It knows nothing of HTTP, and nobody is sent to the same server twice.

    :param ports: where the servers are, on this machine.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._turns, self._count = cycle(ports), len(ports)
        self._loop = asyncio.new_event_loop()
        self._passing = asyncio.Event()
        self._passing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="balancer", daemon=True)
        self._thread.start()
        # In the caller's thread there may be a loop already: that of a browser.
        started = asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(started, self._loop).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Break all connections, as a network does."""
        self._loop.call_soon_threadsafe(self._cut)

    def hold(self) -> None:
        """Leave all connections half open, those that come as well: nothing passes, no end of one either."""
        self._loop.call_soon_threadsafe(self._passing.clear)

    def let_go(self) -> None:
        """Let everything pass again, beginning with what was held up."""
        self._loop.call_soon_threadsafe(self._passing.set)

    def stop(self) -> None:
        """Take no more connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()
        self._cut()
        self._loop.close()

    def _cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(self._count):
            try:
                there, to_there = await asyncio.open_connection("127.0.0.1", next(self._turns))
            except OSError:
                continue
            pair = {writer, to_there}
            self._writers |= pair
            with contextlib.suppress(OSError):
                await asyncio.gather(self._pass_on(reader, to_there), self._pass_on(there, writer))
            self._writers -= pair
            to_there.close()
            break
        writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes until one side ends it, and end the other side."""
        try:
            while piece := await reader.read(_PIECE):
                await self._passing.wait()
                writer.write(piece)
                await writer.drain()
        finally:
            await self._passing.wait()
            writer.close()
