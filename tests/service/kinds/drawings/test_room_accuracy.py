"""Consolidated drawings are no worse than the best single worker's; the figures: ``make bench-consolidation``."""

from __future__ import annotations

from statistics import mean

import numpy as np
import pytest

from benchmarks.consolidation import CREWS, measure
from labeling_provider.groundtruth.ready_functions import READY_CONSOLIDATIONS


@pytest.mark.parametrize("name", READY_CONSOLIDATIONS)
def test_consolidated_drawings_are_no_worse_than_those_of_the_best_worker(name: str) -> None:
    scores = [measure(name, seed, CREWS["5"](np.random.default_rng(seed)), pictures=4) for seed in range(3)]
    assert mean(score[0] for score in scores) > mean(score[1] for score in scores)
