"""Every benchmark runs, in its smallest form: whatever it measures has not moved away from under it."""

from __future__ import annotations

import json
import subprocess
import sys
from pkgutil import iter_modules

import pytest

import benchmarks
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
