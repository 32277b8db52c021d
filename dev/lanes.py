"""``make test``: runs make's targets side by side, and shows each line as it comes, with the name of its target.

Some run at once; whenever one ends, the next begins: ``python -m dev.lanes AT_ONCE TARGET…``, the longest first.

When all have been silent for a while, each says how far it is. At the end the failures and the closing lines of all
stand together.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final, TextIO

from dev.stack import ROOT

SILENCE_SECONDS: Final = 30.0
_SHARE: Final = re.compile(r"\[ *(\d+)%\]$")
_FAILURE: Final = re.compile(r"(FAILED|ERROR) \S")
_CLOSING: Final = re.compile(r"=+ .*\b(passed|failed|error|errors|no tests ran)\b.* =+$")


class Lane:
    """A command, its lines, and how far it is.

    :param command: what runs.
    :param width: of the column of names.
    """

    def __init__(self, name: str, command: Sequence[str], width: int, out: TextIO, lock: threading.Lock) -> None:
        self.name, self.share, self.endings = name, "0%", list[str]()
        self.began = self.heard = time.monotonic()
        self._head, self._out, self._lock = f"{name:{width}} | ", out, lock
        # What make was told is for it, and not for those that it starts.
        env = {key: value for key, value in os.environ.items() if key not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in map(str.rstrip, self.process.stdout):
            if share := _SHARE.search(line):
                self.share = f"{share[1]}%"
            if _FAILURE.match(line) or _CLOSING.match(line):
                self.endings.append(line)
            with self._lock:
                self.heard = time.monotonic()
                print(self._head + line, file=self._out, flush=True)
        self.share = "failed" if self.process.wait() else "done"


def run(
    commands: Mapping[str, Sequence[str]], at_once: int, out: TextIO | None = None, silence: float = SILENCE_SECONDS
) -> int:
    """Run commands side by side.

    :param commands: by the lanes' names, in the order in which they begin.
    :param at_once: how many run at the same time.
    :param silence: seconds without a line after which all lanes say how far they are.
    :return: 1 if one of them fails, else 0.
    """
    out, lock, began = out or sys.stdout, threading.Lock(), time.monotonic()
    width = max(map(len, commands))
    lanes: list[Lane] = []
    waiting = list(commands.items())
    shown = began
    while waiting or any(lane.thread.is_alive() for lane in lanes):
        while waiting and sum(lane.thread.is_alive() for lane in lanes) < at_once:
            name, command = waiting.pop(0)
            lanes.append(Lane(name, command, width, out, lock))
        for lane in lanes:
            lane.thread.join(min(silence / 5, 0.1))
        with lock:
            now = time.monotonic()
            if now - max(shown, *(lane.heard for lane in lanes)) >= silence:
                shown = now
                shares = ", ".join(f"{lane.name} {lane.share}" for lane in lanes)
                print(f"{(now - began) / 60:.1f} min: {shares}", file=out, flush=True)
    for lane in lanes:
        print(f"\n{lane.name}: {lane.share} after {(lane.heard - lane.began) / 60:.1f} min", file=out)
        print(*lane.endings, sep="\n", file=out, flush=True)
    return int(any(lane.process.returncode for lane in lanes))


if __name__ == "__main__":
    at_once, *targets = sys.argv[1:]
    sys.exit(run({target: ["make", "--no-print-directory", target] for target in targets}, int(at_once)))
