"""Automated labeling from a task: the model is handed on, and the next run starts from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.stack import ROOT, Service
from labeling_provider.errors import LabelingJobFailedError
from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from labeling_provider.operators.quality import LabelQualityOperator
from labeling_provider.request import AutomatedLabeling
from tests.airflow_context import context
from tests.conftest import Lab
from tests.operators.test_labeling_job import operator, run_id


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A service that takes small jobs."""
    folder = tmp_path_factory.mktemp("small")
    workforce = folder / "workforce.json"
    workforce.write_text(json.dumps({"workteams": {"private-simulated": {"workers": 3, "accuracy": 1}}}))
    env = {"PYTHONPATH": str(ROOT)}
    lab = Lab(Service(folder, "--workforce", str(workforce), "--minimum-automated", "0", env=env))
    yield lab
    lab.service.stop()


@pytest.fixture
def auto(small: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", small.service.connection())
    return small


def task(lab: Lab, automated: Any = True, count: int = 500, **arguments: Any) -> CreateLabelingJobOperator:
    animals = ["cat", "dog", "bird"]
    lines = [{"source": f"a {animals[one % 3]}, number {one}", "truth": animals[one % 3]} for one in range(count)]
    settings = {"max_concurrent_objects": 80, "automated_labeling": automated}
    return operator(lab, lines, **{**settings, **arguments})


def initial_model(lab: Lab, result: dict[str, Any]) -> str | None:
    return lab.describe(result["job_name"])["LabelingJobAlgorithmsConfig"].get("InitialActiveLearningModelArn")


def test_the_result_tells_people_s_and_machine_s_labels_apart_and_names_the_model(auto: Lab) -> None:
    from airflow.sdk import Asset

    around = context(**run_id())
    asset = Asset("labels")
    result = task(auto, outlets=[asset]).execute(around)
    assert result is not None
    counters = result["counters"]
    assert counters["machine_labeled"] > 100
    assert counters["human_labeled"] + counters["machine_labeled"] == counters["total_labeled"] == 500
    arn = result["final_model_arn"]
    assert auto.describe(result["job_name"])["LabelingJobOutput"]["FinalActiveLearningModelArn"] == arn
    assert around["ti"].pushed["labeling_model"] == arn
    assert around["outlet_events"][asset].extra["final_model_arn"] == arn
    quality = LabelQualityOperator(
        task_id="quality", manifest_uri=result["output_manifest_uri"], label_attribute_name="label"
    ).execute(context(task_id="quality", **run_id()))
    assert quality["by_machine"] == counters["machine_labeled"] == sum(quality["machine_confidence"])
    assert sum(quality["confidence"]) == counters["human_labeled"]
    assert 0.9 < quality["mean_machine_confidence"] <= 1


def test_the_next_run_starts_from_the_last_model_of_this_task(auto: Lab, logged: Callable[[], str]) -> None:
    settings = AutomatedLabeling(continue_from_previous_run=True)
    first = context(**run_id())
    before = task(auto, settings).execute(first)
    assert before is not None
    assert initial_model(auto, before) is None, "there is no earlier run"
    later = {**run_id(), "earlier": dict(first["ti"].pushed)}
    after = task(auto, settings).execute(context(**later))
    assert after is not None
    assert initial_model(auto, after) == before["final_model_arn"]
    assert after["counters"]["human_labeled"] < before["counters"]["human_labeled"]
    again = task(auto, settings).execute(context(**{**later, "try_number": 2}))
    assert again is not None
    assert again["job_name"] == after["job_name"], "a retry finds the job, although it asked for no model by name"
    named = AutomatedLabeling(initial_model_arn=before["final_model_arn"], continue_from_previous_run=True)
    other = {**run_id(), "earlier": {"labeling_model": after["final_model_arn"]}}
    asked = task(auto, named, wait_for_completion=False).execute(context(**other))
    assert asked is not None
    assert initial_model(auto, asked) == before["final_model_arn"], "a model that is named wins"
    gone = {"labeling_model": before["final_model_arn"] + "0"}
    logged()
    anew = task(auto, settings, wait_for_completion=False).execute(context(**run_id(), earlier=gone))
    assert anew is not None
    assert initial_model(auto, anew) is None
    assert "no longer exists; automated labeling starts from scratch" in logged()


@pytest.mark.parametrize("text", ["", "None"])
def test_a_template_without_a_model_starts_anew(auto: Lab, text: str) -> None:
    created = task(auto, AutomatedLabeling(initial_model_arn=text), 30, wait_for_completion=False)
    result = created.execute(context(**run_id()))
    assert result is not None
    assert initial_model(auto, result) is None


def test_few_objects_are_warned_of_and_the_service_has_the_last_word(
    auto: Lab, lab: Lab, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    task(auto, True, 30, wait_for_completion=False).execute(context(**run_id()))
    told = "30 objects are few for automated labeling: Amazon requires 1,250 and advises 5,000"
    assert told in logged()
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", lab.service.connection())
    with pytest.raises(LabelingJobFailedError, match="at least 1,250 objects"):
        task(lab, True, 30).execute(context(**run_id()))


def test_the_report_of_the_gate_shows_both(auto: Lab, tmp_path: Path) -> None:
    result = task(auto).execute(context(**run_id()))
    assert result is not None
    gate = LabelQualityOperator(
        task_id="quality",
        manifest_uri=result["output_manifest_uri"],
        label_attribute_name="label",
        report_uri="s3://lab/reports/automated.html",
    )
    gate.execute(context(task_id="quality", **run_id()))
    report = auto.get("s3://lab/reports/automated.html").decode()
    assert f"<b>{result['counters']['machine_labeled']:,}</b>labeled by machine" in report
    assert "Labels by machine by confidence" in report
    assert "mean confidence by machine" in report
