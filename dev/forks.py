"""Processes that are forked from one that has imported what they all need.

Importing takes a second of a processor for the service and three for Airflow, and tests start each many times. A
program imports, and calls :func:`await_orders`; an :class:`Importer` runs it and orders. Orders come over a socket,
each with the files that are to be the new process's output, and the answer is its id; the program's own tells that it
is ready. At the end of the socket, nothing is left to start.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
# Longer than any order: the environment of a process makes most of it.
_MAX_ORDER = 128 * 1024


class Fork:
    """A process that was forked; what it ended with is not known."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = -1

    def __del__(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has ended.

        :param timeout: seconds.
        :raises TimeoutExpired: if it has not ended by then.
        """
        if self._handle >= 0 and not select.select([self._handle], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0)


class Importer:
    """A program that has imported, and forks when it is told to.

    :param module: its name.
    :param arguments: for it.
    :param log: for what it says.
    :raises ChildProcessError: if it ends while it imports.
    """

    def __init__(self, module: str, *arguments: str, env: Mapping[str, str], log: IO[bytes] | int) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with closing(theirs):
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(env),
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._answer(f"the program {module} does not come up")

    def fork(self, arguments: Sequence[str], env: Mapping[str, str], stdout: int, stderr: int) -> Fork:
        """Start a process, in a group of its own.

        :param arguments: its command line, with the name of the command.
        :param env: its whole environment.
        :param stdout: what is to be its output, as a file descriptor.
        :raises ChildProcessError: if the program has ended.
        """
        order = json.dumps({"arguments": list(arguments), "env": dict(env)}).encode()
        assert len(order) <= _MAX_ORDER, "an environment is too large"
        with suppress(BrokenPipeError):
            socket.send_fds(self._orders, [order], [stdout, stderr])
        return Fork(self._answer(f"the process that was to start {' '.join(arguments)} has ended"))

    def _answer(self, problem: str) -> int:
        """The id of a process that is ready."""
        answer = b""
        with suppress(ConnectionResetError):
            answer = self._orders.recv(32)
        if not answer:
            raise ChildProcessError(problem)
        return int(answer)

    def close(self) -> None:
        """End it. What it has forked stays."""
        self._orders.close()
        self._process.wait()


def await_orders() -> bool:
    """Fork what is ordered, in a program that an :class:`Importer` runs.

    :return: whether this is one of the new processes.
    """
    # All that is made so far stays, so nobody need look for garbage in it, neither here nor in any fork.
    gc.freeze()
    gc.enable()
    # Nobody waits for those that end.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as orders:
        orders.send(str(os.getpid()).encode())
        while True:
            text, files, *_ = socket.recv_fds(orders, _MAX_ORDER, 2)
            if not text:
                return False
            pid = os.fork()
            if not pid:
                _become(json.loads(text), files)
                return True
            orders.send(str(pid).encode())
            for file in files:
                os.close(file)


def _become(order: dict[str, Any], files: Sequence[int]) -> None:
    """Be the process that was ordered."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, file in enumerate(files, 1):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(order["env"])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [path for path in paths if path and path not in sys.path]
    sys.argv = order["arguments"]
