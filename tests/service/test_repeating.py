"""What goes on again and again beside the work of a process."""

from __future__ import annotations

import threading

import pytest

from dev.stack import wait_until
from labeling_provider.service.repeating import Repeating


def test_it_goes_on_after_an_error_that_is_in_the_log_and_ends_when_it_is_stopped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    called = threading.Semaphore(0)

    def fail() -> None:
        called.release()
        raise ZeroDivisionError("half a pair")

    repeating = Repeating("labeling-test", fail, lambda: 0.01, "it could not be halved")
    repeating.start()
    assert all(called.acquire(timeout=60) for _ in range(3))
    assert not repeating.is_stopping
    repeating.stop()
    assert repeating.is_stopping

    def has_ended() -> bool:
        return "labeling-test" not in {thread.name for thread in threading.enumerate()}

    wait_until(has_ended, 60, "it has ended", 0.01)
    assert "it could not be halved" in caplog.text
    assert "ZeroDivisionError" in caplog.text
