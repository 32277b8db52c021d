"""Labeling jobs that come from Amazon: one service stands for Amazon, another one is where they go to."""

from __future__ import annotations

import io
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dev.stack import Service
from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.groundtruth.facts import public_workteam_arn
from labeling_provider.jobs import moving
from labeling_provider.jobs.moving import AS_TAG, Move
from labeling_provider.jobs.moving_choice import Choice, Data, Manner
from labeling_provider.jobs.moving_teams import SOURCE_TAG, Entry, MovingError, Outcome
from labeling_provider.request import MechanicalTurk, PrivateWorkteam
from labeling_provider.sensors.labeling_job import LabelingJobSensor
from tests.airflow_context import context
from tests.client.clients import ground_truth, silent
from tests.conftest import Lab, texts
from tests.flaky import proxy
from tests.jobs.amazons import denied, pretending, vendor
from tests.operators.tasks import operator
from tests.service.kinds.some_clouds import SEQUENCE_LINE, cloud_objects, tracks_label

pytestmark = pytest.mark.once

UNKNOWN = {"source": "nobody knows"}
"""Simulated workers decline what they know no truth of, so it fails."""


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"m{uuid.uuid4().hex[:10]}"


def bring(amazon: Lab | GroundTruth, lab: Lab, *names: str, **manner: Any) -> list[Entry]:
    source = ground_truth(amazon) if isinstance(amazon, Lab) else amazon
    return list(Move(source, ground_truth(lab), Manner(**manner)).run(Choice(names=names)))


def bring_one(amazon: Lab | GroundTruth, lab: Lab, name: str, **manner: Any) -> Entry:
    """Bring a job; what became of it."""
    kinds = {"labeling job", "files of a job"}
    return [one for one in bring(amazon, lab, name, **manner) if one.kind in kinds][-1]


def told(entry: Entry) -> str:
    return " ".join(entry.notes)


def make(amazon: Lab, name: str, lines: Any = None, **arguments: Any) -> dict[str, Any]:
    """A job of two objects, or of some lines, that has ended; its output is in a folder of its own."""
    amazon.create(texts(2) if lines is None else lines, name, **arguments_for(name, **arguments))
    return amazon.wait(name)


def make_running(amazon: Lab, name: str, lines: Any = None, **arguments: Any) -> dict[str, Any]:
    """The same, with people who don't do anything."""
    team = PrivateWorkteam(amazon.team("private-people"))
    amazon.create(texts(2) if lines is None else lines, name, **arguments_for(name, workforce=team, **arguments))
    return amazon.wait(name, {"InProgress"})


def arguments_for(name: str, **arguments: Any) -> dict[str, Any]:
    return {"output_uri": f"s3://lab/{name}", "workers_per_object": 1, **arguments}


HERE = {"workteams": {"private-people": "private-simulated"}}
"""At the service, others take the place of people."""


def tags(lab: Lab, name: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in lab.describe(name)["Tags"]}


def test_a_finished_job_is_there_with_its_labels_and_nobody_is_asked_again(amazon: Lab, lab: Lab, name: str) -> None:
    old = make(amazon, name, [*texts(4), UNKNOWN], tags={"project": "marsh"})
    assert old["LabelCounters"]["FailedNonRetryableError"] == 1
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.MADE
    assert "Objects without a label: 1." in told(entry)
    new = lab.describe(name)
    assert new["LabelingJobStatus"] == "Completed"
    assert set(new["LabelCounters"].values()) == {0}
    assert tags(lab, name) == {"project": "marsh", SOURCE_TAG: old["LabelingJobArn"], AS_TAG: "finished"}
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


def test_an_output_manifest_that_an_earlier_run_did_not_bring_is_brought(amazon: Lab, lab: Lab, name: str) -> None:
    old = make(amazon, name, [*texts(2), UNKNOWN])
    bring(amazon, lab, name)
    uri = old["LabelingJobOutput"]["OutputDatasetS3Uri"]
    whole = amazon.get(uri)
    # As the service has written it, and the run was killed then.
    lab.put(uri.removeprefix("s3://lab/"), b"".join(whole.splitlines(keepends=True)[:2]))
    assert bring_one(amazon, lab, name).outcome == Outcome.THERE
    assert lab.get(uri) == whole


def test_a_running_job_goes_on_with_what_is_left(amazon: Lab, lab: Lab, name: str) -> None:
    given = [{"source": f"known {number}", "label": 1, "label-metadata": {"class-name": "dog"}} for number in range(2)]
    make_running(amazon, name, [*given, *texts(3)])
    entry = bring_one(amazon, lab, name, **HERE)
    assert entry.outcome == Outcome.MADE
    assert "Objects with a label: 2; left to label: 3." in entry.notes
    assert "still runs at Amazon" in told(entry)
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
    assert "labels made there since are not here" in told(bring_one(amazon, lab, name))


def test_a_job_that_was_stopped_leaves_its_files_and_goes_on_if_asked(amazon: Lab, lab: Lab, name: str) -> None:
    make_running(amazon, name)
    amazon.sagemaker.stop_labeling_job(LabelingJobName=name)
    amazon.wait(name, {"Stopped"})
    entry = bring_one(amazon, lab, name)
    assert (entry.kind, entry.outcome) == ("files of a job", Outcome.MADE)
    assert "Stopped at Amazon" in told(entry)
    assert f"{name}/{name}/manifests/output/output.manifest" in lab.keys(name)
    assert bring_one(amazon, lab, name).outcome == Outcome.THERE
    assert ground_truth(lab).find_job(name) is None
    assert bring_one(amazon, lab, name, continue_stopped=True, **HERE).outcome == Outcome.MADE
    assert lab.wait(name)["LabelCounters"]["HumanLabeled"] == 2


def test_a_job_that_has_failed_without_any_manifest_is_told(amazon: Lab, lab: Lab, name: str) -> None:
    assert make(amazon, name, f"s3://lab/{name}.manifest")["LabelingJobStatus"] == "Failed"
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.REFUSED
    assert f"s3://lab/{name}.manifest" in told(entry)


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
    assert "AccessDenied" in told(closed)
    assert f"s3://closed-{name}/out/" in told(closed)
    assert ground_truth(lab).find_job(f"{name}-1") is None


@pytest.mark.parametrize("what", ["output", "input"])
def test_a_bucket_that_is_gone_keeps_nobody_else(amazon: Lab, lab: Lab, name: str, what: str) -> None:
    bucket = f"gone-{name}"
    amazon.s3.create_bucket(Bucket=bucket)
    if what == "output":
        make(amazon, f"{name}-1", output_uri=f"s3://{bucket}/out")
    else:
        lines = amazon.manifest(texts(2)).removeprefix("s3://")
        amazon.s3.copy_object(Bucket=bucket, Key="in.manifest", CopySource=lines)
        request = amazon.request(f"s3://{bucket}/in.manifest", **arguments_for(name))
        amazon.sagemaker.create_labeling_job(**{**request, "LabelingJobName": f"{name}-1"})
        amazon.wait(f"{name}-1")
    make(amazon, f"{name}-2")
    while keys := amazon.s3.list_objects_v2(Bucket=bucket).get("Contents"):
        amazon.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": one["Key"]} for one in keys]})
    amazon.s3.delete_bucket(Bucket=bucket)
    entries = [one for one in bring(amazon, lab, f"{name}-1", f"{name}-2") if one.kind == "labeling job"]
    outcomes = {one.name: (one.outcome, told(one)) for one in entries}
    assert outcomes[f"{name}-2"][0] == Outcome.MADE
    outcome, words = outcomes[f"{name}-1"]
    if what == "output":
        assert (outcome, f"s3://{bucket}/" in words) == (Outcome.REFUSED, True), words
    else:
        # What has become of the objects stands in the output manifest, which is there.
        assert outcome == Outcome.MADE, words
        assert len(lab.output(lab.describe(f"{name}-1"))) == 2


def test_more_jobs_than_a_page_has_are_found_and_a_dry_run_makes_nothing(amazon: Lab, lab: Lab, name: str) -> None:
    # These fail at once.
    request = amazon.request(f"s3://lab/{name}.manifest", **arguments_for(name))
    with ThreadPoolExecutor(8) as pool:
        for number in range(101):
            job = {**request, "LabelingJobName": f"{name}-{number}"}
            pool.submit(amazon.sagemaker.create_labeling_job, **job)
    make(amazon, f"{name}-last")
    with proxy(amazon) as watched:
        move = Move(ground_truth(amazon, watched.url), ground_truth(lab), Manner(dry_run=True, data=Data.ALL))
        *_, entry = move.run(Choice(patterns=[f"{name}-l*"], statuses=["Completed", "InProgress"]))
        assert watched.operations["ListLabelingJobs"] > 1
    assert (entry.name, entry.outcome) == (f"{name}-last", Outcome.MADE)
    assert lab.sagemaker.list_labeling_jobs(NameContains=name)["LabelingJobSummaryList"] == []
    assert [key for key in lab.keys("") if name in key] == []
    old = amazon.describe(f"{name}-last")["CreationTime"]
    later = Choice(patterns=[f"{name}-*"], created_after=old + timedelta(seconds=1), statuses=["Completed"])
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
    assert "another labeling job of this name" in told(entry)


def test_a_file_that_the_service_has_another_of_is_left_alone(amazon: Lab, lab: Lab, name: str) -> None:
    old = make(amazon, name)
    category = old["LabelCategoryConfigS3Uri"].removeprefix("s3://lab/")
    lab.put(category, "mine")
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.REFUSED
    assert category in told(entry)
    assert lab.get(f"s3://lab/{category}") == b"mine"


@pytest.mark.parametrize(("data", "keys"), [("open", {"new"}), ("all", {"old", "new"}), ("none", set())])
def test_data_objects_come_along_as_asked(amazon: Lab, lab: Lab, name: str, data: str, keys: set[str]) -> None:
    old, new, gone = (f"{name} pictures/{one}" for one in ("old", "new", "../gone?#"))
    for key in (old, new):
        amazon.put(key, key)
    lines = [
        {"source-ref": f"s3://lab/{old}", "label": 0, "label-metadata": {"class-name": "cat"}},
        {"source-ref": f"https://lab.s3.us-east-1.amazonaws.com/{new.replace(' ', '%20')}"},
        {"source-ref": f"s3://lab/{gone}"},
    ]
    make_running(amazon, name, lines, task_type="image-classification")
    entries = bring(amazon, lab, name, data=Data(data))
    assert set(lab.keys(f"{name} pictures/")) == {f"{name} pictures/{one}" for one in keys}
    missing = [entry for entry in entries if entry.kind == "object"]
    expected = [] if data == "none" else [(f"s3://lab/{gone}", Outcome.REFUSED)]
    assert [(entry.name, entry.outcome) for entry in missing] == expected
    assert [one.outcome for one in entries if one.kind == "labeling job"] == [Outcome.MADE]


@pytest.mark.parametrize("ends", [False, True])
def test_frames_of_a_sequence_come_along(amazon: Lab, lab: Lab, name: str, ends: bool) -> None:
    """Of a running job for its workers, of one that has failed for whoever asks for all data."""
    frames = [f"{name} {number}.png" for number in range(3)]
    for frame in frames:
        amazon.put(f"{name} frames/{frame}", png(np.zeros((8, 8, 3), np.uint8)))
    sequence = {
        "seq-no": 1,
        "prefix": f"s3://lab/{name} frames/",
        "number-of-frames": 3,
        "frames": [{"frame-no": number, "frame": frame} for number, frame in enumerate(frames)],
    }
    lines = [
        {"source-ref": amazon.put(f"{name} sequences/{number}.json", json.dumps({**sequence, "seq-no": number}))}
        for number in (1, 2)
    ]
    task: dict[str, Any] = {"task_type": "video-object-detection", "labels": ["bird"]}
    description = make_running(amazon, name, lines, **task, instructions="Draw.")
    amazon.s3.delete_object(Bucket="lab", Key=f"{name} frames/{frames[2]}")
    amazon.put(f"{name} sequences/2.json", '{"seq-no": 2}')
    status, data = ("Failed", Data.ALL) if ends else ("InProgress", Data.OPEN)
    entries = bring(pretending(amazon, name, {**description, "LabelingJobStatus": status}), lab, name, data=data)
    assert set(lab.keys(f"{name} frames/")) == {f"{name} frames/{frame}" for frame in frames[:2]}
    assert len(lab.keys(f"{name} sequences/")) == 2
    missing = {entry.name: told(entry) for entry in entries if entry.kind == "object"}
    assert missing.keys() == {f"s3://lab/{name} frames/{frames[2]}", lines[1]["source-ref"]}
    assert "frames is missing" in missing[lines[1]["source-ref"]]
    assert "Data objects: 4 copied" in told(entries[-1])


def test_the_public_workteam_needs_a_stand_in_only_where_there_is_work_left(amazon: Lab, lab: Lab, name: str) -> None:
    turk = MechanicalTurk("0.012", free_of_personal_information=True)
    make(amazon, f"{name}-1", workforce=turk)
    finished = bring_one(amazon, lab, f"{name}-1")
    assert finished.outcome == Outcome.MADE
    assert lab.describe(f"{name}-1")["HumanTaskConfig"]["WorkteamArn"] == public_workteam_arn("us-east-1")
    make(amazon, f"{name}-2", [UNKNOWN], workforce=turk)
    request = amazon.describe(f"{name}-2")
    # What is left of a job that was stopped.
    source = pretending(amazon, f"{name}-2", {**request, "LabelingJobStatus": "Stopped"})
    running = bring_one(source, lab, f"{name}-2", continue_stopped=True)
    assert running.outcome == Outcome.REFUSED
    assert "--workteam" in told(running)
    arn = public_workteam_arn("us-east-1")
    given = bring_one(source, lab, f"{name}-2", continue_stopped=True, workteams={arn: "private-people"})
    assert given.outcome == Outcome.MADE
    human = lab.describe(f"{name}-2")["HumanTaskConfig"]
    assert human["WorkteamArn"] == lab.team("private-people")
    assert "PublicWorkforceTaskPrice" not in human
    wrong = bring_one(source, lab, f"{name}-2", continue_stopped=True, workteams={arn: "no-such-team"})
    assert wrong.outcome == Outcome.THERE


def test_a_workteam_that_is_gone_keeps_only_a_job_with_work_left(amazon: Lab, lab: Lab, name: str) -> None:
    description = make(amazon, name)
    human = {**description["HumanTaskConfig"]}
    human["WorkteamArn"] = f"{amazon.team().rpartition('/')[0]}/gone-{name}"
    gone = {**description, "HumanTaskConfig": human}
    running = bring_one(pretending(amazon, name, {**gone, "LabelingJobStatus": "InProgress"}), lab, name)
    assert running.outcome == Outcome.REFUSED
    assert f"--workteam {human['WorkteamArn']}=NAME" in told(running)
    finished = bring_one(pretending(amazon, name, gone), lab, name)
    assert finished == Entry("labeling job", name, Outcome.MADE, ("Its workteam is private-people here.",))


def test_a_vendors_finished_job_is_under_our_own_people(amazon: Lab, lab: Lab, name: str) -> None:
    role = "arn:aws:iam::111122223333:role/labeling"
    entry = bring_one(pretending(amazon, name, vendor(make(amazon, name), RoleArn=role)), lab, name)
    assert entry.outcome == Outcome.MADE
    assert "Its workteam is private-people here." in entry.notes
    assert lab.describe(name)["LabelingJobStatus"] == "Completed"
    assert lab.describe(name)["RoleArn"] == role


def test_what_concerns_only_work_to_come_is_fitted_to_what_is_left(amazon: Lab, lab: Lab, name: str) -> None:
    description = make_running(amazon, name, texts(4))
    automated = {
        "LabelingJobAlgorithmSpecificationArn": "arn:aws:sagemaker:us-east-1:027400017018:"
        "labeling-job-algorithm-specification/text-classification",
        "InitialActiveLearningModelArn": "arn:aws:sagemaker:us-east-1:123456789012:model/no-such-model",
    }
    counters = {**description["LabelCounters"], "HumanLabeled": 5}
    changed = {
        **description,
        "LabelCounters": counters,
        "LabelingJobAlgorithmsConfig": automated,
        "StoppingConditions": {"MaxHumanLabeledObjectCount": 7},
    }
    entry = bring_one(pretending(amazon, name, changed), lab, name)
    assert entry.outcome == Outcome.MADE
    assert "too few for automated labeling" in told(entry)
    new = lab.describe(name)
    assert "LabelingJobAlgorithmsConfig" not in new
    assert new["StoppingConditions"] == {"MaxHumanLabeledObjectCount": 2}


def test_functions_must_be_known_only_where_there_is_work_left(amazon: Lab, lab: Lab, name: str) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:"
    description = make(amazon, name)
    human = {
        **description["HumanTaskConfig"],
        "PreHumanTaskLambdaArn": f"{arn}pre",
        "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": f"{arn}nobody-knows"},
    }
    template = amazon.put(f"{name}.liquid", "<crowd-form></crowd-form>")
    human["UiConfig"] = {"UiTemplateS3Uri": template}
    custom = {**description, "HumanTaskConfig": human}
    running = {**custom, "LabelingJobStatus": "InProgress"}
    entry = bring_one(pretending(amazon, name, running), lab, name, functions=frozenset({f"{arn}pre"}))
    assert entry.outcome == Outcome.REFUSED
    assert f"--function {arn}nobody-knows=MODULE:CALLABLE" in told(entry)
    unsaid = bring_one(pretending(amazon, name, running), lab, name, dry_run=True)
    assert f"The service must know the function {arn}nobody-knows." in unsaid.notes
    refused = bring_one(pretending(amazon, name, running), lab, name)
    assert refused.outcome == Outcome.REFUSED
    assert "is not known here" in told(refused)
    assert "start the service again and run this again" in told(refused)
    finished = bring_one(pretending(amazon, name, custom), lab, name)
    assert finished.outcome == Outcome.MADE
    assert "without PreHumanTaskLambdaArn, AnnotationConsolidationConfig" in told(finished)
    assert lab.get(template) == amazon.get(template)


def test_a_streaming_job_gets_topics_of_the_service(amazon: Lab, lab: Lab, name: str) -> None:
    topics = [amazon.service.client("sns").create_topic(Name=f"{name}-{way}")["TopicArn"] for way in ("in", "out")]
    amazon.create(None, name, **arguments_for(name, input_topic_arn=topics[0], output_topic_arn=topics[1]))
    amazon.wait(name, {"InProgress"})
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.MADE, entry
    assert f"Its topic {name}-in is {topics[0]} here." in entry.notes
    assert lab.wait(name, {"InProgress"})["LabelingJobStatus"] == "InProgress"
    lab.service.client("sns").publish(TopicArn=topics[0], Message=json.dumps(texts(1)[0]))
    lab.sagemaker.stop_labeling_job(LabelingJobName=name)
    lab.wait(name)


def test_clouds_and_pictures_of_a_sequence_come_along(amazon: Lab, lab: Lab, name: str) -> None:
    objects = cloud_objects()
    for uri, body in objects.items():
        amazon.put(uri.removeprefix("s3://lab/"), body)
    truth = tracks_label(Random(1), ["van"])
    work = {"task_type": "3d-point-cloud-object-tracking", "labels": ["van"], "label_attribute_name": "van-ref"}
    old = make(amazon, name, [{**SEQUENCE_LINE, "truth": truth}], **work)
    assert old["LabelCounters"]["HumanLabeled"] == 1, old
    entries = bring(amazon, lab, name, data=Data.ALL)
    assert [one.outcome for one in entries if one.kind in {"labeling job", "object"}] == [Outcome.MADE], entries
    assert objects.keys() <= {f"s3://lab/{key}" for key in lab.keys("street/")}
    (line,) = lab.output(lab.describe(name))
    assert line["van-ref-metadata"]["class-map"] == {"0": "van"}


def test_a_description_that_is_none_keeps_nobody_else(amazon: Lab, lab: Lab, name: str) -> None:
    description = make(amazon, f"{name}-1")
    make(amazon, f"{name}-2")
    broken = {key: value for key, value in description.items() if key != "OutputConfig"}
    entries = bring(pretending(amazon, f"{name}-1", broken), lab, f"{name}-1", f"{name}-2")
    jobs = {one.name: one.outcome for one in entries if one.kind == "labeling job"}
    assert jobs == {f"{name}-1": Outcome.REFUSED, f"{name}-2": Outcome.MADE}


def test_lines_that_can_not_be_read_are_told_with_their_number(amazon: Lab, lab: Lab, name: str) -> None:
    make_running(amazon, name)
    uri = f"s3://lab/{name}/{name}/manifests/output/output.manifest"
    amazon.put(uri.removeprefix("s3://lab/"), '{"source": "a"}\n{"source": \n')
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.REFUSED
    assert f"{uri}: line 2:" in told(entry)
    assert ground_truth(lab).find_job(name) is None


def test_with_one_s3_for_both_amazons_output_stays_as_it_is(amazon: Lab, name: str, tmp_path: Path) -> None:
    old = make(amazon, name, [*texts(2), UNKNOWN])
    uri = old["LabelingJobOutput"]["OutputDatasetS3Uri"]
    before = amazon.get(uri)
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    service = Service(tmp_path, "--s3-endpoint", amazon.service.endpoint_url, env=keys)
    try:
        there = Lab(service, amazon.s3)
        with pytest.raises(MovingError, match="S3 is at .* Name it with --s3-endpoint-url"):
            bring(amazon, there, name)

        def make_client(which: str, **settings: Any) -> Any:
            return (amazon if which == "s3" else there).service.client(which)

        move = Move(ground_truth(amazon), GroundTruth(make_client), Manner(data=Data.ALL))
        entries = list(move.run(Choice(names=[name])))
        assert entries[-1].outcome == Outcome.MADE, entries
        new = there.describe(name)
        assert new["OutputConfig"]["S3OutputPath"] == f"s3://lab/{name}/self-hosted"
        assert amazon.get(new["LabelingJobOutput"]["OutputDatasetS3Uri"]) == before
        assert amazon.get(uri) == before
    finally:
        service.stop()


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
    second = run(lab, workforce=PrivateWorkteam(lab.team("private-people")))
    for key in ("job_name", "status", "output_manifest_uri", "label_attribute_name"):
        assert second[key] == first[key]
    assert len(lab.output(lab.describe(first["job_name"]))) == 3
    sensor = LabelingJobSensor(task_id="wait", job_name=first["job_name"])
    assert sensor.poke(context()).xcom_value["output_manifest_uri"] == first["output_manifest_uri"]


def test_masks_come_along_so_that_people_can_adjust_them(amazon: Lab, lab: Lab, name: str) -> None:
    pixels = np.zeros((40, 60), dtype=np.uint8)
    pixels[10:30, 10:40] = 1
    truth, shown = (amazon.put(f"{name}/{one}.png", png(pixels * factor)) for one, factor in (("truth", 1), ("a", 200)))
    work = {"task_type": "semantic-segmentation", "labels": ["water"], "label_attribute_name": "water-ref"}
    old = make(amazon, name, [{"source-ref": shown, "truth": truth}], **work)
    assert old["LabelCounters"]["HumanLabeled"] == 1, old
    bring(amazon, lab, name, data=Data.ALL)
    assert {shown, truth} <= {f"s3://lab/{key}" for key in lab.keys(name)}
    audit = {**work, "task_type": "adjustment-semantic-segmentation", "audited_attribute": "water-ref"}
    uri = lab.describe(name)["LabelingJobOutput"]["OutputDatasetS3Uri"]
    audit |= {"label_attribute_name": "better-ref", "workers_per_object": 1}
    adjusted, (line,) = lab.run(uri, **audit)
    assert adjusted["LabelCounters"]["HumanLabeled"] == 1, line
    assert lab.get(line["better-ref"])


def png(pixels: Any) -> bytes:
    body = io.BytesIO()
    Image.fromarray(pixels).save(body, "PNG")
    return body.getvalue()


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
            list(Move(source, target).run(Choice()))


def test_a_job_that_the_service_does_not_take_in_is_told(
    amazon: Lab, lab: Lab, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make(amazon, name)
    amazon.put(old["LabelCategoryConfigS3Uri"].removeprefix("s3://lab/"), '{"labels": []}')
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.REFUSED
    assert "It is Failed here" in told(entry)
    monkeypatch.setattr(moving, "MAX_SETTLE_SECONDS", -1.0)
    assert bring_one(amazon, lab, name).outcome == Outcome.REFUSED
