"""The provider in a real Airflow: scheduler, triggerer, API server, processes that are killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dev.stack import PATIENCE, RestApi
from labeling_provider.compat import TRIGGERS_HAVE_ON_KILL
from labeling_provider.request import derive_job_name
from tests.e2e.conftest import DIGITS, Stack, eventually

pytestmark = pytest.mark.e2e


def task_state(stack: Stack, dag: str, run: str, task: str, state: str, seconds: float = 60) -> dict[str, Any]:
    def reached() -> dict[str, Any] | None:
        instance = stack.airflow.task(dag, run, task)
        return instance if instance["state"] == state else None

    return eventually(reached, seconds, f"{dag}.{task} is {state}")


def test_the_digits_are_labeled_and_a_model_learns_from_the_labels(stack: Stack, digits: str) -> None:
    run = digits
    labeled = stack.airflow.xcom("label_digits", run, "label")
    assert labeled["job_name"] == derive_job_name("label_digits", "label", run)
    counters = labeled["counters"]
    assert counters["human_labeled"] + counters["machine_labeled"] == counters["total_labeled"] == DIGITS
    assert counters["machine_labeled"] > DIGITS / 2
    report = stack.airflow.xcom("label_digits", run, "report")
    assert report["objects"] == DIGITS
    assert report["label_accuracy"] > 0.95
    assert report["model_accuracy"] > 0.95
    log = stack.airflow.task_log("label_digits", run, "label")
    assert "Created labeling job" in log, log
    by = f"{counters['human_labeled']:,} by people, {counters['machine_labeled']:,} by machine"
    assert f"{DIGITS:,} of {DIGITS:,} labeled ({by})" in log
    events = stack.airflow.get("/api/v2/assets/events?source_dag_id=label_digits")["asset_events"]
    (event,) = [event for event in events if event["source_run_id"] == run]
    assert event["extra"]["counters"] == counters
    assert event["extra"]["final_model_arn"] == labeled["final_model_arn"]
    assert stack.airflow.xcom("label_digits", run, "label", "labeling_model") == labeled["final_model_arn"]
    assert report["machine_accuracy"] >= 0.95
    assert report["answers_saved"] == 3 * counters["machine_labeled"]
    assert report["usd_saved"] == round(0.012 * report["answers_saved"], 2)
    links = stack.airflow.get(f"/api/v2/dags/label_digits/dagRuns/{run.replace('+', '%2B')}/taskInstances/label/links")
    page = f"{stack.lab.service.endpoint_url}/_labeling/jobs/{labeled['job_name']}"
    assert links["extra_links"] == {
        "Labeling job": page,
        "Labels": f"{page}/output",
        "Labeling log": f"{page}/log",
        "Label": f"{stack.lab.service.endpoint_url}/portal/labeling-jobs/{labeled['job_name']}",
    }


@pytest.mark.once
def test_the_next_run_goes_on_from_the_model_of_the_one_before(stack: Stack, digits: str) -> None:
    model = stack.airflow.xcom("label_digits", digits, "label")["final_model_arn"]
    run = stack.finished("label_digits", count=500)
    log = stack.airflow.task_log("label_digits", run, "label")
    labeled = stack.airflow.xcom("label_digits", run, "label")
    asked = stack.lab.describe(labeled["job_name"])["LabelingJobAlgorithmsConfig"]
    assert asked["InitialActiveLearningModelArn"] == model, log
    assert f"Automated labeling continues from {model}" in log, log
    assert labeled["final_model_arn"] != model
    assert labeled["counters"]["machine_labeled"] > 100


def test_only_what_is_new_is_labeled_by_a_job_per_shard(stack: Stack) -> None:
    run = stack.finished("only_new")
    assert stack.airflow.xcom("only_new", run, "build", "labeling_manifest")["objects"] == 5
    assert len(jobs_of(stack, "only-new-label")) == 3
    merged = [json.loads(line) for line in stack.lab.get("s3://lab/merged/all.manifest").splitlines()]
    assert [line["source"] for line in merged] == ["late", "friendly", "cold", "quick", "loud"]
    assert all("tone" in line for line in merged)
    divided = stack.airflow.xcom("only_new", run, "split")
    assert sum(divided["objects"].values()) == 5
    again = stack.finished("only_new")
    assert stack.airflow.task("only_new", again, "build")["state"] == "skipped"
    assert stack.airflow.task("only_new", again, "split")["state"] == "skipped"
    assert len(jobs_of(stack, "only-new-label")) == 3


def waiting_job(stack: Stack, dag: str, state: str) -> tuple[str, str]:
    """A run whose task looks at a job that waits for people; its id and the job's name."""
    run = stack.airflow.trigger(dag, 120)
    task_state(stack, dag, run, "label", state)

    def seen() -> bool:
        return "InProgress, 0 of 5 labeled" in stack.airflow.task_log(dag, run, "label")

    eventually(seen, 60, "whoever waits has seen the job")
    return run, derive_job_name(dag, "label", run)


def mark_failed(stack: Stack, dag: str, run: str) -> None:
    path = f"/api/v2/dags/{dag}/dagRuns/{run.replace('+', '%2B')}/taskInstances/label"
    stack.airflow.patch(path, {"new_state": "failed"})


@pytest.mark.parametrize(("dag", "state"), [("wait_deferred", "deferred"), ("wait_on_worker", "running")])
def test_marking_the_task_failed_stops_the_job(stack: Stack, dag: str, state: str) -> None:
    run, name = waiting_job(stack, dag, state)
    mark_failed(stack, dag, run)
    assert stack.lab.wait(name, seconds=90)["LabelingJobStatus"] == "Stopped"


def jobs_of(stack: Stack, first: str) -> list[str]:
    answer = stack.lab.sagemaker.list_labeling_jobs(NameContains=first, SortBy="CreationTime", SortOrder="Ascending")
    return [job["LabelingJobName"] for job in answer["LabelingJobSummaryList"]]


def test_the_counters_are_there_while_the_task_is_deferred(stack: Stack) -> None:
    run, name = waiting_job(stack, "wait_deferred", "deferred")
    shown = eventually(
        lambda: stack.airflow.xcom("wait_deferred", run, "label", "labeling_progress"), 60, "the counters are there"
    )
    assert shown.items() >= {"job_name": name, "status": "InProgress", "labeled": 0, "total": 5}.items()
    assert stack.airflow.task("wait_deferred", run, "label")["state"] == "deferred"
    mark_failed(stack, "wait_deferred", run)
    stack.lab.wait(name, seconds=90)


@pytest.mark.parametrize(("dag", "state"), [("wait_deferred", "deferred"), ("wait_on_worker", "running")])
def test_clearing_the_task_stops_its_job_and_the_next_try_makes_another(stack: Stack, dag: str, state: str) -> None:
    run, name = waiting_job(stack, dag, state)
    # SQLite gives out the id of the youngest trigger again once it is gone, and Airflow 3.2 trips on that.
    younger, of_younger = waiting_job(stack, "wait_deferred", "deferred")
    body = {"dry_run": False, "dag_run_id": run, "task_ids": ["label"], "only_failed": False, "only_running": False}
    stack.airflow.post(f"/api/v2/dags/{dag}/clearTaskInstances", body)
    assert stack.lab.wait(name, seconds=90)["LabelingJobStatus"] == "Stopped"
    eventually(lambda: len(jobs_of(stack, name)) == 2, 90, "there is a second job")

    def seen_again() -> bool:
        number = stack.airflow.task(dag, run, "label")["try_number"]
        return f"{name}-2 InProgress, 0 of 5 labeled" in stack.airflow.task_log(dag, run, "label", number)

    eventually(seen_again, 90, "whoever waits has seen the second job")
    mark_failed(stack, dag, run)
    assert stack.lab.wait(f"{name}-2", seconds=90)["LabelingJobStatus"] == "Stopped"
    assert jobs_of(stack, name) == [name, f"{name}-2"]
    mark_failed(stack, "wait_deferred", younger)
    stack.lab.wait(of_younger, seconds=90)


def worker_of(stack: Stack, dag: str, run: str) -> int:
    """The process that a task runs in."""
    command = f"airflow worker -- {stack.airflow.task(dag, run, 'label')['id']}"
    pids = [pid for pid, args in stack.airflow.descendants().items() if args.strip() == command]
    return pids[0] if pids else 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_is_lost_leaves_its_job_to_the_next_try(stack: Stack, number: signal.Signals) -> None:
    """With a name that differs at each try where Airflow remembers it, else with the derived one."""
    dag = "name_of_its_own" if TRIGGERS_HAVE_ON_KILL else "wait_on_worker"
    before = set(jobs_of(stack, "people-"))
    run = stack.airflow.trigger(dag, 120)
    if TRIGGERS_HAVE_ON_KILL:
        eventually(lambda: len(set(jobs_of(stack, "people-")) - before) == 1, 90, "the job is there")
        (name,) = set(jobs_of(stack, "people-")) - before
    else:
        name = derive_job_name(dag, "label", run)
        eventually(lambda: jobs_of(stack, name), 90, "the job is there")
    stack.lab.wait(name, {"InProgress"})
    os.kill(eventually(lambda: worker_of(stack, dag, run), 30, "the task's process is there"), number)
    if number is signal.SIGTERM:
        eventually(
            lambda: f"labeling job {name} keeps running" in stack.airflow.task_log(dag, run, "label"), 60, "it says so"
        )
    elif TRIGGERS_HAVE_ON_KILL:
        eventually(lambda: stack.airflow.task(dag, run, "label")["try_number"] == 2, 120, "there is a second try")
        eventually(
            lambda: (
                f"{name} of an earlier try is InProgress: continuing with it"
                in stack.airflow.task_log(dag, run, "label", 2)
            ),
            90,
            "the second try goes on with the job",
        )
    assert stack.lab.describe(name)["LabelingJobStatus"] == "InProgress"
    assert set(jobs_of(stack, "people-")) - before <= {name}
    mark_failed(stack, dag, run)
    stack.lab.sagemaker.stop_labeling_job(LabelingJobName=name)


def test_a_killed_triggerer_leaves_the_job_alone_and_the_next_one_goes_on(stack: Stack) -> None:
    run, name = waiting_job(stack, "wait_deferred", "deferred")
    stack.airflow.kill("triggerer")
    stack.airflow.start("triggerer")
    assert stack.lab.describe(name)["LabelingJobStatus"] == "InProgress"
    stack.lab.sagemaker.stop_labeling_job(LabelingJobName=name)
    task_state(stack, "wait_deferred", run, "label", "failed", 120)
    assert "it was stopped from outside this task" in stack.airflow.task_log("wait_deferred", run, "label")


@pytest.mark.once
def test_dags_test_runs_a_deferred_task_to_its_end(stack: Stack, tmp_path: Path) -> None:
    """It runs triggers in its own process and takes no event that ends a task by itself."""
    (tmp_path / "dags").mkdir()
    shutil.copy(stack.airflow.dags / "label_people.py", tmp_path / "dags")
    alone = RestApi(tmp_path, tmp_path / "dags", stack.airflow.connection)
    # The tables are made by the same process, which would only import Airflow once more.
    script = "from airflow.__main__ import main; from airflow.utils.db import initdb; initdb(); main()"
    command = [sys.executable, "-c", script, "dags", "test", "quick"]
    done = subprocess.run(command, env=alone.env, capture_output=True, text=True, timeout=PATIENCE * 180, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "5 of 5 labeled (5 by people)" in done.stdout + done.stderr


def test_a_sensor_waits_and_a_teardown_stops(stack: Stack) -> None:
    run = stack.finished("sense_and_tear_down")
    assert stack.airflow.xcom("sense_and_tear_down", run, "stop")["status"] == "Stopped"
