"""The caller's functions for custom tasks. They run in separate processes, as on Lambda.

A function that hangs, runs out of memory or exits does not affect the service or other jobs, and can be killed. A
process that has answered is reused for the next event.
Source: Lambda's quotas: 15 minutes, 6 MB.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from labeling_provider.groundtruth.documents import TOO_DEEP, is_deep, plain
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.cloud.processes import Fault, Late, Process
from labeling_provider.service.failures import JobFailure, Outage
from labeling_provider.service.work.workforce import Function

log = logging.getLogger(__name__)

MAX_ANSWER: Final = 6 << 20
_MAX_IDLE: Final = 2
_SHOWN: Final = 500


class Functions:
    """All functions of the service, by Lambda ARN.

    :param objects: asked after a call that took too long; checks within seconds.
    """

    def __init__(self, known: Mapping[str, Function], objects: ObjectStore) -> None:
        self._known, self._objects = known, objects
        self._idle: dict[str, list[Process]] = defaultdict(list)
        self._all: set[Process] = set()
        self._changing = threading.Lock()
        self._closed = False

    def __contains__(self, arn: object) -> bool:
        return arn in self._known

    def call(self, arn: str, event: dict[str, Any]) -> Any:
        """Call a function.

        :return: its result, any JSON value.
        :raises JobFailure: naming the function, if it raises, takes too long or does not return JSON. Amazon fails the
            job as well.
        :raises Outage: naming the function, if it raises because S3 or the service's API is away, or takes too long
            while S3 is.
        :raises InterruptedError: if the service stops meanwhile.
        """
        host = self._host(arn)
        try:
            result = host.ask(event, self._known[arn].timeout_seconds)
            if is_deep(result):
                raise Fault(f"a result that can't be used. {TOO_DEEP}")
        except (Fault, Outage) as trouble:
            self._end(host)
            if self._closed:
                raise InterruptedError("the service is stopping") from None
            text = plain(str(trouble), _SHOWN)
            if isinstance(trouble, Outage) or (isinstance(trouble, Late) and self._objects_are_away()):
                raise Outage(f"the function {arn} met {text}") from None
            log.warning("the function %s failed: %s", arn, text)
            raise JobFailure(
                f"ClientError: The function {arn} failed with {text}. "
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
        return result

    def close(self) -> None:
        """End every process."""
        with self._changing:
            self._closed = True
            for host in self._all:
                # The caller that waits for its answer notices and cleans up.
                host.kill()

    def _host(self, arn: str) -> Process:
        """A process that is ready for an event: an idle one, or a new one."""
        with self._changing:
            if self._closed:
                raise InterruptedError("the service is stopping")
            while self._idle[arn]:
                idle = self._idle[arn].pop()
                if idle.is_alive:
                    return idle
                idle.end()
                self._all.discard(idle)
            host = Process(self._known[arn].target, MAX_ANSWER, arn)
            self._all.add(host)
            return host

    def _objects_are_away(self) -> bool:
        """Whether a function may have waited for objects in vain."""
        try:
            self._objects.check()
        except Exception as error:  # noqa: BLE001 - whatever it is, objects can't be read
            log.warning("a function took too long while objects can't be read: %s", type(error).__name__)
            return True
        return False

    def _end(self, host: Process) -> None:
        host.end()
        with self._changing:
            self._all.discard(host)
