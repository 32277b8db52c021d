"""What comes along with a job from Amazon: its output, its manifest, and its data objects."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from dev.stack import Service, wait_until
from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.jobs.moving import JobMove
from labeling_provider.jobs.moving_choice import Data, JobChoice, Manner
from labeling_provider.jobs.moving_parts import MovingError, Outcome
from labeling_provider.manifest import Manifests
from tests.client.clients import ground_truth
from tests.conftest import Lab, texts
from tests.jobs.amazons import described, pretending, pretending_all
from tests.jobs.moves import UNKNOWN, arguments_for, bring, bring_one, make, make_running, notes_of, png
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


def test_labels_that_were_changed_here_since_are_left_as_they_are(amazon: Lab, lab: Lab, name: str) -> None:
    old = make(amazon, name, [*texts(2), UNKNOWN])
    bring(amazon, lab, name)
    uri = old["LabelingJobOutput"]["OutputDatasetS3Uri"]
    mine = lab.get(uri).replace(b'"label": 0', b'"label": 12')
    for corrected in (mine, mine.splitlines(keepends=True)[0], b"{"):
        lab.put(uri.removeprefix("s3://lab/"), corrected)
        again = bring_one(amazon, lab, name)
        assert again.outcome == Outcome.THERE
        assert "has changed here since the import" in notes_of(again)
        assert lab.get(uri) == corrected
    # What is gone at Amazon by now is no trouble either.
    amazon.s3.delete_object(Bucket="lab", Key=uri.removeprefix("s3://lab/"))
    assert bring_one(amazon, lab, name).outcome == Outcome.THERE
    assert lab.get(uri) == corrected


def test_what_an_earlier_run_could_not_copy_or_was_not_asked_to_comes_with_the_next(
    amazon: Lab, lab: Lab, name: str
) -> None:
    uris = [f"s3://lab/{name}/{state}.png" for state in ("here", "later", "known")]
    lines: list[dict[str, Any]] = [{"source-ref": uri} for uri in uris]
    lines[2] |= {"label": 0, "label-metadata": {"class-name": "cat"}}
    for index in (0, 2):
        amazon.put(uris[index].removeprefix("s3://lab/"), "x")
    make_running(amazon, name, lines, task_type="image-classification")
    first = bring(amazon, lab, name)
    assert [entry.name for entry in first if entry.outcome == Outcome.REFUSED] == [uris[1]]
    amazon.put(f"{name}/later.png", "x")
    second = bring_one(amazon, lab, name)
    assert (second.outcome, lab.get(uris[1])) == (Outcome.THERE, b"x")
    assert "Data objects: 1 copied, 1 already there." in second.notes
    third = bring_one(amazon, lab, name)
    assert "Data objects" not in notes_of(third)
    assert "Data objects: 1 to copy" in notes_of(bring_one(amazon, lab, name, data=Data.ALL, dry_run=True))
    assert "Data objects: 1 copied" in notes_of(bring_one(amazon, lab, name, data=Data.ALL))
    assert lab.get(uris[2]) == b"x"
    assert "Data objects" not in notes_of(bring_one(amazon, lab, name, data=Data.ALL))


def test_an_output_manifest_that_goes_on_changing_at_amazon_is_none_of_a_running_job(
    amazon: Lab, lab: Lab, name: str
) -> None:
    given = [{"source": "known", "label": 1, "label-metadata": {"class-name": "dog"}}]
    make_running(amazon, name, [*given, *texts(1)])
    output = f"{name}/{name}/manifests/output/output.manifest"
    wait_until(lambda: output in amazon.keys(name), 30, "there is an output manifest", 0.05)
    # As a run brought it that was refused then.
    lab.put(output, "older")
    entries = bring(amazon, lab, name)
    assert [entry.outcome for entry in entries if entry.kind in {"object", "labeling job"}] == [Outcome.MADE], entries
    # Until it has begun, what is there is older.
    assert len(lab.output(lab.wait(name, {"InProgress"}))) == 2


AMAZONS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "birds": (
        {"task_type": "text-classification", "label_attribute_name": "birds"},
        [
            {"source": "a", "birds": 1, "birds-metadata": {"class-name": "dog", "confidence": 0.95}},
            {"source": "b", "truth": "bird", "birds-metadata": {"failure-reason": "Expired"}},
        ],
    ),
    "tone": (
        {"task_type": "text-classification-multilabel", "label_attribute_name": "tone"},
        [
            {
                "source": "late again, but polite crew",
                "tone": [0, 2],
                "tone-metadata": {
                    "class-map": {"0": "cat", "2": "bird"},
                    "confidence-map": {"0": 0.95, "2": 0.61},
                },
            }
        ],
    ),
    "ents": (
        {"task_type": "named-entity-recognition", "label_attribute_name": "ents"},
        [
            {
                "source": "The Aurora left Bergen.",
                "ents": {
                    "annotations": {
                        "labels": [{"label": "Vessel", "shortDisplayName": "VES"}],
                        "entities": [{"label": "Vessel", "startOffset": 4, "endOffset": 10}],
                    }
                },
                "ents-metadata": {"entities": [{"confidence": 0}]},
            }
        ],
    ),
    "boxes": (
        {"task_type": "bounding-box", "label_attribute_name": "boxes", "labels": ["heron"]},
        [
            {
                "source-ref": "",
                "boxes": {
                    "image_size": [{"width": 60, "height": 40, "depth": 3}],
                    "annotations": [{"class_id": 0, "left": 12.4, "top": 6.2, "width": 14.0, "height": 30.6}],
                },
                "boxes-metadata": {"objects": [{"confidence": 0.93}], "class-map": {"0": "heron"}},
            }
        ],
    ),
}
"""Lines as Amazon writes them. Source: developer guide, "Labeling job output data"."""
TYPES = {"birds": "text-classification", "tone": "text-classification-multilabel", "ents": "text-span"}


def test_labels_as_amazon_writes_them_are_read_chained_verified_and_adjusted(amazon: Lab, lab: Lab, name: str) -> None:
    shown = amazon.put(f"{name}.png", png(np.zeros((40, 60, 3), np.uint8)))
    jobs = {}
    for attribute, (arguments, lines) in AMAZONS.items():
        job = f"{name}-{attribute}"
        jobs[job] = described(amazon.request(texts(1), job, **arguments_for(job, **arguments)), "Completed")
        about = {
            "type": f"groundtruth/{TYPES.get(attribute, 'object-detection')}",
            "job-name": f"labeling-job/{job.lower()}",
            "human-annotated": "yes",
            "creation-date": "2024-05-03T09:14:02.318240",
        }
        key = f"{attribute}-metadata"
        whole = [line | ({"source-ref": shown} if "source-ref" in line else {}) for line in lines]
        whole = [line | {key: {**about, **line[key]}} for line in whole]
        body = "".join(json.dumps(line) + "\n" for line in whole)
        amazon.put(f"{job}/{job}/manifests/output/output.manifest", body)
    entries = bring(pretending_all(amazon, jobs), lab, *jobs, data=Data.ALL)
    assert [entry for entry in entries if entry.outcome == Outcome.REFUSED] == []
    uris = {
        attribute: lab.describe(f"{name}-{attribute}")["LabelingJobOutput"]["OutputDatasetS3Uri"]
        for attribute in AMAZONS
    }
    read = Manifests(ground_truth(lab).objects)
    plain = {attribute: [label for _, label in read.labels(uri, attribute)] for attribute, uri in uris.items()}
    assert plain["birds"] == ["dog", None]
    assert plain["tone"] == [["cat", "bird"]]
    assert [entity["label"] for entity in plain["ents"][0]] == ["Vessel"]
    assert [box["label"] for box in plain["boxes"][0]] == ["heron"]
    _, chained = lab.run(uris["birds"], label_attribute_name="birds", workers_per_object=1)
    assert [line["birds"] for line in chained] == [1, 2]
    truth = [{"label": "heron", "left": 12, "top": 6, "width": 14, "height": 31}]
    (line,) = lab.output(lab.describe(f"{name}-boxes"))
    audit = {"audited_attribute": "boxes", "workers_per_object": 1}
    (verified,) = lab.run(
        [{**line, "truth": "right"}],
        task_type="verification-bounding-box",
        labels=["right", "wrong"],
        label_attribute_name="verdict",
        **audit,
    )[1]
    assert verified["verdict-metadata"]["class-name"] == "right"
    (adjusted,) = lab.run(
        [{**line, "truth": truth}],
        task_type="adjustment-bounding-box",
        labels=["heron"],
        label_attribute_name="better",
        **audit,
    )[1]
    assert adjusted["better-metadata"]["adjustment-status"] == "unadjusted"
    assert adjusted["better"]["annotations"] == line["boxes"]["annotations"]


def test_a_file_that_the_service_has_another_of_is_left_alone(amazon: Lab, lab: Lab, name: str) -> None:
    old = make(amazon, name)
    category = old["LabelCategoryConfigS3Uri"].removeprefix("s3://lab/")
    lab.put(category, "mine")
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.REFUSED
    assert category in notes_of(entry)
    assert lab.get(f"s3://lab/{category}") == b"mine"


@pytest.mark.parametrize(("data", "keys"), [("open", {"new"}), ("all", {"old", "new"}), ("none", set())])
def test_data_objects_come_along_as_asked(amazon: Lab, lab: Lab, name: str, data: str, keys: set[str]) -> None:
    old, new, gone = (f"{name} pictures/{file}" for file in ("old", "new", "../gone?#"))
    for key in (old, new):
        amazon.put(key, key)
    lines = [
        {"source-ref": f"s3://lab/{old}", "label": 0, "label-metadata": {"class-name": "cat"}},
        {"source-ref": f"https://lab.s3.us-east-1.amazonaws.com/{new.replace(' ', '%20')}"},
        {"source-ref": f"s3://lab/{gone}"},
    ]
    make_running(amazon, name, lines, task_type="image-classification")
    entries = bring(amazon, lab, name, data=Data(data))
    assert set(lab.keys(f"{name} pictures/")) == {f"{name} pictures/{key}" for key in keys}
    missing = [entry for entry in entries if entry.kind == "object"]
    expected = [] if data == "none" else [(f"s3://lab/{gone}", Outcome.REFUSED)]
    assert [(entry.name, entry.outcome) for entry in missing] == expected
    assert [entry.outcome for entry in entries if entry.kind == "labeling job"] == [Outcome.MADE]


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
    missing = {entry.name: notes_of(entry) for entry in entries if entry.kind == "object"}
    assert missing.keys() == {f"s3://lab/{name} frames/{frames[2]}", lines[1]["source-ref"]}
    assert "frames is missing" in missing[lines[1]["source-ref"]]
    assert "Data objects: 4 copied" in notes_of(entries[-1])


def test_clouds_and_pictures_of_a_sequence_come_along(amazon: Lab, lab: Lab, name: str) -> None:
    objects = cloud_objects()
    for uri, body in objects.items():
        amazon.put(uri.removeprefix("s3://lab/"), body)
        # Other tests may have put others there.
        lab.s3.delete_object(Bucket="lab", Key=uri.removeprefix("s3://lab/"))
    truth = tracks_label(Random(1), ["van"])
    work = {"task_type": "3d-point-cloud-object-tracking", "labels": ["van"], "label_attribute_name": "van-ref"}
    old = make(amazon, name, [{**SEQUENCE_LINE, "truth": truth}], **work)
    assert old["LabelCounters"]["HumanLabeled"] == 1, old
    entries = bring(amazon, lab, name, data=Data.ALL)
    assert [entry.outcome for entry in entries if entry.kind in {"labeling job", "object"}] == [Outcome.MADE], entries
    assert objects.keys() <= {f"s3://lab/{key}" for key in lab.keys("street/")}
    (line,) = lab.output(lab.describe(name))
    assert line["van-ref-metadata"]["class-map"] == {"0": "van"}


def test_lines_that_can_not_be_read_are_told_with_their_number(amazon: Lab, lab: Lab, name: str) -> None:
    make_running(amazon, name)
    uri = f"s3://lab/{name}/{name}/manifests/output/output.manifest"
    amazon.put(uri.removeprefix("s3://lab/"), '{"source": "a"}\n{"source": \n')
    entry = bring_one(amazon, lab, name)
    assert entry.outcome == Outcome.REFUSED
    assert f"{uri}: line 2:" in notes_of(entry)
    assert ground_truth(lab).find_job(name) is None


def test_masks_come_along_so_that_people_can_adjust_them(amazon: Lab, lab: Lab, name: str) -> None:
    pixels = np.zeros((40, 60), dtype=np.uint8)
    pixels[10:30, 10:40] = 1
    truth, shown = (
        amazon.put(f"{name}/{file}.png", png(pixels * factor)) for file, factor in (("truth", 1), ("a", 200))
    )
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
        amazon.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": entry["Key"]} for entry in keys]})
    amazon.s3.delete_bucket(Bucket=bucket)
    entries = [entry for entry in bring(amazon, lab, f"{name}-1", f"{name}-2") if entry.kind == "labeling job"]
    outcomes = {entry.name: (entry.outcome, notes_of(entry)) for entry in entries}
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
