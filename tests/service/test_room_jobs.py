"""Jobs of every kind that the service runs, from the manifest to the output."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labeling_provider.request import MechanicalTurk, PrivateWorkteam, VendorWorkteam
from tests.conftest import Lab, texts
from tests.own_names import own_id


def picture(lab: Lab, key: str, width: int = 60, height: int = 40) -> str:
    body = BytesIO()
    Image.new("RGB", (width, height), "white").save(body, "PNG")
    return lab.put(key, body.getvalue())


def test_text_classification_labels_every_object_as_the_workers_saw_it(lab: Lab) -> None:
    lines = [{**line, "row": number} for number, line in enumerate(texts(25))]
    description, output = lab.run(lines)
    assert description["LabelingJobStatus"] == "Completed"
    assert description["LabelCounters"] == {
        "TotalLabeled": 25,
        "HumanLabeled": 25,
        "MachineLabeled": 0,
        "FailedNonRetryableError": 0,
        "Unlabeled": 0,
    }
    assert [line["row"] for line in output] == list(range(25))
    for line in output:
        metadata = line["label-metadata"]
        assert metadata["class-name"] == line["truth"]
        assert line["label"] == ["cat", "dog", "bird"].index(line["truth"])
        assert metadata["type"] == "groundtruth/text-classification"
        assert metadata["job-name"] == f"labeling-job/{description['LabelingJobName']}"
        assert metadata["human-annotated"] == "yes"
        assert 0.5 < metadata["confidence"] <= 0.99
        assert len(metadata["creation-date"]) == len("2024-05-03T09:14:02.318240")


def test_labels_name_their_job_in_lower_case_as_on_amazon(lab: Lab) -> None:
    name = f"Marsh-Birds-{own_id().hex[:8]}"
    description, output = lab.run(texts(1), name=name)
    assert description["LabelingJobName"] == name
    assert output[0]["label-metadata"]["job-name"] == f"labeling-job/{name.lower()}"


def test_one_worker_gives_no_confidence(lab: Lab) -> None:
    _, output = lab.run(texts(3), workers_per_object=1)
    assert [line["label-metadata"]["confidence"] for line in output] == [0.0] * 3


@pytest.mark.parametrize("workforce", ["vendor-simulated", "public"])
def test_vendors_and_the_public_work_too(lab: Lab, workforce: str) -> None:
    team = (
        MechanicalTurk(0.012, free_of_personal_information=True)
        if workforce == "public"
        else VendorWorkteam(lab.team(workforce))
    )
    description, output = lab.run(texts(12), workforce=team)
    assert description["LabelCounters"]["TotalLabeled"] == 12
    responses = lab.keys(f"out/{description['LabelingJobName']}/annotations/worker-response/")
    answer = json.loads(lab.get(f"s3://{lab.bucket}/{responses[0]}"))["answers"][0]
    assert ("workerMetadata" in answer) == ("acceptanceTime" in answer) == (workforce != "public")
    seconds = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d" + ("" if workforce == "public" else r"\.\d{3}") + "Z"
    assert re.fullmatch(seconds, answer["submissionTime"])
    assert answer["workerId"].startswith(f"{workforce.partition('-')[0]}.us-east-1.")
    assert len(output) == 12


def test_image_classification_with_several_labels(lab: Lab) -> None:
    uri = picture(lab, "img/multi.png")
    lines = [{"source-ref": uri, "truth": truth} for truth in (["cat", "bird"], [], ["dog"])]
    _, output = lab.run(lines, task_type="image-classification-multilabel", label_attribute_name="animals")
    assert [line["animals"] for line in output] == [[0, 2], [], [1]]
    metadata = output[0]["animals-metadata"]
    assert metadata["class-map"] == {"0": "cat", "2": "bird"}
    assert set(metadata["confidence-map"]) == {"0", "2"}
    assert metadata["type"] == "groundtruth/image-classification-multilabel"


def test_video_classification(lab: Lab) -> None:
    lines = [{"source-ref": f"s3://{lab.bucket}/clips/{name}.mp4", "truth": name} for name in ("cat", "dog")]
    _, output = lab.run(lines, task_type="video-classification")
    assert [line["label-metadata"]["class-name"] for line in output] == ["cat", "dog"]


def test_bounding_boxes_are_averaged_over_the_workers(lab: Lab) -> None:
    uri = picture(lab, "img/boxes.png", 60, 40)
    box = {"label": "dog", "left": 10, "top": 5, "width": 20, "height": 20}
    lines = [{"source-ref": uri, "truth": [box]}, {"source-ref": uri, "truth": []}]
    _, output = lab.run(lines, task_type="bounding-box", label_attribute_name="boxes")
    value, metadata = output[0]["boxes"], output[0]["boxes-metadata"]
    assert value["image_size"] == [{"width": 60, "height": 40, "depth": 3}]
    (audited,) = value["annotations"]
    assert audited["class_id"] == 1
    assert abs(audited["left"] - 10) < 1
    assert abs(audited["top"] - 5) < 1
    assert (audited["width"], audited["height"]) == (20, 20)
    assert metadata["class-map"] == {"1": "dog"}
    assert len(metadata["objects"]) == 1
    assert metadata["objects"][0]["confidence"] > 0.5
    assert metadata["type"] == "groundtruth/object-detection"
    assert (output[1]["boxes"]["annotations"], output[1]["boxes-metadata"]["objects"]) == ([], [])


def reviewed(lab: Lab, kind: str, lines: list[dict[str, Any]], old: str, new: str) -> list[dict[str, Any]]:
    """The output lines after labels have been verified and all of them adjusted."""
    verified, verdicts = lab.run(
        lines,
        task_type=f"verification-{kind}",
        labels=["right", "wrong"],
        label_attribute_name="verdict",
        audited_attribute=old,
    )
    assert verified["LabelCounters"]["TotalLabeled"] == len(lines)
    again = [{**line, "truth": given["truth"]} for line, given in zip(verdicts, lines, strict=True)]
    _, output = lab.run(again, task_type=f"adjustment-{kind}", label_attribute_name=new, audited_attribute=old)
    return output


def test_boxes_are_verified_and_adjusted(lab: Lab) -> None:
    uri = picture(lab, "img/audited.png", 60, 40)
    box, moved = ({"label": "dog", "left": left, "top": 5, "width": 20, "height": 20} for left in (10, 30))
    lines = [{"source-ref": uri, "truth": [box]}, {"source-ref": uri, "truth": []}]
    _, labeled = lab.run(lines, task_type="bounding-box", label_attribute_name="boxes")
    # What was right has become wrong, so there is something to adjust.
    labeled[0]["truth"] = [moved]
    first, second = reviewed(lab, "bounding-box", labeled, "boxes", "adjusted")
    assert [line["verdict-metadata"]["class-name"] for line in (first, second)] == ["wrong", "right"]
    assert first["verdict-metadata"]["worker-feedback"] == [{"comment": "Boxes to correct: 1."}] * 3
    assert [line["adjusted-metadata"]["adjustment-status"] for line in (first, second)] == ["adjusted", "unadjusted"]
    assert first["adjusted-metadata"]["type"] == "groundtruth/object-detection"
    assert abs(first["adjusted"]["annotations"][0]["left"] - 30) < 1
    assert first["boxes"] == labeled[0]["boxes"]
    assert second["adjusted"] == second["boxes"]


def test_masks_are_verified_and_adjusted(lab: Lab) -> None:
    truths = np.zeros((2, 40, 60), dtype=np.uint8)
    truths[0, 10:30, 10:30], truths[1, 10:30, 30:50] = 1, 3
    uris = []
    for number, truth in enumerate(truths):
        body = BytesIO()
        Image.fromarray(truth).save(body, "PNG")
        uris.append(lab.put(f"masks/audited-{number}.png", body.getvalue()))
    line = {"source-ref": picture(lab, "img/audited-seg.png"), "truth": uris[0]}
    _, labeled = lab.run([line, line], task_type="semantic-segmentation")
    labeled[0]["truth"] = uris[1]
    first, second = reviewed(lab, "semantic-segmentation", labeled, "label-ref", "adjusted-ref")
    assert [line["verdict-metadata"]["class-name"] for line in (first, second)] == ["wrong", "right"]
    assert first["verdict-metadata"]["worker-feedback"][0] == {"comment": "To correct: cat, class 3."}
    metadata = [line["adjusted-ref-metadata"] for line in (first, second)]
    assert [about["adjustment-status"] for about in metadata] == ["adjusted", "unadjusted"]
    for line, truth in zip((first, second), truths[::-1], strict=True):
        assert np.array_equal(np.asarray(Image.open(BytesIO(lab.get(line["adjusted-ref"])))), truth)
    assert list(metadata[0]["internal-color-map"]) == ["0", "3"]


def test_named_entities_keep_their_offsets_in_characters(lab: Lab) -> None:
    text = "Die „Aurora“ verließ Bergen."
    spans = [
        {"label": "Vessel", "startOffset": text.index("Aurora"), "endOffset": text.index("Aurora") + 6},
        {"label": "Port", "startOffset": text.index("Bergen"), "endOffset": text.index("Bergen") + 6},
    ]
    labels = [{"label": "Vessel", "shortDisplayName": "VES"}, {"label": "Port", "shortDisplayName": "PRT"}]
    _, output = lab.run([{"source": text, "truth": spans}], task_type="named-entity-recognition", labels=labels)
    assert output[0]["label"] == {"annotations": {"labels": labels, "entities": spans}}
    assert output[0]["label-metadata"]["type"] == "groundtruth/text-span"
    assert len(output[0]["label-metadata"]["entities"]) == 2


def test_segmentation_masks_come_back_as_palette_pictures(lab: Lab) -> None:
    truth = np.zeros((40, 60), dtype=np.uint8)
    truth[10:30, 10:30] = 1
    truth[10:30, 35:55] = 2
    body = BytesIO()
    Image.fromarray(truth).save(body, "PNG")
    mask = lab.put("masks/one.png", body.getvalue())
    lines = [{"source-ref": picture(lab, "img/seg.png"), "truth": mask}]
    _, output = lab.run(lines, task_type="semantic-segmentation", labels=["water", "reed"])
    uri, metadata = output[0]["label-ref"], output[0]["label-ref-metadata"]
    assert "/annotations/consolidated-annotation/output/0_" in uri
    image = Image.open(BytesIO(lab.get(uri)))
    assert image.mode == "P"
    assert np.array_equal(np.asarray(image), truth)
    colors = metadata["internal-color-map"]
    assert {key: value["class-name"] for key, value in colors.items()} == {"0": "BACKGROUND", "1": "water", "2": "reed"}
    palette = image.getpalette()
    assert palette is not None
    assert "#%02x%02x%02x" % tuple(palette[3:6]) == colors["1"]["hex-color"]  # noqa: UP031 - three numbers at once


def test_a_custom_task_runs_the_callers_functions(lab: Lab) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:"
    lines = [{"source": f"melon {number}", "truth": {"grade": "AB"[number % 2]}} for number in range(4)]
    _, output = lab.run_custom(
        lines,
        pre_annotation_function=arn + "pre",
        consolidation_function=arn + "consolidate",
    )
    assert [line["label"]["grade"] for line in output] == ["A", "B", "A", "B"]


def test_a_custom_task_without_consolidation_points_to_the_answers(lab: Lab) -> None:
    _, output = lab.run_custom([{"source": "melon", "truth": {"grade": "A"}}])
    assert output[0]["label"] == {}
    answers = json.loads(lab.get(output[0]["label-metadata"]["worker-response-ref"]))["answers"]
    assert [answer["answerContent"] for answer in answers] == [{"grade": "A"}] * 3


def test_a_pre_annotation_function_can_keep_objects_from_people(lab: Lab) -> None:
    lines = [{"source": "a", "truth": {"grade": "A"}}, {"source": "b", "skip": 1, "truth": {"grade": "B"}}]
    description, output = lab.run_custom(
        lines,
        pre_annotation_function="arn:aws:lambda:us-east-1:123456789012:function:pre_skips",
    )
    assert description["LabelCounters"]["TotalLabeled"] == 1
    assert "label" not in output[1]
    assert "pre-annotation" in output[1]["label-metadata"]["failure-reason"]


def test_a_function_that_raises_fails_the_job_and_is_named(lab: Lab) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:broken"
    description, _ = lab.run_custom(
        [{"source": "a", "truth": {"grade": "A"}}],
        consolidation_function=arn,
    )
    assert description["LabelingJobStatus"] == "Failed"
    assert arn in description["FailureReason"]
    assert "LambdaErrorCode: Unhandled" in description["FailureReason"]


def test_the_output_folder_is_laid_out_as_on_amazon(lab: Lab) -> None:
    description, output = lab.run(texts(70), max_concurrent_objects=40)
    prefix = f"out/{description['LabelingJobName']}/"
    keys = [key.removeprefix(prefix) for key in lab.keys(prefix)]
    responses = [key for key in keys if key.startswith("annotations/worker-response/")]
    assert len(responses) == 70
    assert {key.split("/")[2] for key in responses} == {"iteration-1", "iteration-2", "iteration-3"}
    first = [key for key in responses if "iteration-1/" in key]
    assert len(first) == 10, "the first set is ten objects"
    answers = json.loads(lab.get(f"s3://{lab.bucket}/{prefix}{first[0]}"))["answers"]
    assert len(answers) == 3
    assert set(answers[0]) == {
        "answerContent",
        "submissionTime",
        "acceptanceTime",
        "timeSpentInSeconds",
        "workerId",
        "workerMetadata",
    }
    requests = [key for key in keys if "/consolidation-request/" in key]
    assert len(requests) == len([key for key in keys if "/consolidation-response/" in key])
    payload = [entry for key in requests for entry in json.loads(lab.get(f"s3://{lab.bucket}/{prefix}{key}"))]
    assert sorted(int(entry["datasetObjectId"]) for entry in payload) == list(range(70))
    assert set(payload[0]) == {"datasetObjectId", "dataObject", "annotations"}
    content = json.loads(payload[0]["annotations"][0]["annotationData"]["content"])
    assert set(content["crowd-classifier"]) == {"label"}
    response = next(key for key in keys if "/consolidation-response/" in key)
    entry = json.loads(lab.get(f"s3://{lab.bucket}/{prefix}{response}"))[0]
    merged = entry["consolidatedAnnotation"]["content"]
    assert merged.items() <= output[int(entry["datasetObjectId"])].items()
    assert [key for key in keys if key.startswith("annotations/intermediate/")] == [
        f"annotations/intermediate/{number}/annotations.json" for number in (1, 2, 3)
    ]


def test_lines_that_have_the_label_are_left_as_they_are(lab: Lab) -> None:
    lines = texts(5)
    lines[2] = {**lines[2], "label": 0, "label-metadata": {"class-name": "cat", "job-name": "labeling-job/before"}}
    description, output = lab.run(lines)
    assert description["LabelCounters"]["TotalLabeled"] == 4
    assert output[2] == lines[2]


def test_chaining_labels_only_what_is_missing(lab: Lab) -> None:
    first, _ = lab.run(texts(20), max_human_labeled_objects=12)
    assert first["LabelingJobStatus"] == "Stopped"
    assert first["LabelCounters"]["HumanLabeled"] == 12
    second, output = lab.run(first["LabelingJobOutput"]["OutputDatasetS3Uri"])
    assert second["LabelCounters"]["HumanLabeled"] == 8
    assert all(line["label-metadata"]["class-name"] == line["truth"] for line in output)


def test_a_percentage_stops_the_job(lab: Lab) -> None:
    description, _ = lab.run(texts(40), max_percentage_labeled=50)
    assert description["LabelingJobStatus"] == "Stopped"
    assert description["LabelCounters"]["TotalLabeled"] == 20


def test_objects_that_every_worker_declines_end_unlabeled_with_a_reason(lab: Lab) -> None:
    team = lab.service.ready["workteams"]["reluctant"]
    description, output = lab.run(texts(4), workforce=PrivateWorkteam(team))
    assert description["LabelingJobStatus"] == "Completed"
    assert description["LabelCounters"]["FailedNonRetryableError"] == 4
    assert all("label" not in line and "declined" in line["label-metadata"]["failure-reason"] for line in output)


def test_objects_whose_truth_nobody_knows_are_declined(lab: Lab) -> None:
    description, output = lab.run([{"source": "no idea"}, {"source": "a cat", "truth": "cat"}])
    assert description["LabelCounters"]["TotalLabeled"] == 1
    assert "failure-reason" in output[0]["label-metadata"]


def test_a_job_for_people_waits_and_can_be_stopped(lab: Lab) -> None:
    name = lab.create(texts(15), workforce=lab.people)
    lab.wait(name, {"InProgress"})
    lab.sagemaker.stop_labeling_job(LabelingJobName=name)
    description = lab.wait(name)
    assert description["LabelingJobStatus"] == "Stopped"
    assert description["LabelCounters"]["Unlabeled"] == 15
    assert lab.output(description) == texts(15)


def test_a_job_whose_output_bucket_is_gone_fails_with_that_reason(lab: Lab) -> None:
    lab.s3.create_bucket(Bucket="short-lived")
    categories = lab.put("categories.json", json.dumps({"labels": [{"label": "cat"}, {"label": "dog"}]}))
    template = lab.put("template.liquid", "<crowd-form></crowd-form>")
    files = {"labels": None, "category_uri": categories, "instructions": None, "ui_template_uri": template}
    name = lab.create(texts(3), workforce=lab.people, output_uri="s3://short-lived/out", description="d", **files)
    lab.wait(name, {"InProgress"})
    for entry in lab.s3.list_objects_v2(Bucket="short-lived")["Contents"]:
        lab.s3.delete_object(Bucket="short-lived", Key=entry["Key"])
    lab.s3.delete_bucket(Bucket="short-lived")
    lab.sagemaker.stop_labeling_job(LabelingJobName=name)
    description = lab.wait(name)
    assert description["LabelingJobStatus"] == "Failed"
    assert "the bucket does not exist" in description["FailureReason"]


def test_careless_workers_are_outvoted(lab: Lab) -> None:
    team = lab.service.ready["workteams"]["careless"]
    _, output = lab.run(texts(200), workforce=PrivateWorkteam(team), workers_per_object=5)
    right = sum(line["label-metadata"]["class-name"] == line["truth"] for line in output)
    assert right >= 180


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b'{"source": "a"}\n' * 6 + b"{broken\n", "line 7"),
        (b'{"source": "a"}\n{"text": "b"}\n', 'line 2: has no "source"'),
        (b'{"source": "\xff"}\n', "line 1: byte 13 is not UTF-8"),
        (b'{"source": "' + b"a" * 100_001 + b'"}\n', "line 1: 100,016 characters"),
    ],
    ids=["empty", "broken-line-7", "no-source", "not-utf8", "too-long"],
)
def test_a_bad_manifest_fails_the_job_and_names_the_line(lab: Lab, body: bytes, words: str) -> None:
    description, _ = lab.run(lab.put("in/bad.manifest", body))
    assert description["LabelingJobStatus"] == "Failed"
    assert words in description["FailureReason"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"manifest_uri": "s3://lab/no-such.manifest"}, "input manifest s3://lab/no-such.manifest does not exist"),
        ({"labels": None, "category_uri": "s3://lab/no-such.json"}, "label category file s3://lab/no-such.json"),
        ({"instructions": None, "ui_template_uri": "s3://lab/no-such.html"}, "worker template s3://lab/no-such.html"),
        ({"labels": ["cat", "cat"]}, "appear twice: cat"),
        ({"labels": ["cat"]}, "at least 2"),
    ],
    ids=["manifest", "categories", "template", "duplicate-labels", "too-few-labels"],
)
def test_a_missing_or_wrong_file_fails_the_job_and_is_named(lab: Lab, change: dict, words: str) -> None:
    description, _ = lab.run(texts(3), **change)
    assert description["LabelingJobStatus"] == "Failed"
    assert words in description["FailureReason"]
