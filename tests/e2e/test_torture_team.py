"""The torture of ``make torture-team``, shorter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dev.torture_team import PAGES, Team, code_of


@pytest.mark.e2e
@pytest.mark.once
def test_everything_is_done_once_whichever_processes_are_killed(tmp_path: Path) -> None:
    Team(
        tmp_path,
        seed=307,
        kills=3,
        objects=40,
        people=4,
        jobs=2,
        lines=15,
        pushed=40,
        database_kills=1,
        store_kills=1,
        freezes=1,
        holds=1,
    ).run()


def test_an_update_begins_with_the_code_of_a_commit(tmp_path: Path) -> None:
    code = code_of("HEAD", tmp_path / "old")
    command = [sys.executable, "-c", "import labeling_provider; print(labeling_provider.__file__)"]
    env = {**os.environ, "PYTHONPATH": str(code)}
    imported = subprocess.run(command, cwd=tmp_path, env=env, check=True, stdout=subprocess.PIPE).stdout.strip()
    assert imported.decode() == str(code / "labeling_provider" / "__init__.py")
    assert list((code / PAGES).iterdir())
