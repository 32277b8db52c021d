"""The main module of a process that runs a user's function, started by
:mod:`labeling_provider.service.cloud.processes`.

It reads one event per line of JSON and writes one answer per line. What the function prints goes to the service's log.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import signal
import sys
import threading
from typing import IO, Any


def main(target: str) -> None:
    """Answer events until the service closes the pipe.

    :param target: ``module:callable``.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    events, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    module, _, name = target.partition(":")
    function = getattr(importlib.import_module(module), name)
    _write(answers, '{"ready": true}')
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(events, waiting), daemon=True).start()
    while True:
        event = json.loads(waiting.get())
        _write(answers, _answer(function, event))


def _listen(events: IO[bytes], waiting: queue.SimpleQueue[bytes]) -> None:
    """Read events; exit when the service does, whatever the function is doing."""
    for line in events:
        waiting.put(line)
    os._exit(0)


def _answer(function: Any, event: Any) -> str:
    try:
        return f'{{"answer": {json.dumps(function(event, None), allow_nan=False)}}}'
    except BaseException as error:  # noqa: BLE001 - whatever a function raises is reported
        import traceback

        traceback.print_exc()
        return json.dumps({"error": f"{type(error).__name__}: {error}"})


def _write(answers: IO[bytes], line: str) -> None:
    answers.write(line.encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
