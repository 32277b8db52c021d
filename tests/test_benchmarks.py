"""Every benchmark runs, in its smallest form: whatever it measures has not moved away from under it."""

from __future__ import annotations

import json
import subprocess
import sys
from pkgutil import iter_modules

import pytest

import benchmarks
from benchmarks.night import MAX_GROWTH, grown
from dev.stack import PATIENCE, ROOT

OF_A_TEAM = {"ms_per_object", "ms_per_object_100k_over_10k", "peak_mb", "two_replicas_over_one", "restart_s"}
OF_REPLICAS = OF_A_TEAM | {"failover_s", "two_replicas_over_one_in_jobs"}
NEEDS_A_BROWSER = {"drawing", "sequences", "shift", "ui", "work"}


@pytest.mark.e2e
@pytest.mark.once
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(module.name, marks=[pytest.mark.browser] if module.name in NEEDS_A_BROWSER else [])
        for module in iter_modules(benchmarks.__path__)
    ],
)
def test_a_benchmark_runs_in_its_smallest_form(name: str) -> None:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--smallest"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE * 300)
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert name != "replicas" or figures.keys() >= OF_REPLICAS
    # That of the pages has figures for each database.
    flat = [figure for value in figures.values() for figure in (value.values() if isinstance(value, dict) else [value])]
    assert flat
    assert all(isinstance(value, int | float) for value in flat)


def test_a_night_in_which_something_grows_is_a_failure() -> None:
    calm = {f"{what}_mb_{third}": 100.0 for what in MAX_GROWTH for third in (2, 3)}
    calm |= {f"{what}_last_over_middle": limit for what, limit in MAX_GROWTH.items()}
    assert grown(calm, MAX_GROWTH) == []
    # As do tables from which nothing is deleted: 72 hours after 48.
    (sentence,) = grown({**calm, "tables_mb_3": 150.0, "tables_last_over_middle": 1.5}, MAX_GROWTH)
    assert sentence == (
        "The service's tables grew in the last third from 100.0 to 150.0 MB, by 1.50 times; the limit is 1.25."
    )
