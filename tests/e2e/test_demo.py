"""``make demo``, when somebody ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dev.stack import ROOT, wait_until


def started_in(folder: Path) -> list[int]:
    """The processes that know a folder from their command or environment."""
    known = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            says = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder / "labeling-demo-") in says:
            known.append(int(process.name))
    return known


@pytest.mark.once
@pytest.mark.parametrize(("number", "parts"), [(signal.SIGINT, 1), (signal.SIGTERM, 3)])
def test_whoever_ends_the_demo_impatiently_leaves_nothing_running(tmp_path: Path, number: int, parts: int) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "dev.demo"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: len(started_in(tmp_path)) >= parts, 60, f"the demo has started {parts} processes")
        assert demo.poll() is None
        for _ in range(3):
            demo.send_signal(number)
        assert demo.wait(120) == 1
        assert started_in(tmp_path) == []
    finally:
        demo.kill()
        for left in started_in(tmp_path):
            os.kill(left, signal.SIGKILL)
