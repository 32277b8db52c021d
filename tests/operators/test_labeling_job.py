"""The operators against the local service."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout, TaskDeferred
from botocore.exceptions import ClientError, ConnectionClosedError

from labeling_provider.errors import (
    InvalidRequestError,
    JobNameTakenError,
    LabelingError,
    LabelingJobFailedError,
    LabelingJobStalledError,
    LabelingTimeoutError,
)
from labeling_provider.operators.labeling_job import CreateLabelingJobOperator, StopLabelingJobOperator
from labeling_provider.request import MechanicalTurk, PrivateWorkteam, derive_job_name
from tests.airflow_context import context, tell_task_state
from tests.conftest import Lab, texts
from tests.operators.tasks import broken_custom, fire, first_try, for_people, operator, problems, run_id, run_to_the_end
from tests.own_names import own_id
from tests.service.engine.test_stream import counted, stopped, text


def test_it_labels_and_hands_on_where_the_labels_are(connected: Lab) -> None:
    around = context(**run_id())
    task = operator(connected)
    result = task.execute(around)
    ti = around["ti"]
    assert result is not None
    assert result["job_name"] == derive_job_name("dag", "label", ti.run_id)
    assert result["status"] == "Completed"
    assert result["counters"]["human_labeled"] == 6
    assert (result["unlabeled"], result["failed"], result["final_model_arn"]) == (0, 0, None)
    assert result["label_attribute_name"] == "label"
    assert result["estimated_cost_usd"] == 0.48
    json.dumps(result)
    lines = [json.loads(line) for line in connected.get(result["output_manifest_uri"]).splitlines()]
    assert [line["label-metadata"]["class-name"] for line in lines] == [line["truth"] for line in texts(6)]
    page = f"{connected.service.endpoint_url}/_labeling/jobs/{result['job_name']}"
    ti.pushed.pop("labeling_try", None)
    assert ti.pushed.pop("labeling_progress").items() >= {"status": "Completed", "total": 6, "labeled": 6}.items()
    facts = ti.pushed.pop("labeling_job")
    assert (facts["job_name"], facts["workers_per_object"], facts["streaming"]) == (result["job_name"], 3, False)
    assert (facts["aws_conn_id"], facts["region_name"]) == ("aws_default", "us-east-1")
    assert facts["output_uri"] == f"s3://lab/out/{result['job_name']}"
    json.dumps(facts)
    assert ti.pushed.pop("labeling_job_name") == result["job_name"]
    assert ti.pushed == {
        "_link_LabelingJobLink": page,
        "_link_LabelingOutputLink": f"{page}/output",
        "_link_LabelingLogsLink": f"{page}/log",
        "_link_WorkersPageLink": f"{connected.service.endpoint_url}/portal/labeling-jobs/{result['job_name']}",
    }
    ((asset, extra),) = around["outlet_events"][task.outlets[0]].added
    assert (asset.uri, extra) == ("s3://lab/out", result)


def test_deferred_it_comes_to_the_same_result(connected: Lab) -> None:
    around = context(**run_id())
    slowly = operator(connected, texts(30), deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        slowly.execute(around)
    assert around["ti"].pushed["_link_LabelingJobLink"]
    event = fire(deferred.value)
    again = operator(connected, slowly.manifest_uri, deferrable=True)
    result = again.execute_complete(around, event)
    assert result["counters"]["total_labeled"] == 30


@pytest.mark.parametrize("deferrable", [True, False])
def test_the_counters_of_a_job_that_ended_before_anybody_looked_are_shown(connected: Lab, deferrable: bool) -> None:
    identity = run_id()
    task = operator(connected, deferrable=deferrable)
    name = first_try(connected, task, {"Completed"}, **identity)
    around = context(**identity)
    assert run_to_the_end(task, around) is not None
    shown = around["ti"].pushed["labeling_progress"]
    assert (shown["job_name"], shown["status"], shown["labeled"]) == (name, "Completed", 6)


def test_a_retry_goes_on_with_the_job_of_the_first_try(connected: Lab) -> None:
    identity = run_id()
    first = operator(connected, workforce=connected.people, wait_for_completion=False).execute(context(**identity))
    second = operator(connected, workforce=connected.people, wait_for_completion=False).execute(context(**identity))
    assert first is not None
    assert second is not None
    assert first["job_arn"] == second["job_arn"]
    assert len(connected.sagemaker.list_labeling_jobs(NameContains=first["job_name"])["LabelingJobSummaryList"]) == 1


def test_a_job_whose_create_answer_was_lost_is_found_and_not_made_twice(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = operator(connected)
    real = task.hook.sagemaker.create_labeling_job

    def lose_the_answer(**request: Any) -> None:
        real(**request)
        raise ConnectionClosedError(endpoint_url="http://local")

    monkeypatch.setattr(task.hook.sagemaker, "create_labeling_job", lose_the_answer)
    result = task.execute(context(**run_id()))
    assert result is not None
    assert result["status"] == "Completed"


def test_after_a_job_that_was_stopped_a_retry_makes_a_further_one(connected: Lab) -> None:
    identity = run_id()
    first = operator(connected, workforce=connected.people, wait_for_completion=False).execute(context(**identity))
    assert first is not None
    StopLabelingJobOperator(task_id="stop", job_name=first["job_name"], poll_interval=0.1).execute(context())
    second = operator(connected).execute(context(**identity))
    assert second is not None
    assert second["job_name"] == f"{first['job_name']}-2"


def test_a_job_of_somebody_elses_with_the_wanted_name_is_an_error(connected: Lab) -> None:
    name = connected.create(texts(1))
    with pytest.raises(JobNameTakenError, match="was not created by this task"):
        operator(connected, job_name=name).execute(context(**run_id()))


@pytest.mark.parametrize(
    ("state", "stop", "status"),
    [
        ("failed", True, "Stopped"),
        ("restarting", True, "Stopped"),
        ("failed", False, "InProgress"),
        ("running", True, "InProgress"),
        ("up_for_retry", True, "InProgress"),
        (None, True, "InProgress"),
        (ConnectionError("the API server is away"), True, "InProgress"),
    ],
    ids=["marked-failed", "cleared", "asked-not-to", "worker-shuts-down", "worker-given-up", "reset", "nobody-knows"],
)
def test_a_users_kill_stops_the_job_and_a_lost_worker_does_not(
    connected: Lab, monkeypatch: pytest.MonkeyPatch, state: Any, stop: bool, status: str
) -> None:
    task = operator(connected, workforce=connected.people, stop_job_on_kill=stop, wait_for_completion=False)
    around = context(**run_id())
    result = task.execute(around)
    assert result is not None
    connected.wait(result["job_name"], {"InProgress"})
    tell_task_state(monkeypatch, around["ti"], state)
    task.on_kill()
    assert connected.wait(result["job_name"], {status})


def test_a_kill_while_the_job_is_being_created_stops_it_as_well(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = operator(connected, workforce=connected.people)
    around = context(**run_id())
    tell_task_state(monkeypatch, around["ti"], "failed")
    real = task.hook.sagemaker.create_labeling_job

    def kill_first(**request: Any) -> Any:
        task.on_kill()
        return real(**request)

    monkeypatch.setattr(task.hook.sagemaker, "create_labeling_job", kill_first)
    with pytest.raises(LabelingError, match="killed while labeling job .* was created"):
        task.execute(around)
    name = derive_job_name("dag", "label", around["ti"].run_id)
    assert connected.wait(name, {"Stopped"})


def test_a_task_that_runs_out_of_time_stops_the_job_though_airflow_has_it_as_running(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = operator(connected, workforce=connected.people, wait_for_completion=False)
    around = context(**run_id())
    result = task.execute(around)
    assert result is not None
    tell_task_state(monkeypatch, around["ti"], "running")
    try:
        raise AirflowTaskTimeout
    except AirflowTaskTimeout:
        task.on_kill()
    assert connected.wait(result["job_name"], {"Stopped"})


@pytest.mark.parametrize("deferrable", [True, False])
def test_when_time_is_up_the_job_is_stopped_and_the_task_says_how_far_it_came(connected: Lab, deferrable: bool) -> None:
    identity = run_id()
    task = operator(
        connected, workforce=connected.people, job_timeout=timedelta(seconds=0.5), deferrable=deferrable, job_name=None
    )
    name = first_try(connected, task, {"InProgress"}, **identity)
    with pytest.raises(LabelingTimeoutError, match=r"0 of 6 objects labeled, 0 failed\. It was stopped"):
        run_to_the_end(task, context(**identity))
    assert connected.wait(name)["LabelingJobStatus"] == "Stopped"


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_job_that_is_stopped_outside_fails_the_task(connected: Lab, deferrable: bool) -> None:
    around = context(**run_id())
    name = derive_job_name("dag", "label", around["ti"].run_id)
    task = operator(connected, workforce=connected.people, deferrable=deferrable)

    def stop() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                connected.wait(name, {"InProgress"}, 1)
                break
            except ClientError:
                time.sleep(0.05)
        connected.sagemaker.stop_labeling_job(LabelingJobName=name)

    outside = threading.Thread(target=stop)
    outside.start()
    with pytest.raises(LabelingJobFailedError, match="ended as Stopped: it was stopped from outside this task"):
        run_to_the_end(task, around)
    outside.join()


@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize(("on_stall", "status"), [("leave", "InProgress"), ("stop", "Stopped")])
def test_a_job_on_which_nothing_moves_fails_the_task_with_what_is_known(
    connected: Lab, deferrable: bool, on_stall: str, status: str
) -> None:
    identity = run_id()
    arguments = {"workforce": connected.people, "stall_timeout": timedelta(seconds=0.5), "on_stall": on_stall}
    task = operator(connected, deferrable=deferrable, **arguments)
    name = first_try(connected, task, {"InProgress"}, **identity)
    with pytest.raises(LabelingJobStalledError) as caught:
        run_to_the_end(task, context(**identity))
    message = str(caught.value)
    for words in ("InProgress, 0 of 6 objects labeled", "private-people", "no members", "CORS", "last change"):
        assert words in message
    assert connected.wait(name, {status})


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_job_that_fails_fails_the_task_with_its_reason(connected: Lab, deferrable: bool) -> None:
    task = operator(connected, **broken_custom(connected), deferrable=deferrable)
    with pytest.raises(LabelingJobFailedError, match="ended as Failed: .*broken.*LambdaErrorCode"):
        run_to_the_end(task, context(**run_id()))


def test_missing_labels_are_told_with_reasons_or_fail_the_task(connected: Lab, logged: Callable[[], str]) -> None:
    lines = [*texts(4), {"source": "nobody knows"}, {"source": "nor this"}]
    result = operator(connected, lines).execute(context(**run_id()))
    assert result is not None
    assert (result["status"], result["failed"]) == ("Completed", 2)
    assert "2 failed, line 5 first: The task was declined" in logged()
    with pytest.raises(LabelingJobFailedError, match="2 of 6 objects unlabeled.*declined"):
        operator(connected, lines, on_missing_labels="fail").execute(context(**run_id()))


def test_a_stopping_condition_is_no_failure(connected: Lab) -> None:
    result = operator(connected, texts(20), max_human_labeled_objects=12).execute(context(**run_id()))
    assert result is not None
    assert (result["status"], result["counters"]["human_labeled"], result["unlabeled"]) == ("Stopped", 12, 8)


def test_progress_is_logged_when_something_changed(connected: Lab, logged: Callable[[], str]) -> None:
    operator(connected).execute(context(**run_id()))
    log = logged()
    assert "6 of 6 labeled (6 by people)" in log
    assert "Estimated cost on Amazon: 6 objects × $0.08 = $0.48" in log


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "can't be read"),
        (b"", "the manifest is empty"),
        (b'{"source": "\xff"}\n', "line 1: byte 13 is not UTF-8"),
        (b'{"source": "a"}\n' * 6 + b"{broken\n", "line 7: not JSON"),
        (b'{"text": "a"}\n', 'line 1: has no "source"'),
        (b'{"source": "' + b"a" * 100_001 + b'"}\n', "line 1: 100,016 characters"),
        (
            b'{"source": "' + b"a" * 9_000_000 + b'"}\n{"source": "b"}\n',
            "line 1: 9,000,015 bytes, at most 100,000 characters",
        ),
    ],
    ids=["missing", "empty", "not-utf8", "broken-line-7", "no-source", "too-long", "huge"],
)
def test_a_bad_manifest_is_refused_before_anything_is_sent(connected: Lab, body: bytes | None, words: str) -> None:
    uri = "s3://lab/none.manifest" if body is None else connected.put("in/bad.manifest", body)
    around = context(**run_id())
    with pytest.raises(InvalidRequestError) as caught:
        operator(connected, uri).execute(around)
    assert words in problems(caught)
    name = derive_job_name("dag", "label", around["ti"].run_id)
    assert not connected.sagemaker.list_labeling_jobs(NameContains=name)["LabelingJobSummaryList"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label_attribute_name": "label-ref"}, "must not end with -ref"),
        ({"labels": ["cat", "cat"]}, "labels appear twice: cat"),
        ({"labels": ["cat"]}, "needs at least 2"),
        ({"workforce": MechanicalTurk(0.013, free_of_personal_information=True)}, "0.013 USD is not a price"),
        ({"workforce": MechanicalTurk(0.012)}, "FreeOfPersonallyIdentifiableInformation is missing"),
        ({"workforce": "arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/a"}, "is in eu-west-1"),
        ({"max_cost_usd": 0.4}, "the estimate is $0.48 on Amazon"),
        ({"task_type": "image-labeling"}, "'image-labeling' is unknown"),
        ({"category_uri": "s3://lab/none.json", "labels": None}, "s3://lab/none.json"),
        ({"workers_per_object": 10, "keywords": ["a-b"]}, "HumanTaskConfig.TaskKeywords[0]"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_bad_request_is_refused_before_anything_is_sent(connected: Lab, change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        operator(connected, **change).execute(context(**run_id()))
    assert words in problems(caught)


def test_all_problems_are_reported_at_once(connected: Lab) -> None:
    manifest = connected.put("in/two.manifest", b'{"source": "a"}\nx\n{"source-ref": 1}\n')
    task = operator(connected, manifest, labels=["a", "a"], label_attribute_name="x-ref", time_limit=100_000)
    with pytest.raises(InvalidRequestError) as caught:
        task.execute(context(**run_id()))
    text = problems(caught)
    for words in ("twice", "-ref", "28,800", "line 2", "line 3"):
        assert words in text


def test_an_unknown_workteam_is_one_clear_error(connected: Lab) -> None:
    arn = connected.team() + "-gone"
    with pytest.raises(LabelingError, match="was not created: .*-gone does not exist"):
        operator(connected, workforce=PrivateWorkteam(arn)).execute(context(**run_id()))


def test_a_raw_request_wins_over_named_arguments(connected: Lab) -> None:
    config = {"LabelAttributeName": "animal", "HumanTaskConfig": {"NumberOfHumanWorkersPerDataObject": 5}}
    result = operator(connected, config=config, label_attribute_name="other").execute(context(**run_id()))
    assert result is not None
    assert result["label_attribute_name"] == "animal"
    description = connected.describe(result["job_name"])
    assert description["HumanTaskConfig"]["NumberOfHumanWorkersPerDataObject"] == 5
    assert description["HumanTaskConfig"]["TaskTitle"] == "What is it?"


def test_templates_inside_a_workforce_are_rendered_and_upstream_tasks_found() -> None:
    from airflow.sdk import DAG, BaseOperator

    with DAG("d", schedule=None):
        upstream = BaseOperator(task_id="team")
        task = CreateLabelingJobOperator(
            task_id="label", workforce=PrivateWorkteam(upstream.output), output_uri="s3://b/{{ run_id }}"
        )
    assert task.upstream_task_ids == {"team"}
    task = CreateLabelingJobOperator(
        task_id="label", workforce=MechanicalTurk("{{ price }}", True), labels=["{{ a }}", "b"]
    )
    task.render_template_fields({"price": "0.012", "a": "cat"})
    assert task.workforce == MechanicalTurk("0.012", True)
    assert task.labels == ["cat", "b"]


@pytest.mark.parametrize("argument", ["on_missing_labels", "if_job_exists", "on_stall", "preflight"])
def test_a_choice_that_does_not_exist_is_refused_when_the_dag_is_parsed(argument: str) -> None:
    with pytest.raises(ValueError, match=f"{argument} must be .* or .*, not 'ignore'"):
        CreateLabelingJobOperator(task_id="label", **{argument: "ignore"})


@pytest.fixture
def manifest(connected: Lab) -> str:
    return connected.manifest(texts(6))


@pytest.fixture
def first(connected: Lab, manifest: str) -> dict[str, Any]:
    """A job of an earlier try that runs, and the task instance that it belongs to."""
    identity = run_id()
    result = for_people(connected, manifest_uri=manifest).execute(context(**identity))
    assert result is not None
    return {"name": result["job_name"], **identity}


def test_a_try_that_has_taken_up_a_job_which_the_clear_before_it_then_stops_makes_another(
    connected: Lab, manifest: str, first: dict[str, Any]
) -> None:
    around = context(run_id=first["run_id"], try_number=2)
    second = operator(connected, manifest, workforce=connected.people, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        second.execute(around)
    connected.wait(first["name"], {"InProgress"})
    second.hook.stop_job(first["name"], killed_try=1)
    with pytest.raises(TaskDeferred) as deferred_again:
        second.execute_complete(around, fire(deferred.value))
    assert deferred_again.value.trigger.job_name == f"{first['name']}-2"
    connected.wait(f"{first['name']}-2", {"InProgress"})


def test_a_job_that_is_stopped_outside_is_not_made_again_by_a_retry(
    connected: Lab, manifest: str, first: dict[str, Any]
) -> None:
    connected.wait(first["name"], {"InProgress"})
    task = operator(connected, manifest, workforce=connected.people, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context(run_id=first["run_id"]))
    connected.sagemaker.stop_labeling_job(LabelingJobName=first["name"])
    with pytest.raises(LabelingJobFailedError, match="stopped from outside") as caught:
        task.execute_complete(context(run_id=first["run_id"]), fire(deferred.value))
    assert isinstance(caught.value, AirflowFailException)


def arn(kind: str = "in", account: str = "123456789012") -> str:
    return f"arn:aws:sns:us-east-1:{account}:groundtruth-{kind}-{own_id().hex[:8]}"


def streaming(lab: Lab, **arguments: Any) -> CreateLabelingJobOperator:
    """An operator of a streaming job with topics that it makes."""
    defaults: dict[str, Any] = {
        "manifest_uri": None,
        "input_topic_arn": arn(),
        "create_topics": True,
        "workers_per_object": 1,
    }
    return operator(lab, **{**defaults, **arguments})


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_streaming_job_is_made_with_its_topics_and_runs_on(connected: Lab, deferrable: bool) -> None:
    around, output = context(**run_id()), arn("out")
    queue = f"labels-{own_id().hex[:8]}"
    task = streaming(connected, output_topic_arn=output, labels_queue=queue, deferrable=deferrable)
    result = run_to_the_end(task, around)
    assert result is not None
    name = result["job_name"]
    assert result["status"] == "InProgress"
    assert result["input_topic_arn"] == task.input_topic_arn
    assert result["output_topic_arn"] == output
    assert result["backlog_queue"] == f"GroundTruth-{name.lower()}"
    assert result["output_manifest_uri"] == f"s3://lab/out/{name}/manifests/output/output.manifest"
    json.dumps(result)
    sns, sqs = connected.service.client("sns"), connected.service.client("sqs")
    sns.publish(TopicArn=task.input_topic_arn, Message=json.dumps(text(1)))
    counted(connected, name, TotalLabeled=1)
    answer = sqs.receive_message(QueueUrl=result["labels_queue_url"], WaitTimeSeconds=10)
    assert json.loads(json.loads(answer["Messages"][0]["Body"])["Message"])["source"] == "text 1"
    # A cleared task goes on with the job, and changes nothing around it.
    again = run_to_the_end(task, around)
    assert again is not None
    assert again["job_name"] == name
    assert len(sns.list_subscriptions_by_topic(TopicArn=output)["Subscriptions"]) == 1
    stopped(connected, name)


def test_trouble_fails_the_task_unless_something_else_is_asked_for() -> None:
    assert CreateLabelingJobOperator(task_id="label").preflight == "fail"
    assert CreateLabelingJobOperator(task_id="label").fix_cors is False
