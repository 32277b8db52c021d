"""Runs a user's own code in a separate process, as Amazon does.

Code that hangs, runs out of memory or exits does not affect the service or other jobs, and can be killed.
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

from labeling_provider.service.failures import Outage

_START_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.5
_READ: Final = 1 << 16


class Fault(Exception):
    """A call failed; the text says why."""


class Late(Fault):
    """A call took too long."""


class Process:
    """A process that calls one function with one event at a time. It exits when the service does.

    :param target: the function, ``module:callable``; it takes an event and a context, as on Lambda.
    :param max_answer: the maximum size of an answer, in bytes of JSON.
    :param arn: the Lambda ARN that the function is called by, for its context.
    """

    def __init__(self, target: str, max_answer: int, arn: str = "") -> None:
        path = os.pathsep.join(part for part in sys.path if part)
        self._process = subprocess.Popen(  # noqa: S603 - the code is the operator's own
            [sys.executable, "-m", "labeling_provider.service.cloud.process_host", target, arn],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            bufsize=0,
        )
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process has no pipes")
        self._stdin, self._stdout, self._max_answer = stdin, stdout, max_answer
        os.set_blocking(stdin.fileno(), False)
        self._is_ready = False

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def ask(self, event: dict[str, Any], seconds: float, is_wanted: Callable[[], bool] | None = None) -> Any:
        """Call the function.

        :param seconds: how long the call may take.
        :param is_wanted: called regularly while waiting; if it returns False, the call is abandoned.
        :return: the function's answer, any JSON value.
        :raises Late: if the function takes too long.
        :raises Fault: if it raises, exits, or does not return JSON.
        :raises Outage: if it raises because S3 or the service's API is away.
        :raises InterruptedError: if the answer is no longer wanted.
        """
        if not self._is_ready:
            late = f"Runtime.InitError: its process was not ready after {_START_SECONDS:g} seconds"
            _result(self._read(time.monotonic() + _START_SECONDS, late, is_wanted), "ready")
            self._is_ready = True
        late, deadline = f"Timeout: Task timed out after {seconds:g} seconds", time.monotonic() + seconds
        self._write(json.dumps({"event": event, "seconds": seconds}).encode() + b"\n", deadline, late, is_wanted)
        return _result(self._read(deadline, late, is_wanted), "answer")

    def _write(self, line: bytes, deadline: float, late: str, is_wanted: Callable[[], bool] | None) -> None:
        left, poll = memoryview(line), select.poll()
        poll.register(self._stdin, select.POLLOUT)
        while left:
            _wait(poll, deadline, late, is_wanted)
            try:
                left = left[os.write(self._stdin.fileno(), left) :]
            except BlockingIOError:
                continue
            except OSError:
                raise Fault(self._gone()) from None

    def _read(self, deadline: float, late: str, is_wanted: Callable[[], bool] | None) -> dict[str, Any]:
        line, poll = bytearray(), select.poll()
        poll.register(self._stdout, select.POLLIN)
        while not line.endswith(b"\n"):
            _wait(poll, deadline, late, is_wanted)
            part = os.read(self._stdout.fileno(), _READ)
            if not part:
                raise Fault(self._gone())
            line += part
            if len(line) > self._max_answer:
                raise Fault(f"ResponseSizeTooLarge: its answer has more than {self._max_answer:,} bytes")
        try:
            answer: dict[str, Any] = json.loads(line)
        except (ValueError, RecursionError):
            raise Fault("an answer that can't be read as JSON") from None
        return answer

    def _gone(self) -> str:
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return "Runtime.ExitError: its process no longer responds"
        return f"Runtime.ExitError: its process exited with {code}; the service's log may say why"

    def kill(self) -> None:
        """Kill the process, whatever it is doing."""
        self._process.kill()

    def end(self) -> None:
        """Kill the process and clean up."""
        self.kill()
        self._process.wait()
        self._stdout.close()
        with suppress(OSError):
            # Data that the process has not read can't be flushed.
            self._stdin.close()


def _result(message: dict[str, Any], key: str) -> Any:
    """The value that a process sent under a key; raises what it sent instead if it could not."""
    if "outage" in message:
        raise Outage(str(message["outage"]))
    if "error" in message:
        raise Fault(str(message["error"]))
    return message[key]


def _wait(poll: select.poll, deadline: float, late: str, is_wanted: Callable[[], bool] | None) -> None:
    """Wait until a pipe can be used.

    :param late: the error after the deadline.
    :raises Late: after the deadline.
    :raises InterruptedError: if the answer is no longer wanted.
    """
    while True:
        left = deadline - time.monotonic()
        if poll.poll(min(max(left, 0), _LOOK_SECONDS) * 1000):
            return
        if left <= 0:
            raise Late(late)
        if is_wanted is not None and not is_wanted():
            raise InterruptedError("the answer is no longer wanted")
