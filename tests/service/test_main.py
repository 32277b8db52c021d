"""How the service starts, and how it tells that it can't."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dev.stack import BIN


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--log-level", "LOUD"], "--log-level"),
        (["--speed", "inf"], "--speed inf"),
        (["--speed", "nan"], "--speed nan"),
        (["--speed", "0"], "--speed 0"),
        (["--speed", "fast"], "--speed"),
        (["--port", "99999"], "--port 99999"),
        (["--port", "-1"], "--port -1"),
        (["--minimum-automated", "-1"], "--minimum-automated -1"),
        (["--s3-endpoint", "nonsense"], "--s3-endpoint 'nonsense'"),
        (["--s3-endpoint", "http://["], "--s3-endpoint"),
        (["--s3-endpoint", "ftp://example.com"], "--s3-endpoint"),
        (["--region", "moon-1"], "--region moon-1"),
        (["--workforce", "/nowhere/workforce.json"], "/nowhere/workforce.json"),
        (["--truth", "/nowhere/truth.jsonl"], "/nowhere/truth.jsonl"),
        (["--data-dir", "/dev/null"], "--data-dir /dev/null"),
        (["--host", "256.256.256.256"], "--host 256.256.256.256"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(options: list[str], named: str, tmp_path: Path) -> None:
    command = [str(BIN / "labeling"), "local", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    told = [line for line in done.stderr.splitlines() if line.startswith("labeling local: ")]
    assert len(told) == 1
    assert named in told[0]
    assert "Traceback" not in done.stderr
