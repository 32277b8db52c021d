"""Every benchmark runs, in its smallest form: whatever it measures has not moved away from under it."""

from __future__ import annotations

import json
import multiprocessing
import os
import runpy
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import benchmarks
from benchmarks.night import MAX_GROWTH, grown
from dev.stack import PATIENCE
from tests.conftest import service_importer

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
def test_a_benchmark_runs_in_its_smallest_form(name: str, tmp_path: Path) -> None:
    # Forked: what benchmarks and their services import takes a third of the time of such small ones.
    import_module(f"benchmarks.{name}")
    service_importer()
    out, err = tmp_path / "out", tmp_path / "err"
    process = multiprocessing.get_context("fork").Process(target=run, args=(f"benchmarks.{name}", out, err))
    process.start()
    process.join(PATIENCE * 300)
    process.kill()
    # Its last line says what went wrong: the short summary of a run shows only the first.
    said = err.read_text()[-3000:].strip()
    assert process.exitcode == 0, f"{process.exitcode}: {said.splitlines()[-1:]}\n{said}"
    figures = json.loads(out.read_text().splitlines()[-1])
    assert name != "replicas" or figures.keys() >= OF_REPLICAS
    # That of the pages has figures for each database.
    flat = [figure for value in figures.values() for figure in (value.values() if isinstance(value, dict) else [value])]
    assert flat
    assert all(isinstance(value, int | float) for value in flat)


def run(module: str, *outputs: Path) -> None:
    """Be the process of its command, ``python -m``."""
    for number, path in enumerate(outputs, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
    sys.argv = [module, "--smallest"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def test_a_night_in_which_something_grows_is_a_failure() -> None:
    calm = {f"{what}_mb_{third}": 100.0 for what in MAX_GROWTH for third in (2, 3)}
    calm |= {f"{what}_last_over_middle": limit for what, limit in MAX_GROWTH.items()}
    assert grown(calm, MAX_GROWTH) == []
    # As do tables from which nothing is deleted: 72 hours after 48.
    (sentence,) = grown({**calm, "tables_mb_3": 150.0, "tables_last_over_middle": 1.5}, MAX_GROWTH)
    assert sentence == (
        "The service's tables grew in the last third from 100.0 to 150.0 MB, by 1.50 times; the limit is 1.25."
    )
