"""A service that runs faster keeps real timestamps."""

from __future__ import annotations

import time

from labeling_provider.service.clock import Clock


def test_time_limits_are_over_sooner_and_timestamps_are_real() -> None:
    clock = Clock(speed=60)
    assert clock.real(3_600) == 60
    assert clock.passed(2) == 120
    before = time.time()
    assert before <= clock.now() <= time.time()
