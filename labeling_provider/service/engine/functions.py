"""The caller's functions of custom tasks, each in a process of its own, as on Lambda.

One that never returns, uses up the memory or ends its process does not touch the service or other jobs, and can be
ended. A process that has answered is kept for the next event.
Source: Lambda's quotas: 15 minutes, 6 MB.
"""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from labeling_provider.groundtruth.documents import TOO_DEEP, is_deep, plain
from labeling_provider.service.errors import JobFailure

log = logging.getLogger(__name__)

MAX_SECONDS: Final = 900
MAX_ANSWER: Final = 6 << 20
_START_SECONDS: Final = 60.0
_READ: Final = 1 << 16
_MAX_IDLE: Final = 2


class Function(NamedTuple):
    """A function as the workforce file names it.

    :param target: ``module:callable``.
    :param timeout_seconds: how long one call may take.
    """

    target: str
    timeout_seconds: float = MAX_SECONDS


class Functions:
    """All functions of the service, by Lambda ARN."""

    def __init__(self, known: Mapping[str, Function]) -> None:
        self._known = known
        self._idle: dict[str, list[_Host]] = defaultdict(list)
        self._all: set[_Host] = set()
        self._changing = threading.Lock()
        self._closed = False

    def __contains__(self, arn: object) -> bool:
        return arn in self._known

    def call(self, arn: str, event: dict[str, Any]) -> Any:
        """What a function answers to an event, any JSON value.

        :raises JobFailure: naming the function, if it raises, takes too long or answers what is no JSON: Amazon fails
            the job then, too.
        :raises InterruptedError: if the service ends meanwhile.
        """
        host = self._host(arn)
        try:
            said = host.ask(event, self._known[arn].timeout_seconds)
            if "error" in said:
                raise _Fault(str(said["error"]))
            answer = said["answer"]
            if is_deep(answer):
                raise _Fault(f"its answer can't be used. {TOO_DEEP}")
        except _Fault as fault:
            self._end(host)
            if self._closed:
                raise InterruptedError("the service ends") from None
            log.warning("the function %s failed: %s", arn, fault)
            raise JobFailure(
                f"ClientError: The function {arn} failed with {plain(str(fault), 500)}. "
                "LambdaErrorCode: Unhandled. Correct the function and run the job again."
            ) from None
        except BaseException:
            self._end(host)
            raise
        with self._changing:
            kept = not self._closed and len(self._idle[arn]) < _MAX_IDLE
            if kept:
                self._idle[arn].append(host)
        if not kept:
            self._end(host)
        return answer

    def close(self) -> None:
        """End every process."""
        with self._changing:
            self._closed = True
            for host in self._all:
                # Whoever waits for its answer sees that and clears up.
                host.kill()

    def _host(self, arn: str) -> _Host:
        """A process that is ready for an event."""
        with self._changing:
            if self._closed:
                raise InterruptedError("the service ends")
            while self._idle[arn]:
                idle = self._idle[arn].pop()
                if idle.is_alive:
                    return idle
                idle.end()
                self._all.discard(idle)
            host = _Host(self._known[arn].target)
            self._all.add(host)
            return host

    def _end(self, host: _Host) -> None:
        host.end()
        with self._changing:
            self._all.discard(host)


class _Fault(Exception):
    """A call that has come to nothing; the text says why."""


class _Host:
    """A process with a function."""

    def __init__(self, target: str) -> None:
        path = os.pathsep.join(part for part in sys.path if part)
        self._process = subprocess.Popen(  # noqa: S603 - the function is the operator's own
            [sys.executable, "-m", "labeling_provider.service.engine.function_host", target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("a process without pipes")
        self._stdin, self._stdout = stdin, stdout
        self._is_ready = False

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, event: dict[str, Any], seconds: float) -> dict[str, Any]:
        """What the function has come to.

        :raises _Fault: if there is no answer.
        """
        if not self._is_ready:
            self._hear(_START_SECONDS, "could not be started")
            self._is_ready = True
        try:
            self._stdin.write(json.dumps(event).encode() + b"\n")
            self._stdin.flush()
        except OSError:
            raise _Fault(self._gone()) from None
        return self._hear(seconds, f"Timeout: Task timed out after {seconds:g} seconds")

    def _hear(self, seconds: float, late: str) -> dict[str, Any]:
        heard, deadline, poll = bytearray(), time.monotonic() + seconds, select.poll()
        poll.register(self._stdout, select.POLLIN)
        while not heard.endswith(b"\n"):
            if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
                raise _Fault(late)
            part = os.read(self._stdout.fileno(), _READ)
            if not part:
                raise _Fault(self._gone())
            heard += part
            if len(heard) > MAX_ANSWER:
                raise _Fault(f"ResponseSizeTooLarge: its answer has more than {MAX_ANSWER:,} bytes")
        try:
            said: dict[str, Any] = json.loads(heard)
        except (ValueError, RecursionError):
            raise _Fault("an answer that can't be read as JSON") from None
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
