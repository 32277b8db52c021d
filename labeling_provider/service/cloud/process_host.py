"""The main module of a process that runs a user's function, started by
:mod:`labeling_provider.service.cloud.processes`.

It reads one event per line of JSON and writes one answer per line. What the function prints goes to the service's log.
Source for the context: Lambda's developer guide, "Using the Lambda context object to retrieve Python function
information".
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import signal
import sys
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import IO, Any, Final

from labeling_provider.service.cloud.function_clients import met_outage, sign_by_place

_LATEST: Final = "$LATEST"
_ARN_PARTS: Final = 7


class Context:
    """What a function is told about its call.

    :param arn: the Lambda ARN that it is called by; whatever else names it, if it has none.
    :param log_stream_name: the same for all calls in one process.
    :param seconds: how long the call may take.
    """

    client_context: None = None
    identity: None = None
    # A process may use as much as the largest function of Lambda, which is 10,240 MB. It is a string there, too.
    memory_limit_in_mb: str = "10240"

    def __init__(self, arn: str, log_stream_name: str, seconds: float) -> None:
        parts = arn.split(":")
        qualifier = parts[_ARN_PARTS] if len(parts) > _ARN_PARTS else ""
        self.aws_request_id = str(uuid.uuid4())
        self.invoked_function_arn = arn
        self.function_name = parts[_ARN_PARTS - 1] if len(parts) >= _ARN_PARTS else arn
        # An alias is not a version.
        self.function_version = qualifier if qualifier.isdigit() else _LATEST
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = log_stream_name
        self._deadline = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """How long the call may still take, in milliseconds."""
        return max(int((self._deadline - time.monotonic()) * 1000), 0)


def main(target: str, arn: str) -> None:
    """Answer events until the service closes the pipe.

    :param target: ``module:callable``.
    :param arn: the Lambda ARN that it is called by.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    events, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    # Functions often make their clients when they are imported.
    sign_by_place()
    module, _, name = target.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except BaseException as error:
        if met_outage(error):
            _write(answers, _report(error))
        raise
    _write(answers, '{"ready": true}')
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(events, waiting), daemon=True).start()
    log_stream_name = f"{datetime.now(UTC):%Y/%m/%d}/[{_LATEST}]{uuid.uuid4().hex}"
    while True:
        call = json.loads(waiting.get())
        _write(answers, _answer(function, call["event"], Context(arn, log_stream_name, call["seconds"])))


def _listen(events: IO[bytes], waiting: queue.SimpleQueue[bytes]) -> None:
    """Read events; exit when the service does, whatever the function is doing."""
    for line in events:
        waiting.put(line)
    os._exit(0)


def _answer(function: Any, event: Any, context: Context) -> str:
    try:
        return f'{{"answer": {json.dumps(function(event, context), allow_nan=False)}}}'
    except BaseException as error:  # noqa: BLE001 - whatever a function raises is reported
        import traceback

        traceback.print_exc()
        return _report(error)


def _report(error: BaseException) -> str:
    return json.dumps({"outage" if met_outage(error) else "error": f"{type(error).__name__}: {error}"})


def _write(answers: IO[bytes], line: str) -> None:
    answers.write(line.encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
