"""A user's own code in a process of its own, as Amazon runs it.

Code that never returns, uses up the memory or ends its process does not touch the service or other jobs, and can be
ended.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

_START_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.5
_READ: Final = 1 << 16


class Fault(Exception):
    """A call that has come to nothing; the text says why."""


class Process:
    """A process that calls one function with one event after the other; ends by itself with the service.

    :param target: the function, ``module:callable``; it takes an event and None.
    :param max_answer: largest answer, in bytes of JSON.
    """

    def __init__(self, target: str, max_answer: int) -> None:
        path = os.pathsep.join(part for part in sys.path if part)
        self._process = subprocess.Popen(  # noqa: S603 - the code is the operator's own
            [sys.executable, "-m", "labeling_provider.service.cloud.process_host", target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            bufsize=0,
        )
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("a process without pipes")
        self._stdin, self._stdout, self._max_answer = stdin, stdout, max_answer
        os.set_blocking(stdin.fileno(), False)
        self._is_ready = False

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, event: dict[str, Any], seconds: float, is_wanted: Callable[[], bool] | None = None) -> Any:
        """What the function has answered to an event, any JSON value.

        :param seconds: how long the call may take.
        :param is_wanted: is asked now and then whether anybody waits for the answer any more.
        :raises Fault: if there is no answer: it has raised, takes too long, or answers what is no JSON.
        :raises InterruptedError: if the answer is not wanted any more.
        """
        if not self._is_ready:
            self._hear(time.monotonic() + _START_SECONDS, "could not be started", is_wanted)
            self._is_ready = True
        late, deadline = f"Timeout: Task timed out after {seconds:g} seconds", time.monotonic() + seconds
        self._tell(json.dumps(event).encode() + b"\n", deadline, late, is_wanted)
        said = self._hear(deadline, late, is_wanted)
        if "error" in said:
            raise Fault(str(said["error"]))
        return said["answer"]

    def _tell(self, said: bytes, deadline: float, late: str, is_wanted: Callable[[], bool] | None) -> None:
        left, poll = memoryview(said), select.poll()
        poll.register(self._stdin, select.POLLOUT)
        while left:
            _wait(poll, deadline, late, is_wanted)
            try:
                left = left[os.write(self._stdin.fileno(), left) :]
            except BlockingIOError:
                continue
            except OSError:
                raise Fault(self._gone()) from None

    def _hear(self, deadline: float, late: str, is_wanted: Callable[[], bool] | None) -> dict[str, Any]:
        heard, poll = bytearray(), select.poll()
        poll.register(self._stdout, select.POLLIN)
        while not heard.endswith(b"\n"):
            _wait(poll, deadline, late, is_wanted)
            part = os.read(self._stdout.fileno(), _READ)
            if not part:
                raise Fault(self._gone())
            heard += part
            if len(heard) > self._max_answer:
                raise Fault(f"ResponseSizeTooLarge: its answer has more than {self._max_answer:,} bytes")
        try:
            said: dict[str, Any] = json.loads(heard)
        except (ValueError, RecursionError):
            raise Fault("an answer that can't be read as JSON") from None
        return said

    def _gone(self) -> str:
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return "Runtime.ExitError: its process does not answer any more"
        return f"Runtime.ExitError: its process has ended with {code}; the service's log may tell why"

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()

    def end(self) -> None:
        """End the process and forget it."""
        self.kill()
        self._process.wait()
        self._stdout.close()
        with suppress(OSError):
            # What it has not taken any more can't be flushed.
            self._stdin.close()


def _wait(poll: select.poll, deadline: float, late: str, is_wanted: Callable[[], bool] | None) -> None:
    """Wait until a pipe can be used.

    :param late: what to say after the deadline.
    """
    while True:
        left = deadline - time.monotonic()
        if poll.poll(min(max(left, 0), _LOOK_SECONDS) * 1000):
            return
        if left <= 0:
            raise Fault(late)
        if is_wanted is not None and not is_wanted():
            raise InterruptedError("nobody waits for the answer any more")
