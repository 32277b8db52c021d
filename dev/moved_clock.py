"""A clock that can be moved, for a process of its own, such as a service: hours pass in no time."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

from dev.stack import ROOT


class MovedClock:
    """The time of processes that are started with its environment.

    :param path: a file of its own, which tells them how far ahead they are.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._ahead = path, 0.0
        path.write_bytes(struct.pack("<d", 0.0))

    @property
    def env(self) -> dict[str, str]:
        """The environment of such a process."""
        paths = (str(ROOT / "dev" / "moved"), str(ROOT), os.environ.get("PYTHONPATH", ""))
        return {"MOVED_CLOCK": str(self._path), "PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead += seconds
        with self._path.open("r+b") as file:
            file.write(struct.pack("<d", self._ahead))

    def now(self) -> float:
        """The time there, in epoch seconds."""
        return time.time() + self._ahead
