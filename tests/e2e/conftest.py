"""A local service and a real Airflow for all end-to-end tests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dev.browser import browser_page
from dev.demo import TRUTH, WORKFORCE
from dev.stack import PARSED_ONCE, ROOT, Airflow, Service, wait_until
from tests.conftest import Lab, texts

DIGITS = 1000
"""How many of them are labeled: all would take twice as long."""

OF_TASKS = ("PIL.Image", "sklearn.datasets", "sklearn.feature_extraction.text", "sklearn.linear_model", "sklearn.svm")
"""What tasks of several DAGs import: a second of a processor each time."""


def eventually(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """As ``wait_until``, with pauses that leave Airflow's server time: each look costs it a hundredth of a second."""
    return wait_until(condition, seconds, what, 0.7)


class Stack:
    """What the end-to-end tests drive."""

    def __init__(self, lab: Lab, airflow: Airflow) -> None:
        self.lab, self.airflow = lab, airflow

    def finished(self, dag: str, run_id: str | None = None, **params: Any) -> str:
        """A new run of a DAG, when it has succeeded."""
        run = self.airflow.trigger(dag, 120, run_id, **params)
        self.succeeds(dag, run)
        return run

    def succeeds(self, dag: str, run: str) -> None:
        """Wait for a run to end; if it fails, its tasks' logs tell why."""
        if self.end_of(dag, run) != "success":
            failed = [task for task, state in self.states(dag, run).items() if state == "failed"]
            logs = [f"{task}: {self.airflow.task_log(dag, run, task)[-3000:]}" for task in failed]
            pytest.fail("\n".join([f"{dag} has failed", *logs]))

    def end_of(self, dag: str, run: str) -> str:
        """How a run ends."""
        ends = {"success", "failed"}
        return str(
            eventually(lambda: (state := self.airflow.run_state(dag, run)) in ends and state, 240, f"{dag} ends")
        )

    def states(self, dag: str, run: str) -> dict[str, Any]:
        """The states of a run's tasks."""
        instances = self.airflow.get(f"/api/v2/dags/{dag}/dagRuns/{quote(run)}/taskInstances")["task_instances"]
        return {instance["task_id"]: instance["state"] for instance in instances}

    def wait_for_xcom(self, dag: str, run: str, task: str, key: str) -> Any:
        """A value that a task pushes."""
        return eventually(lambda: self.airflow.xcom(dag, run, task, key), 90, f"{task} pushes {key}")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    workforce = folder / "workforce.json"
    mixed = {"workers": 1, "accuracy": 1, "seconds_per_task": 0.5}
    careless = {"workers": 10, "accuracy": 0.8, "seconds_per_task": 0.02}
    teams = {**WORKFORCE["workteams"], "mixed": mixed, "careless": careless}
    workforce.write_text(json.dumps({"workteams": teams}))
    dags = folder / "dags"
    shutil.copytree(ROOT / "dags", dags)
    for path in (Path(__file__).parent / "dags").glob("*.py"):
        shutil.copy(path, dags)
    truth = [*TRUTH, "--truth=s3://lab/by-hand/truth.jsonl"]
    service = Service(folder, "--workforce", str(workforce), "--minimum-automated", "0", *truth)
    airflow = None
    try:
        lab = Lab(service)
        lab.put("in/people.manifest", "".join(json.dumps(line) + "\n" for line in texts(5)))
        lab.put("in/quick.manifest", "".join(json.dumps(line) + "\n" for line in texts(5, ("cat", "dog"))))
        airflow = Airflow(folder, dags, service.connection(), PARSED_ONCE, modules=OF_TASKS)
        airflow.wait_healthy()
        yield Stack(lab, airflow)
    finally:
        if airflow is not None:
            airflow.stop()
        service.stop()


@pytest.fixture(scope="session")
def digits(stack: Stack) -> str:
    """The first run of ``label_digits``, with the same luck each time."""
    return stack.finished("label_digits", "manual__first", count=DIGITS)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for all pages of these tests: starting one takes a second of a processor."""
    with browser_page() as page:
        yield page.context.browser
