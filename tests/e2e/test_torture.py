"""The torture of ``make torture``, shorter and both loads at once: everything that can be killed is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.torture import Labeling, Pushing, Torture


@pytest.mark.e2e
@pytest.mark.once
def test_every_object_is_pushed_and_labeled_once_whatever_is_killed(tmp_path: Path) -> None:
    Torture(tmp_path, seed=7, kills=3, loads=[Labeling(2), Pushing(4, 120)]).run()
