"""What is reckoned from a job's counters."""

from __future__ import annotations

import pytest

from labeling_provider.ui.catalog import Job, TaskKey


@pytest.mark.parametrize(
    ("estimate", "people", "machine", "cost"),
    [
        # 1,000 objects at 0.08, and three workers at 0.012.
        (116.0, 0, 0, 0.0),
        (116.0, 500, 0, 58.0),
        (116.0, 1000, 0, 116.0),
        (116.0, 250, 750, 80.0 + 9.0),
        (80.0, 250, 750, 80.0),
        # A limit on people's labels.
        (8.0, 1000, 0, 8.0),
    ],
)
def test_what_a_model_labels_costs_no_worker(estimate: float, people: int, machine: int, cost: float) -> None:
    counters = {"total": 1000, "human_labeled": people, "machine_labeled": machine}
    job = Job(TaskKey("dag", "run", "task"), {"estimated_cost_usd": estimate}, counters)
    assert job.cost == pytest.approx(cost)
    assert Job(TaskKey("dag", "run", "task"), {"estimated_cost_usd": estimate}).cost == 0
