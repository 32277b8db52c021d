"""What is remembered of accepted tasks is bounded, and nobody else's."""

from __future__ import annotations

import pytest

from labeling_provider.service.work import held_tasks
from labeling_provider.service.work.held_tasks import HeldTask, HeldTasks


def task(number: int, line: str = "{}", worker: str = "ann") -> HeldTask:
    return HeldTask(number, 1, number, worker, line, 0.0)


def test_a_task_is_its_workers_until_it_is_forgotten() -> None:
    held = HeldTasks()
    held.keep(task(1))
    assert held.find(1, "ann") == task(1)
    assert (held.find(1, "ben"), held.find(2, "ann")) == (None, None)
    held.keep(task(1, worker="ben"))
    assert (held.find(1, "ann"), held.find(1, "ben")) == (None, task(1, worker="ben"))
    held.forget(1)
    held.forget(1)
    assert held.find(1, "ben") is None


def test_lines_together_are_no_longer_than_they_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_tasks, "_MAX_CHARACTERS", 10)
    held = HeldTasks()
    for _ in range(3):
        held.keep(task(1, "x" * 6))
    held.keep(task(2, "x" * 4))
    assert held.find(1, "ann"), "what is kept again counts once"
    held.forget(2)
    held.keep(task(3, "x" * 4))
    assert held.find(1, "ann"), "what is forgotten does not count"
    held.keep(task(4, "x" * 6))
    assert [number for number in (1, 2, 3, 4) if held.find(number, "ann")] == [3, 4], "the oldest one goes"
