"""What a job adds to Airflow's metrics."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.observability import stats

from tests.airflow_context import context
from tests.conftest import Lab, texts
from tests.operators.test_labeling_job import operator, run_id


class Recorder:
    """Airflow's metrics, kept."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any, dict[str, str]]] = []

    def incr(self, name: str, count: int = 1, *, tags: dict[str, str]) -> None:
        self.told.append((name, count, tags))

    def timing(self, name: str, duration: Any, *, tags: dict[str, str]) -> None:
        self.told.append((name, duration, tags))


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    found = Recorder()
    if hasattr(stats, "incr"):
        monkeypatch.setattr(stats, "incr", found.incr)
        monkeypatch.setattr(stats, "timing", found.timing)
    else:
        monkeypatch.setattr(stats, "Stats", found)
    return found


def test_a_job_that_has_ended_is_counted(connected: Lab, recorder: Recorder) -> None:
    operator(connected, [*texts(4), {"source": "nobody knows"}]).execute(context(**run_id()))
    told = {name: value for name, value, _ in recorder.told if name.startswith("labeling.")}
    assert told["labeling.objects.labeled"] == 4
    assert told.get("labeling.objects.failed", 0) in (0, 1)
    assert told["labeling.job.duration"].total_seconds() > 0
    tags = next(tags for name, _, tags in recorder.told if name == "labeling.objects.labeled")
    assert tags == {"dag_id": "dag", "task_id": "label", "status": "Completed"}
