"""Steps of jobs are run when they are due; neither failing nor long ones hold up other jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from dev.stack import wait_until
from labeling_provider.service.engine import scheduler as scheduling
from labeling_provider.service.engine.scheduler import Scheduler


def run(step: Callable[[int], float | None], *job_ids: int) -> tuple[Scheduler, list[tuple[int, BaseException]]]:
    given_up: list[tuple[int, BaseException]] = []
    scheduler = Scheduler(step, lambda job_id, error: given_up.append((job_id, error)))
    scheduler.start()
    for job_id in job_ids:
        scheduler.wake(job_id)
    return scheduler, given_up


def test_steps_that_fail_now_and_then_are_too_many_in_the_end() -> None:
    steps = 0

    def step(_: int) -> float:
        nonlocal steps
        steps += 1
        if steps % 2:
            raise KeyError("again")
        return 0.0

    scheduler, given_up = run(step, 1)
    try:
        wait_until(lambda: given_up, 30, "the job is given up", 0.02)
    finally:
        scheduler.stop()
    assert steps == 7


def test_a_step_that_asks_the_process_to_end_ends_no_thread() -> None:
    done = []

    def step(job_id: int) -> None:
        if job_id < 10:
            raise SystemExit
        done.append(job_id)

    scheduler, _ = run(step, *range(10), 10)
    try:
        wait_until(lambda: done, 30, "the other job is looked at", 0.02)
    finally:
        scheduler.stop()


def test_steps_that_take_long_hold_up_no_other_job_nor_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "_LATE_SECONDS", 0.05)
    monkeypatch.setattr(scheduling, "_STOP_SECONDS", 0.1)
    done = []

    def step(job_id: int) -> None:
        if job_id < 5:
            time.sleep(60)
        done.append(job_id)

    scheduler, _ = run(step, *range(5), 5)
    wait_until(lambda: done == [5], 30, "the other job is looked at", 0.02)
    before = time.monotonic()
    scheduler.stop()
    assert time.monotonic() - before < 30


def test_a_small_job_does_not_wait_for_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "_LATE_SECONDS", 1e9)
    monkeypatch.setattr(scheduling, "_QUICK_SECONDS", 0.05)
    goes_on, done = threading.Event(), []
    seen: set[int] = set()

    def step(job_id: int) -> float | None:
        if job_id == 9:
            done.append(job_id)
            return None
        if job_id in seen:
            goes_on.wait(60)
            return None
        time.sleep(0.1)
        seen.add(job_id)
        return 0.0

    scheduler, _ = run(step, *range(4))
    try:
        wait_until(lambda: len(seen) == 4, 30, "the steps of large jobs take long", 0.02)
        scheduler.wake(9)
        wait_until(lambda: done, 10, "the small job has its turn", 0.02)
    finally:
        goes_on.set()
        scheduler.stop()


def test_a_patient_job_whose_steps_take_long_comes_after_others_until_somebody_has_no_patience() -> None:
    order: list[int] = []

    def step(job_id: int) -> float:
        if job_id == 1 and not order:
            time.sleep(0.2)
        order.append(job_id)
        return 600.0

    scheduler, _ = run(step, 1)
    try:
        wait_until(lambda: order == [1], 30, "the long step is done", 0.02)
        scheduler.wake(1, 0.0, patient=True)
        scheduler.wake(2, 0.2, patient=True)
        wait_until(lambda: order[1:], 30, "another step", 0.02)
        assert order == [1, 2]
        scheduler.wake(3, 0.1)
        scheduler.wake(1, 0.0)
        wait_until(lambda: len(order) == 4, 30, "both steps", 0.02)
        assert order == [1, 2, 1, 3]
    finally:
        scheduler.stop()
