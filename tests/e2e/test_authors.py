"""What the docs tell DAG authors to write works in a real Airflow."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import Stack, eventually

pytestmark = pytest.mark.e2e


@pytest.mark.once
def test_a_teardown_stops_the_job_of_a_task_that_has_failed(stack: Stack) -> None:
    run = stack.airflow.trigger("torn_down")
    eventually(lambda: stack.airflow.run_state("torn_down", run) in {"success", "failed"}, 180, "the run has ended")
    states = {name: stack.airflow.task("torn_down", run, name)["state"] for name in ("label", "train", "stop")}
    assert states == {"label": "failed", "train": "upstream_failed", "stop": "success"}
    (job,) = stack.airflow.xcom("torn_down", run, "stop")["jobs"]
    assert job["status"] == "Stopped"
    assert stack.lab.describe(job["job_name"])["LabelingJobStatus"] == "Stopped"


def test_an_asset_that_another_dag_has_named_hears_of_the_labels(stack: Stack) -> None:
    run = stack.finished("label_for_others")
    for task, dag_id in (("without_outlets", "hears_of_named_labels"), ("with_outlets", "hears_of_declared_labels")):
        job = stack.airflow.xcom("label_for_others", run, task)["job_name"]

        def heard(dag_id: str = dag_id) -> list[str]:
            runs = stack.airflow.get(f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]
            heard = [stack.airflow.xcom(dag_id, run["dag_run_id"], "hear") for run in runs]
            return [name for names in heard if names for name in names]

        assert eventually(heard, 90, f"{dag_id} hears") == [job]
    assert "with the name 'named_labels'" in stack.airflow.task_log("label_for_others", run, "without_outlets")


def test_templates_are_read_as_what_they_are_meant_to_be(stack: Stack) -> None:
    lines = [{"source": name, "truth": name} for name in "0110"]
    stack.lab.put("in/digits.manifest", "".join(json.dumps(line) + "\n" for line in lines))
    for dag_id in ("templates_as_texts", "templates_as_objects"):
        run = stack.finished(dag_id)
        result = stack.airflow.xcom(dag_id, run, "label")
        assert result["label_attribute_name"] == "2026"
        labeled = stack.lab.output(stack.lab.describe(result["job_name"]))
        assert [line["2026-metadata"]["class-name"] for line in labeled] == list("0110")
