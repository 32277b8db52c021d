"""What comes along with a job from Amazon: its output, its manifest, and its data objects."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from dev.stack import Service
from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.jobs.moving import JobMove
from labeling_provider.jobs.moving_choice import Data, JobChoice, Manner
from labeling_provider.jobs.moving_teams import MovingError, Outcome
from tests.client.clients import ground_truth
from tests.conftest import Lab, texts
from tests.jobs.amazons import pretending
from tests.jobs.moves import UNKNOWN, arguments_for, bring, bring_one, make, make_running, png, told
from tests.service.kinds.some_clouds import SEQUENCE_LINE, cloud_objects, tracks_label

pytestmark = pytest.mark.once


def test_an_output_manifest_that_an_earlier_run_did_not_bring_is_brought(amazon: Lab, lab: Lab, name: str) -> None:
    old = make(amazon, name, [*texts(2), UNKNOWN])
    bring(amazon, lab, name)
    uri = old["LabelingJobOutput"]["OutputDatasetS3Uri"]
    whole = amazon.get(uri)
    # As the service has written it, and the run was killed then.
    lab.put(uri.removeprefix("s3://lab/"), b"".join(whole.splitlines(keepends=True)[:2]))
    assert bring_one(amazon, lab, name).outcome == Outcome.THERE
    assert lab.get(uri) == whole


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


def test_lines_that_can_not_be_read_are_told_with_their_number(amazon: Lab, lab: Lab, name: str) -> None:
    make_running(amazon, name)
    uri = f"s3://lab/{name}/{name}/manifests/output/output.manifest"
    amazon.put(uri.removeprefix("s3://lab/"), '{"source": "a"}\n{"source": \n')
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.REFUSED
    assert f"{uri}: line 2:" in told(entry)
    assert ground_truth(lab).find_job(name) is None


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

        move = JobMove(ground_truth(amazon), GroundTruth(make_client), Manner(data=Data.ALL))
        entries = list(move.run(JobChoice(names=[name])))
        assert entries[-1].outcome == Outcome.MADE, entries
        new = there.describe(name)
        assert new["OutputConfig"]["S3OutputPath"] == f"s3://lab/{name}/self-hosted"
        assert amazon.get(new["LabelingJobOutput"]["OutputDatasetS3Uri"]) == before
        assert amazon.get(uri) == before
    finally:
        service.stop()
