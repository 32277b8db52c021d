"""The whole chain in a real Airflow: the example DAGs, and a cost that people approve or reject."""

from __future__ import annotations

import csv
import json
from functools import partial
from typing import Any

import pytest

from tests.e2e.conftest import Stack, eventually

pytestmark = pytest.mark.e2e


def rows(stack: Stack, uri: str) -> list[dict[str, str]]:
    return list(csv.DictReader(stack.lab.get(uri).decode().splitlines()))


@pytest.mark.once
def test_each_week_only_new_pictures_are_labeled_and_all_labels_are_handed_on(stack: Stack) -> None:
    first = stack.finished("weekly_labeling")
    second = stack.finished("weekly_labeling")
    for number, run in enumerate((first, second), 1):
        built = stack.airflow.xcom("weekly_labeling", run, "digits.build")
        assert (built["objects"], built["known"]) == (150, 150 * (number - 1))
        exported = stack.airflow.xcom("weekly_labeling", run, "digits.export")
        assert sum(exported["objects"].values()) + exported["unlabeled"] + exported["failed"] == 150 * number
        assert exported["left_out"] == 0
        done = stack.states("weekly_labeling", run)
        assert done["digits.approve_cost"] == "success"
        assert {name for name, state in done.items() if state != "success"} <= {"digits.relabel"}
    train = {row["object"] for row in rows(stack, f"{exported['output_uri']}/train.csv")}
    before = stack.airflow.xcom("weekly_labeling", first, "digits.export")["output_uri"]
    assert {row["object"] for row in rows(stack, f"{before}/train.csv")} < train
    quality = stack.airflow.xcom("weekly_labeling", second, "digits.quality")
    assert quality["agreement"] > 0.5
    assert b"Workers" in stack.lab.get(quality["report_uri"])


@pytest.mark.once
def test_texts_are_labeled_and_a_model_learns_from_them(stack: Stack) -> None:
    run = stack.finished("label_then_train")
    trained = stack.airflow.xcom("label_then_train", run, "train_here")
    assert trained["trained_on"] + trained["tested_on"] == 400
    assert trained["accuracy"] > 0.9
    quality = stack.airflow.xcom("label_then_train", run, "messages.quality")
    done = stack.states("label_then_train", run)
    assert done["messages.relabel"] == ("success" if quality["relabel_objects"] else "skipped")
    # Only Amazon trains on Amazon.
    assert (done["amazon_trains"], done["train_on_amazon"]) == ("success", "skipped")
    channels = stack.airflow.xcom("label_then_train", run, "channels")["channels"]
    assert [channel["ChannelName"] for channel in channels] == ["train", "validation"]
    again = stack.airflow.trigger("label_then_train", 120)
    stack.succeeds("label_then_train", again)
    assert stack.states("label_then_train", again)["messages.build"] == "skipped"
    assert stack.states("label_then_train", again)["train_here"] == "skipped"


def asked(stack: Stack, run: str) -> dict[str, Any]:
    """What people are asked, as soon as the task waits for them."""
    eventually(
        lambda: stack.states("approve", run)["reviews.approve_cost"] in {"awaiting_input", "deferred"},
        120,
        "the task waits for people",
    )
    path = f"/api/v2/dags/approve/dagRuns/{run.replace('+', '%2B')}/hitlDetails"
    return eventually(lambda: next(iter(stack.airflow.get(path)["hitl_details"]), None), 120, "people are asked")


def heartbeat(stack: Stack) -> str:
    return str(stack.airflow.get("/api/v2/monitor/health")["scheduler"]["latest_scheduler_heartbeat"])


def _differs(stack: Stack, before: str) -> bool:
    return heartbeat(stack) != before


def answer(stack: Stack, run: str, option: str) -> None:
    # Airflow 3.3 fails a task that goes on before the scheduler has seen that its process has ended; people are slower.
    for _ in range(2):
        before = heartbeat(stack)
        eventually(partial(_differs, stack, before), 60, "the scheduler goes round")
    task = f"/api/v2/dags/approve/dagRuns/{run.replace('+', '%2B')}/taskInstances/reviews.approve_cost/-1"
    stack.airflow.patch(f"{task}/hitlDetails", {"chosen_options": [option], "params_input": {}})


@pytest.mark.once
def test_an_approved_dataset_is_labeled_in_two_rounds(stack: Stack) -> None:
    run = stack.airflow.trigger("approve", 120)
    question = asked(stack, run)
    assert "**12** objects would cost **$0.96**" in question["body"]
    assert stack.states("approve", run)["reviews.label"] is None
    answer(stack, run, "Approve")
    stack.succeeds("approve", run)
    # One worker gives no confidence, so all is poor, let through, and labeled again by three.
    quality = stack.airflow.xcom("approve", run, "reviews.quality")
    assert (quality["verdict"], quality["relabel_objects"]) == ("relabel", 12)
    assert quality["shortfalls"] == ["the mean confidence is 0.000, but min_confidence is 0.5"]
    merged = stack.airflow.xcom("approve", run, "reviews.merge")
    assert (merged["lines"], merged["objects"]) == (24, 12)
    second = stack.airflow.xcom("approve", run, "reviews.relabel")["job_name"]
    assert stack.lab.get(merged["manifest_uri"]).decode().count(f'"labeling-job/{second}"') == 12
    assert stack.airflow.xcom("approve", run, "reviews.export")["objects"] == {"train": 12}


def test_a_rejected_dataset_is_not_labeled(stack: Stack) -> None:
    run = stack.airflow.trigger("approve", 120)
    asked(stack, run)
    answer(stack, run, "Reject")
    stack.succeeds("approve", run)
    done = stack.states("approve", run)
    assert done["reviews.approve_cost"] == "success"
    assert {done[f"reviews.{name}"] for name in ("label", "quality", "relabel", "merge", "split", "export")} == {
        "skipped"
    }


@pytest.mark.once
def test_what_people_reject_is_adjusted_and_taken_over(stack: Stack) -> None:
    # Who takes which picture hangs on the moment. Of workers as careful as usual, sometimes nobody draws a wrong box.
    run = stack.finished("label_review_adjust", workteam_arn=stack.lab.team("careless"))
    adjusted = stack.airflow.xcom("label_review_adjust", run, "scenes.adjustments")
    rejected = stack.airflow.xcom("label_review_adjust", run, "scenes.rejected")
    verified = stack.airflow.xcom("label_review_adjust", run, "scenes.verify")
    assert verified["counters"]["total_labeled"] == 60
    assert 0 < rejected["objects"] < 30
    assert adjusted["adjusted"] + adjusted["unadjusted"] == rejected["objects"]
    assert adjusted["adjusted"] > 0
    assert adjusted["adjustment_iou"] < 0.8
    assert sum(worker["adjusted"] for worker in adjusted["workers"]) == adjusted["adjusted"]
    page = stack.lab.get(adjusted["report_uri"])
    assert b"Labels that changed most" in page
    merged = stack.airflow.xcom("label_review_adjust", run, "scenes.merge")
    assert (merged["objects"], merged["adjusted"]) == (60, rejected["objects"])
    lines = [json.loads(line) for line in stack.lab.get(merged["manifest_uri"]).splitlines()]
    assert sum(line["boxes-metadata"].get("adjustment-status") == "adjusted" for line in lines) == adjusted["adjusted"]
    assert not any("boxes-adjusted" in line for line in lines)
    exported = stack.airflow.xcom("label_review_adjust", run, "scenes.export")
    assert sum(exported["objects"].values()) == 60
    assert f"{adjusted['adjusted']} were adjusted" in stack.airflow.xcom("label_review_adjust", run, "report")
