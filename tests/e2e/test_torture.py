"""The torture of ``make torture``, shorter: everything that can be killed is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.torture import PushTorture, Torture


@pytest.mark.e2e
@pytest.mark.once
def test_one_job_per_task_and_every_object_once_whatever_is_killed(tmp_path: Path) -> None:
    Torture(tmp_path, seed=7, tasks=6, kills=6).run()


@pytest.mark.e2e
@pytest.mark.once
def test_every_object_is_pushed_and_labeled_once_whatever_is_killed(tmp_path: Path) -> None:
    PushTorture(tmp_path, seed=7, tasks=4, kills=5, objects=600).run()
