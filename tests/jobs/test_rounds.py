"""``on_missing_labels="chain"``: follow-up jobs for what is missing, and one merged manifest in the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from dev.stack import Service
from labeling_provider.errors import InvalidRequestError, LabelingJobFailedError
from labeling_provider.request import PrivateWorkteam, derive_job_name
from tests.airflow_context import context
from tests.conftest import Lab, texts
from tests.operators.tasks import broken_custom, fire, operator, run_id

LINES = [{**line, "number": number} for number, line in enumerate(texts(40))]


def merged(lab: Lab, result: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lab.get(result["output_manifest_uri"]).splitlines()]


def moody(lab: Lab, **arguments: Any) -> Any:
    """A task whose workers decline often, so that a round leaves something over."""
    defaults = {
        "workforce": PrivateWorkteam(lab.team("moody")),
        "workers_per_object": 1,
        "on_missing_labels": "chain",
        "max_rounds": 20,
    }
    return operator(lab, **{"lines": LINES, **defaults, **arguments})


def check_everything_is_labeled_once(lab: Lab, result: dict[str, Any]) -> None:
    lines = merged(lab, result)
    assert [line["number"] for line in lines] == [line["number"] for line in LINES]
    assert [line["label-metadata"]["class-name"] for line in lines] == [line["truth"] for line in LINES]
    assert result["counters"]["total_labeled"] == 40 == sum(turn["labeled"] for turn in result["rounds"])
    assert (result["failed"], result["unlabeled"]) == (0, 0)
    for line in lines:
        made_by = line["label-metadata"]["job-name"].removeprefix("labeling-job/")
        assert made_by in {turn["job_name"] for turn in result["rounds"]}


def test_jobs_follow_until_every_object_has_its_label(connected: Lab) -> None:
    around = context(**run_id())
    result = moody(connected).execute(around)
    assert result is not None
    check_everything_is_labeled_once(connected, result)
    first = derive_job_name("dag", "label", around["ti"].run_id)
    expected = [first, *(f"{first}-{number}" for number in range(2, len(result["rounds"]) + 1))]
    assert len(expected) > 2
    assert [turn["job_name"] for turn in result["rounds"]] == expected
    assert around["ti"].pushed["_link_LabelingJobLink"] == result["rounds"][-1]["url"]
    pages = f"{connected.service.endpoint_url}/_labeling/jobs/"
    assert [turn["url"] for turn in result["rounds"]] == [pages + name for name in expected]
    totals = [turn["total"] for turn in result["rounds"]]
    assert totals == sorted(totals, reverse=True)


def test_a_try_that_dies_at_any_moment_is_gone_on_with_and_nothing_is_labeled_twice(connected: Lab) -> None:
    """Each deferral and each resumption is a process of its own; every second one dies and a retry takes over."""
    identity, manifest = run_id(), connected.manifest(LINES)
    event: dict[str, Any] | None = None
    result = None
    for number in range(1, 60):
        task = moody(connected, lines=manifest, deferrable=True)
        around = context(try_number=number, **identity)
        try:
            lost = event is None or number % 2
            result = task.execute(around) if lost else task.execute_complete(around, event)
            break
        except TaskDeferred as deferred:
            event = {**fire(deferred)}
    assert result is not None
    check_everything_is_labeled_once(connected, result)


def test_what_is_still_missing_after_the_last_round_is_told(connected: Lab, logged: Callable[[], str]) -> None:
    result = moody(connected, workforce=PrivateWorkteam(connected.team("reluctant")), max_rounds=2).execute(
        context(**run_id())
    )
    assert result is not None
    assert len(result["rounds"]) == 2
    assert (result["failed"], result["counters"]["total_labeled"]) == (40, 0)
    assert "40 of 40 objects unlabeled" in logged()
    assert [line["number"] for line in merged(connected, result)] == list(range(40))


def test_the_cost_limit_holds_for_all_rounds_together(connected: Lab) -> None:
    task = moody(connected, max_cost_usd=3.3)
    with pytest.raises(InvalidRequestError, match=r"the estimate is .* after \$3.20 for earlier jobs"):
        task.execute(context(**run_id()))


def test_a_job_that_failed_for_another_reason_is_not_followed_up(connected: Lab) -> None:
    task = moody(connected, **broken_custom(connected), workforce=PrivateWorkteam(connected.team()))
    with pytest.raises(LabelingJobFailedError, match="ended as Failed"):
        task.execute(context(**run_id()))


def test_after_a_stop_the_next_try_labels_only_what_is_left(connected: Lab) -> None:
    """Someone stops the job when a part is labeled; the task fails, is cleared, and goes on from there."""
    identity, manifest = run_id(), connected.manifest(LINES)
    first = derive_job_name("dag", "label", identity["run_id"])
    slow = PrivateWorkteam(connected.team("slow"))
    arguments = {"lines": manifest, "workforce": slow}
    moody(connected, **arguments, wait_for_completion=False).execute(context(**identity))
    connected.wait(first, {"InProgress"})
    connected.sagemaker.stop_labeling_job(LabelingJobName=first)
    connected.wait(first)
    task = moody(connected, **arguments, deferrable=True)
    with pytest.raises(TaskDeferred):
        task.execute(context(try_number=2, **identity))
    tags = {tag["Key"]: tag["Value"] for tag in connected.describe(f"{first}-2")["Tags"]}
    assert tags["airflow-labeling:follows"] == first
    source = connected.describe(f"{first}-2")["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"]
    assert [json.loads(line)["number"] for line in connected.get(source).splitlines()] == list(range(40))
    connected.sagemaker.stop_labeling_job(LabelingJobName=f"{first}-2")


@pytest.mark.once
def test_work_that_takes_longer_than_thirty_days_is_carried_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker who needs eight hours for each of 130 objects; thirty days pass in four seconds."""
    workforce = tmp_path / "workforce.json"
    teams = {"private-simulated": {"workers": 1, "accuracy": 1, "seconds_per_task": 8 * 3600}}
    workforce.write_text(json.dumps({"workteams": teams}))
    service = Service(tmp_path, "--workforce", str(workforce), "--speed", str(30 * 24 * 3600 / 4))
    try:
        lab = Lab(service)
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", service.connection())
        lines = [{**line, "number": number} for number, line in enumerate(texts(130))]
        task = operator(lab, lines, workers_per_object=1, time_limit=8 * 3600, on_missing_labels="chain", max_rounds=99)
        result = task.execute(context(**run_id()))
        assert result is not None
        assert len(result["rounds"]) > 1
        assert result["rounds"][0]["status"] == "Failed"
        assert result["counters"]["total_labeled"] == 130
        assert [line["number"] for line in merged(lab, result) if "label" in line] == list(range(130))
    finally:
        service.stop()
