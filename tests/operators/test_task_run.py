"""What a run asks and tells its task: assets, metrics, XComs, what is remembered from try to try and run to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk import Asset, AssetAlias

from labeling_provider.operators.quality import LabelQualityOperator
from labeling_provider.request import AutomatedLabeling
from tests.airflow_context import TaskStateStore, context, record_metrics
from tests.conftest import Lab, texts
from tests.operators.automated import task
from tests.operators.tasks import for_people, operator, run_id
from tests.own_names import own_id


def test_assets_and_aliases_among_the_outlets_get_the_result(connected: Lab) -> None:
    around = context(**run_id())
    asset, alias = Asset("labels", uri="s3://lab/labels"), AssetAlias("latest_labels")
    result = operator(connected, outlets=[asset, alias]).execute(around)
    assert result is not None
    assert around["outlet_events"][asset].extra == result
    ((added, extra),) = around["outlet_events"][alias].added
    assert (added.uri, extra) == (result["output_manifest_uri"], result)


@pytest.mark.parametrize("map_index", [-1, 2])
def test_a_mapped_task_leaves_the_asset_of_the_output_to_whoever_puts_the_parts_together(
    connected: Lab, map_index: int
) -> None:
    around = context(**run_id(), map_index=map_index)
    output = f"s3://lab/{own_id().hex}"
    result = operator(connected, output_uri=output).execute(around)
    added = around["outlet_events"][AssetAlias(output)].added
    assert [(asset.uri, extra) for asset, extra in added] == ([(output, result)] if map_index < 0 else [])


def tell_asset(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    """Let Airflow's supervisor know an asset of any URI by a name, or none."""
    from airflow.sdk.exceptions import ErrorType
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import AssetResult, ErrorResponse, GetAssetByUri

    class Supervisor:
        def send(self, message: Any) -> Any:
            assert isinstance(message, GetAssetByUri)
            if name is None:
                return ErrorResponse(error=ErrorType.ASSET_NOT_FOUND)
            return AssetResult(name=name, uri=message.uri, group="asset")

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(), raising=False)


@pytest.mark.parametrize(("name", "hears"), [("birds", True), ("s3://lab/out", False), (None, False)])
def test_an_asset_of_the_same_uri_and_another_name_hears_of_the_labels(
    connected: Lab, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str], name: str | None, hears: bool
) -> None:
    tell_asset(monkeypatch, name)
    around, task = context(**run_id()), operator(connected)
    result = task.execute(around)
    (alias,) = task.outlets
    assert around["outlet_events"][alias].added == [(Asset(name or "s3://lab/out", uri="s3://lab/out"), result)]
    assert (f"with the name {name!r}" in logged()) is hears


def test_a_job_that_has_ended_is_counted(connected: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = record_metrics(monkeypatch)
    operator(connected, [*texts(4), {"source": "nobody knows"}]).execute(context(**run_id()))
    metrics = {name: value for name, value, _ in recorder.measured if name.startswith("labeling.")}
    assert metrics["labeling.objects.labeled"] == 4
    assert metrics.get("labeling.objects.failed", 0) in (0, 1)
    assert metrics["labeling.job.duration"].total_seconds() > 0
    tags = next(tags for name, _, tags in recorder.measured if name == "labeling.objects.labeled")
    assert tags == {"dag_id": "dag", "task_id": "label", "status": "Completed"}


def test_a_name_that_differs_at_every_try_is_remembered_where_airflow_can(connected: Lab) -> None:
    manifest = connected.manifest(texts(6))
    store, identity = TaskStateStore(), run_id()
    made = [
        for_people(connected, manifest_uri=manifest, job_name=f"{identity['run_id'][8:]}-try-{number}").execute(
            context(store, try_number=number, **identity)
        )
        for number in (1, 2)
    ]
    assert made[0] is not None
    assert made[1] is not None
    assert made[0]["job_name"] == made[1]["job_name"]


def initial_model(lab: Lab, result: dict[str, Any]) -> str | None:
    return lab.describe(result["job_name"])["LabelingJobAlgorithmsConfig"].get("InitialActiveLearningModelArn")


def test_result_and_report_tell_labels_of_people_and_machine_apart_and_the_model_is_named(auto: Lab) -> None:
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
        task_id="quality",
        manifest_uri=result["output_manifest_uri"],
        label_attribute_name="label",
        report_uri="s3://lab/reports/automated.html",
    ).execute(context(task_id="quality", **run_id()))
    assert quality["by_machine"] == counters["machine_labeled"] == sum(quality["machine_confidence"])
    assert sum(quality["confidence"]) == counters["human_labeled"]
    assert 0.9 < quality["mean_machine_confidence"] <= 1
    report = auto.get("s3://lab/reports/automated.html").decode()
    assert f"<b>{counters['machine_labeled']:,}</b>labeled by machine" in report
    assert "Labels by machine by confidence" in report
    assert "mean confidence by machine" in report


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
