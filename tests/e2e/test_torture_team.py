"""The torture of ``make torture-team``, shorter."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.torture_team import Team


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
