"""A local service and a real Airflow for all end-to-end tests."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dev.demo import TRUTH, WORKFORCE
from dev.stack import PARSED_ONCE, ROOT, Airflow, Service, wait_until
from tests.conftest import Lab, texts


class Stack:
    """What the end-to-end tests drive."""

    def __init__(self, lab: Lab, airflow: Airflow) -> None:
        self.lab, self.airflow = lab, airflow
        self.further: list[subprocess.Popen[bytes]] = []

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
            wait_until(lambda: (state := self.airflow.run_state(dag, run)) in ends and state, 240, f"{dag} ends", 0.5)
        )

    def states(self, dag: str, run: str) -> dict[str, Any]:
        """The states of a run's tasks."""
        found = self.airflow.get(f"/api/v2/dags/{dag}/dagRuns/{quote(run)}/taskInstances")["task_instances"]
        return {one["task_id"]: one["state"] for one in found}

    def wait_for_xcom(self, dag: str, run: str, task: str, key: str) -> Any:
        """A value that a task pushes."""
        return wait_until(lambda: self.airflow.xcom(dag, run, task, key), 90, f"{task} pushes {key}", 0.5)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    workforce = folder / "workforce.json"
    mixed = {"workers": 1, "accuracy": 1, "seconds_per_task": 0.5}
    workforce.write_text(json.dumps({"workteams": {**WORKFORCE["workteams"], "mixed": mixed}}))
    dags = folder / "dags"
    shutil.copytree(ROOT / "dags", dags)
    for path in (Path(__file__).parent / "dags").glob("*.py"):
        shutil.copy(path, dags)
    service = Service(folder, "--workforce", str(workforce), *TRUTH, "--truth=s3://lab/by-hand/truth.jsonl")
    airflow = made = None
    try:
        lab = Lab(service)
        lab.put("in/people.manifest", "".join(json.dumps(line) + "\n" for line in texts(5)))
        lab.put("in/quick.manifest", "".join(json.dumps(line) + "\n" for line in texts(5, ("cat", "dog"))))
        airflow = Airflow(folder, dags, service.connection(), PARSED_ONCE)
        airflow.wait_healthy()
        made = Stack(lab, airflow)
        yield made
    finally:
        for process in made.further if made else ():
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
        if airflow is not None:
            airflow.stop()
        service.stop()


@pytest.fixture(scope="session")
def digits(stack: Stack) -> str:
    """The first run of ``label_digits``, with the same luck each time."""
    return stack.finished("label_digits", "manual__first")
