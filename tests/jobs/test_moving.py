"""Labeling jobs that come from Amazon: one service stands for Amazon, another one is where they go to."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from dev.stack import wait_until
from labeling_provider.jobs import moving
from labeling_provider.jobs.moving import AS_TAG, DATA_TAG, JobMove
from labeling_provider.jobs.moving_choice import Data, JobChoice, Manner
from labeling_provider.jobs.moving_parts import SOURCE_TAG, Entry, MovingError, Outcome
from labeling_provider.request import PrivateWorkteam
from labeling_provider.sensors.labeling_job import LabelingJobSensor
from tests.airflow_context import context
from tests.client.clients import ground_truth, silent
from tests.conftest import Lab, texts
from tests.flaky import proxy
from tests.jobs.amazons import denied, described, pretending, vendor
from tests.jobs.moves import (
    HERE,
    UNKNOWN,
    arguments_for,
    arn_of_team,
    bring,
    bring_one,
    make,
    make_running,
    make_team,
    notes_of,
    tags,
)
from tests.operators.tasks import operator

pytestmark = pytest.mark.once


def test_a_finished_job_is_there_with_its_labels_and_nobody_is_asked_again(amazon: Lab, lab: Lab, name: str) -> None:
    old = make(amazon, name, [*texts(4), UNKNOWN], tags={"project": "marsh"})
    assert old["LabelCounters"]["FailedNonRetryableError"] == 1
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.MADE
    assert "Objects without a label: 1." in notes_of(entry)
    new = lab.describe(name)
    assert new["LabelingJobStatus"] == "Completed"
    assert set(new["LabelCounters"].values()) == {0}
    brought = {SOURCE_TAG: old["LabelingJobArn"], AS_TAG: "finished", DATA_TAG: "open"}
    assert tags(lab, name) == {"project": "marsh", **brought}
    for member in ("LabelAttributeName", "RoleArn", "LabelCategoryConfigS3Uri", "OutputConfig", "LabelingJobOutput"):
        assert new[member] == old[member]
    # The output manifest and every file around it, to the byte.
    assert len(amazon.keys(f"{name}/")) > 5
    for key in amazon.keys(f"{name}/"):
        assert lab.get(f"s3://lab/{key}") == amazon.get(f"s3://lab/{key}"), key
    assert bring_one(amazon, lab, name) == Entry("labeling job", name, Outcome.THERE)
    assert len(lab.output(new)) == 5


def test_a_job_chained_to_it_labels_only_what_amazon_left_out(amazon: Lab, lab: Lab, name: str) -> None:
    make(amazon, name, [*texts(2), UNKNOWN])
    bring(amazon, lab, name)
    known = [{**line, "truth": "bird"} for line in lab.output(lab.describe(name))]
    described, output = lab.run(known, label_attribute_name=lab.describe(name)["LabelAttributeName"])
    assert described["LabelCounters"]["TotalLabeled"] == 1
    assert [line["label"] for line in output] == [0, 1, 2]


def test_a_running_job_goes_on_with_what_is_left(amazon: Lab, lab: Lab, name: str) -> None:
    given = [{"source": f"known {number}", "label": 1, "label-metadata": {"class-name": "dog"}} for number in range(2)]
    make_running(amazon, name, [*given, *texts(3)])
    entry = bring_one(amazon, lab, name, **HERE)
    assert entry.outcome == Outcome.MADE
    assert "Objects with a label: 2; left to label: 3." in entry.notes
    assert "still running at Amazon" in notes_of(entry)
    new = lab.wait(name)
    assert new["LabelCounters"]["HumanLabeled"] == 3
    output = lab.output(new)
    assert [line["source"] for line in output] == [line["source"] for line in (*given, *texts(3))]
    assert [line["label"] for line in output] == [1, 1, 0, 1, 2]
    assert amazon.describe(name)["LabelingJobStatus"] == "InProgress"
    again = bring_one(amazon, lab, name)
    assert again == Entry("labeling job", name, Outcome.THERE, ("It is Completed here.",))
    amazon.sagemaker.stop_labeling_job(LabelingJobName=name)
    amazon.wait(name)
    assert "labels added there since then are missing here" in notes_of(bring_one(amazon, lab, name))


def test_a_job_that_was_stopped_leaves_its_files_and_goes_on_if_asked(amazon: Lab, lab: Lab, name: str) -> None:
    make_running(amazon, name)
    amazon.sagemaker.stop_labeling_job(LabelingJobName=name)
    amazon.wait(name, {"Stopped"})
    entry = bring_one(amazon, lab, name)
    assert (entry.kind, entry.outcome) == ("files of a job", Outcome.MADE)
    assert "Stopped at Amazon" in notes_of(entry)
    assert f"{name}/{name}/manifests/output/output.manifest" in lab.keys(name)
    assert bring_one(amazon, lab, name).outcome == Outcome.THERE
    assert ground_truth(lab).find_job(name) is None
    assert bring_one(amazon, lab, name, continue_stopped=True, **HERE).outcome == Outcome.MADE
    assert lab.wait(name)["LabelCounters"]["HumanLabeled"] == 2


def test_a_job_that_has_failed_without_any_manifest_is_told(amazon: Lab, lab: Lab, name: str) -> None:
    assert make(amazon, name, f"s3://lab/{name}.manifest")["LabelingJobStatus"] == "Failed"
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.REFUSED
    assert f"s3://lab/{name}.manifest" in notes_of(entry)


def test_a_bucket_that_may_not_be_read_keeps_nobody_else(amazon: Lab, lab: Lab, name: str) -> None:
    amazon.s3.create_bucket(Bucket=f"closed-{name}")
    make(amazon, f"{name}-1", output_uri=f"s3://closed-{name}/out")
    make(amazon, f"{name}-2")
    names = (f"{name}-1", f"{name}-2", "no-such-job")
    dry = bring(denied(amazon, f"closed-{name}"), lab, *names, dry_run=True)
    entries = bring(denied(amazon, f"closed-{name}"), lab, *names)
    # Finished jobs come last, when the service has taken them in.
    assert sorted(dry) == sorted(entries)
    outcomes = {entry.name: entry.outcome for entry in entries if entry.kind == "labeling job"}
    assert outcomes == {
        f"{name}-1": Outcome.REFUSED,
        f"{name}-2": Outcome.MADE,
        "no-such-job": Outcome.REFUSED,
    }
    (closed,) = [entry for entry in entries if entry.name == f"{name}-1"]
    assert "AccessDenied" in notes_of(closed)
    assert f"s3://closed-{name}/out/" in notes_of(closed)
    assert ground_truth(lab).find_job(f"{name}-1") is None


def test_more_jobs_than_a_page_has_are_found_and_a_dry_run_makes_nothing(amazon: Lab, lab: Lab, name: str) -> None:
    # These fail at once.
    request = amazon.request(f"s3://lab/{name}.manifest", **arguments_for(name))
    with ThreadPoolExecutor(8) as pool:
        for number in range(101):
            job = {**request, "LabelingJobName": f"{name}-{number}"}
            pool.submit(amazon.sagemaker.create_labeling_job, **job)
    make(amazon, f"{name}-last")
    with proxy(amazon) as watched:
        move = JobMove(ground_truth(amazon, watched.url), ground_truth(lab), Manner(dry_run=True, data=Data.ALL))
        *_, entry = move.run(JobChoice(patterns=[f"{name}-l*"], statuses=["Completed", "InProgress"]))
        assert watched.operations["ListLabelingJobs"] > 1
    assert (entry.name, entry.outcome) == (f"{name}-last", Outcome.MADE)
    assert lab.sagemaker.list_labeling_jobs(NameContains=name)["LabelingJobSummaryList"] == []
    assert [key for key in lab.keys("") if name in key] == []
    old = amazon.describe(f"{name}-last")["CreationTime"]
    later = JobChoice(patterns=[f"{name}-*"], created_after=old + timedelta(seconds=1), statuses=["Completed"])
    assert list(move.run(later)) == []


def test_throttling_and_broken_answers_are_sat_out(amazon: Lab, lab: Lab, name: str) -> None:
    make(amazon, name)
    with proxy(amazon) as flaky:
        flaky.trouble += ["ThrottlingException", "drop"]
        flaky.object_trouble += ["ThrottlingException", "truncated"]
        assert bring_one(ground_truth(amazon, flaky.url), lab, name).outcome == Outcome.MADE
        assert flaky.spoilt["ThrottlingException"] == 2
    assert len(lab.output(lab.describe(name))) == 2


def test_a_job_of_the_same_name_that_is_another_one_is_left_alone(amazon: Lab, lab: Lab, name: str) -> None:
    make(amazon, name)
    lab.create(texts(1), name, output_uri="s3://lab/other")
    lab.wait(name)
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.REFUSED
    assert "a different labeling job with this name" in notes_of(entry)


def test_a_workteam_that_is_gone_keeps_only_a_job_with_work_left(amazon: Lab, lab: Lab, name: str) -> None:
    description = make(amazon, name, [*texts(2), UNKNOWN])
    human = {**description["HumanTaskConfig"]}
    human["WorkteamArn"] = f"{amazon.team().rpartition('/')[0]}/gone-{name}"
    gone = {**description, "HumanTaskConfig": human}
    running = bring_one(pretending(amazon, name, {**gone, "LabelingJobStatus": "InProgress"}), lab, name)
    assert running.outcome == Outcome.REFUSED
    assert f"--workteam {human['WorkteamArn']}=NAME" in notes_of(running)
    finished = bring_one(pretending(amazon, name, gone), lab, name)
    assert finished.outcome == Outcome.MADE
    assert "Its workteam is private-people here." in finished.notes


def test_a_vendors_finished_job_is_under_our_own_people(amazon: Lab, lab: Lab, name: str) -> None:
    role = "arn:aws:iam::111122223333:role/labeling"
    entry = bring_one(pretending(amazon, name, vendor(make(amazon, name), RoleArn=role)), lab, name)
    assert entry.outcome == Outcome.MADE
    assert "Its workteam is private-people here." in entry.notes
    assert lab.describe(name)["LabelingJobStatus"] == "Completed"
    assert lab.describe(name)["RoleArn"] == role


def test_a_streaming_job_gets_topics_of_the_service_and_knows_what_was_labeled(
    amazon: Lab, lab: Lab, name: str
) -> None:
    topics = [amazon.service.client("sns").create_topic(Name=f"{name}-{way}")["TopicArn"] for way in ("in", "out")]
    known = {"source": "a", "label": 1, "label-metadata": {"class-name": "dog"}, **identified("seen")}
    arguments = {"input_topic_arn": topics[0], "output_topic_arn": topics[1]}
    amazon.create([known], name, **arguments_for(name, **arguments))
    amazon.wait(name, {"InProgress"})
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.MADE, entry
    assert f"Its topic {name}-in is {topics[0]} here." in entry.notes
    assert lab.wait(name, {"InProgress"})["LabelingJobStatus"] == "InProgress"
    for id in ("seen", "new"):
        message = json.dumps({"source": id, "truth": "cat", **identified(id)})
        lab.service.client("sns").publish(TopicArn=topics[0], Message=message)
    wait_until(lambda: lab.describe(name)["LabelCounters"]["HumanLabeled"], 30, "the new one is labeled", 0.05)
    lab.sagemaker.stop_labeling_job(LabelingJobName=name)
    assert [(line["key"], line["label"]) for line in lab.output(lab.wait(name))] == [("seen", 1), ("new", 0)]


def identified(id: str) -> dict[str, str]:
    return {"dataset-objectid-attribute-name": "key", "key": id}


def test_nothing_is_made_for_a_job_that_is_refused(amazon: Lab, lab: Lab, name: str) -> None:
    make_team(amazon, name, "Ada")
    bucket = f"half-{name}"
    amazon.s3.create_bucket(Bucket=bucket)
    topic = f"arn:aws:sns:us-east-1:111122223333:{name}"
    team = PrivateWorkteam(arn_of_team(amazon, name))
    request = amazon.request(None, name, input_topic_arn=topic, output_uri=f"s3://{bucket}/out", workforce=team)
    # Its category file is missing.
    streaming = described(request, "InProgress")
    entries = bring(pretending(amazon, name, streaming), lab, name)
    assert [entry.outcome for entry in entries] == [Outcome.REFUSED], entries
    assert request["LabelCategoryConfigS3Uri"] in notes_of(entries[0])
    gone = {**request["HumanTaskConfig"], "WorkteamArn": f"{team.arn}-gone"}
    (refused,) = bring(pretending(amazon, name, {**streaming, "HumanTaskConfig": gone}), lab, name)
    assert f"--workteam {team.arn}-gone=NAME" in notes_of(refused)
    assert [topic for topic in lab.service.client("sns").list_topics()["Topics"] if name in topic["TopicArn"]] == []
    assert lab.sagemaker.list_workteams(NameContains=name)["Workteams"] == []
    assert bucket not in {present["Name"] for present in lab.s3.list_buckets()["Buckets"]}
    amazon.sagemaker.delete_workteam(WorkteamName=name)


def test_a_description_that_is_none_keeps_nobody_else(amazon: Lab, lab: Lab, name: str) -> None:
    description = make(amazon, f"{name}-1")
    make(amazon, f"{name}-2")
    broken = {key: value for key, value in description.items() if key != "OutputConfig"}
    entries = bring(pretending(amazon, f"{name}-1", broken), lab, f"{name}-1", f"{name}-2")
    jobs = {entry.name: entry.outcome for entry in entries if entry.kind == "labeling job"}
    assert jobs == {f"{name}-1": Outcome.REFUSED, f"{name}-2": Outcome.MADE}


def test_empty_members_of_a_description_are_none_of_the_request(amazon: Lab, lab: Lab, name: str) -> None:
    description = make(amazon, name)
    human = {**description["HumanTaskConfig"], "TaskKeywords": [], "PublicWorkforceTaskPrice": {"AmountInUsd": {}}}
    empty = {
        "HumanTaskConfig": human,
        "StoppingConditions": {},
        "OutputConfig": {**description["OutputConfig"], "KmsKeyId": ""},
    }
    entry = bring_one(pretending(amazon, name, {**description, **empty}), lab, name)
    assert entry == Entry("labeling job", name, Outcome.MADE)


def test_a_task_that_has_made_its_job_at_amazon_finds_it_here(
    amazon: Lab, lab: Lab, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = amazon.manifest(texts(3))

    def run(at: Lab, **arguments: Any) -> dict[str, Any]:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", at.service.connection())
        arguments = {"output_uri": f"s3://lab/{name}", "preflight": "fail", **arguments}
        task = operator(at, manifest, **arguments)
        return task.execute(context(dag_id=name))

    first = run(amazon)
    bring(amazon, lab, first["job_name"])
    # The workteam has another ARN now.
    second = run(lab, workforce=lab.people)
    for key in ("job_name", "status", "output_manifest_uri", "label_attribute_name"):
        assert second[key] == first[key]
    assert len(lab.output(lab.describe(first["job_name"]))) == 3
    sensor = LabelingJobSensor(task_id="wait", job_name=first["job_name"])
    assert sensor.poke(context()).xcom_value["output_manifest_uri"] == first["output_manifest_uri"]


def test_jobs_with_an_interface_of_amazons_keep_it(amazon: Lab, lab: Lab, name: str) -> None:
    truth = [{"label": "Vessel", "startOffset": 4, "endOffset": 10}]
    lines = [{"source": "The Aurora left Bergen.", "truth": truth}]
    old = make(amazon, name, lines, task_type="named-entity-recognition", labels=["Vessel", "Port"])
    assert old["LabelCounters"]["HumanLabeled"] == 1, old
    assert bring_one(amazon, lab, name).outcome == Outcome.MADE
    assert lab.describe(name)["HumanTaskConfig"]["UiConfig"] == old["HumanTaskConfig"]["UiConfig"]


def test_nothing_is_tried_where_nothing_can_come_of_it(amazon: Lab, lab: Lab) -> None:
    here, there = ground_truth(amazon), ground_truth(lab)
    for source, target, words in (
        (here, silent(), "is Amazon's"),
        (here, here, "are the same"),
        (silent("eu-west-1"), there, "Start it with --region eu-west-1"),
        (here, ground_truth(lab, "http://127.0.0.1:9", outage=0.1), "no answer"),
    ):
        with pytest.raises(MovingError, match=words):
            list(JobMove(source, target).run(JobChoice()))


def test_a_job_that_the_service_does_not_take_in_is_told(
    amazon: Lab, lab: Lab, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make(amazon, name)
    amazon.put(old["LabelCategoryConfigS3Uri"].removeprefix("s3://lab/"), '{"labels": []}')
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.REFUSED
    assert "It is Failed here" in notes_of(entry)
    monkeypatch.setattr(moving, "MAX_SETTLE_SECONDS", -1.0)
    assert bring_one(amazon, lab, name).outcome == Outcome.REFUSED
