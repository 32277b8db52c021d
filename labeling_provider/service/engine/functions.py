"""The caller's functions of custom tasks, each in a process of its own, as on Lambda.

One that never returns, uses up the memory or ends its process does not touch the service or other jobs, and can be
ended. A process that has answered is kept for the next event.
Source: Lambda's quotas: 15 minutes, 6 MB.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from labeling_provider.groundtruth.documents import TOO_DEEP, is_deep, plain
from labeling_provider.service.cloud.processes import Fault, Process
from labeling_provider.service.errors import JobFailure
from labeling_provider.service.work.workforce import Function

log = logging.getLogger(__name__)

MAX_ANSWER: Final = 6 << 20
_MAX_IDLE: Final = 2


class Functions:
    """All functions of the service, by Lambda ARN."""

    def __init__(self, known: Mapping[str, Function]) -> None:
        self._known = known
        self._idle: dict[str, list[Process]] = defaultdict(list)
        self._all: set[Process] = set()
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
            answer = host.ask(event, self._known[arn].timeout_seconds)
            if is_deep(answer):
                raise Fault(f"its answer can't be used. {TOO_DEEP}")
        except Fault as fault:
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

    def _host(self, arn: str) -> Process:
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
            host = Process(self._known[arn].target, MAX_ANSWER)
            self._all.add(host)
            return host

    def _end(self, host: Process) -> None:
        host.end()
        with self._changing:
            self._all.discard(host)
