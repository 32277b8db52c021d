"""Ready functions in jobs of the service."""

from __future__ import annotations

import copy
import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from PIL import Image

from labeling_provider.groundtruth.ready_functions import READY_CONSOLIDATIONS
from labeling_provider.service.kinds.drawings import handlers as module
from labeling_provider.service.kinds.drawings.handlers import consolidated
from tests.conftest import Lab
from tests.service.kinds.drawings.answers import SQUARE, drawn, masked

CUSTOM = {"task_type": "custom", "labels": ["heron", "stork"]}
ANSWERS = {
    "polygons": drawn("polygons", ("stork", SQUARE)),
    "polylines": drawn("polylines", ("stork", SQUARE)),
    "lines": drawn("lines", ("stork", SQUARE[:2])),
    "keypoints": drawn("keypoints", ("stork", SQUARE[:1])),
    "instances": masked(("stork", 10, 10, 50, 50)),
}


@pytest.mark.parametrize("name", READY_CONSOLIDATIONS)
def test_a_job_with_a_ready_function_labels_its_objects(lab: Lab, name: str) -> None:
    lines = [{"source-ref": f"s3://lab/{name}.png", "truth": ANSWERS[name]}]
    description, (line,) = lab.run(lines, **CUSTOM, consolidation=name, label_attribute_name="birds")
    assert description["LabelingJobStatus"] == "Completed", description.get("FailureReason")
    label, about = line["birds"], line["birds-metadata"]
    assert label["image_size"] == [{"width": 200, "height": 100}]
    (drawing,) = label[name]
    assert drawing.pop("class_id") == 1
    if name == "instances":
        assert drawing == {"pixel_value": 1}
        pixels = np.asarray(Image.open(BytesIO(lab.get(label["mask"]))))
        assert (int(pixels.sum()), set(np.unique(pixels[10:50, 10:50]).tolist())) == (1600, {1})
    elif name == "keypoints":
        assert drawing == {"x": 10, "y": 10}
    else:
        corners = [[point["x"], point["y"]] for point in drawing["vertices"]]
        assert sorted(corners) == sorted([x, y] for x, y in SQUARE[: 2 if name == "lines" else 4])
    assert about["class-map"] == {"1": "stork"}
    assert about["objects"] == [{"confidence": 0.95}]
    assert (about["type"], about["human-annotated"]) == (f"labeling/{name}", "yes")
    assert about["job-name"] == f"labeling-job/{description['LabelingJobName']}"


def test_one_worker_gives_no_confidence_and_what_can_not_be_used_fails_its_object_alone(lab: Lab) -> None:
    lines = [
        {"source-ref": "s3://lab/a.png", "truth": ANSWERS["polygons"]},
        {"source-ref": "s3://lab/b.png", "truth": drawn("polygons", ("crane", SQUARE))},
    ]
    _, (good, bad) = lab.run(lines, **CUSTOM, consolidation="polygons", workers_per_object=1)
    assert good["label-metadata"]["objects"] == [{"confidence": 0.0}]
    assert good["label"]["polygons"][0]["vertices"] == [{"x": x, "y": y} for x, y in SQUARE]
    assert "label" not in bad
    assert bad["label-metadata"]["failure-reason"]


def test_without_labels_a_job_is_refused(lab: Lab) -> None:
    template = lab.put("polygons.liquid", "<crowd-form></crowd-form>")
    arguments = {"task_type": "custom", "labels": None, "instructions": None, "ui_template_uri": template}
    with pytest.raises(ClientError, match="consolidate-polygons needs labels"):
        lab.create([{"source-ref": "s3://lab/a.png"}], **arguments, consolidation="polygons")


class Bucket:
    """S3 for a function."""

    def __init__(self, payload: Any) -> None:
        self.payload, self.written = json.dumps(payload).encode(), dict[str, bytes]()

    def get_object(self, **place: str) -> Any:
        assert place == {"Bucket": "lab", "Key": KEY}
        return {"Body": BytesIO(self.payload)}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        assert ContentType == "image/png"
        self.written[f"s3://{Bucket}/{Key}"] = Body


KEY = "out/Job/annotations/consolidated-annotation/consolidation-request/iteration-1/2026-01-02_03:04:05.json"


def called(monkeypatch: pytest.MonkeyPatch, name: str, answers: Any, **event: Any) -> tuple[Any, Bucket]:
    """The result of a function for one object, and the bucket it has written to."""
    import boto3

    annotations = [
        {"workerId": f"private.{number}", "annotationData": {"content": json.dumps(answer)}}
        for number, answer in enumerate(answers)
    ]
    bucket = Bucket([{"datasetObjectId": "7", "dataObject": {"s3Uri": "s3://lab/a"}, "annotations": annotations}])
    monkeypatch.setattr(boto3, "client", lambda service: bucket)
    given = {
        "version": "2018-10-16",
        "labelingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/Job",
        "labelCategories": ["heron", "stork"],
        "labelAttributeName": "birds",
        "roleArn": "arn:aws:iam::123456789012:role/labeling",
        "payload": {"s3Uri": f"s3://lab/{KEY}"},
    }
    return consolidated(name, {**given, **event}), bucket


def test_what_only_amazon_does_not_document_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    result, bucket = called(monkeypatch, "instances", [ANSWERS["instances"]] * 2)
    (entry,) = result
    content = entry["consolidatedAnnotation"]["content"]
    assert entry["datasetObjectId"] == "7"
    assert content["birds-metadata"]["objects"] == [{"confidence": 0.95}], "two answers, so two workers were asked"
    folder = "s3://lab/out/Job/annotations/consolidated-annotation/output/"
    assert content["birds"]["mask"] == f"{folder}7_2026-01-02_03:04:05.png"
    assert list(bucket.written) == [content["birds"]["mask"]]


def test_answers_on_a_picture_of_another_size_do_not_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    turned = copy.deepcopy(ANSWERS["polygons"])
    turned["drawing"]["inputImageProperties"] = {"width": 100, "height": 200}
    answers = [turned, ANSWERS["polygons"], ANSWERS["polygons"], {"drawing": 3}, 5]
    (entry,), _ = called(monkeypatch, "polygons", answers, maxHumanWorkersPerDataObject=5)
    content = entry["consolidatedAnnotation"]["content"]
    assert content["birds"]["image_size"] == [{"width": 200, "height": 100}]
    assert content["birds-metadata"]["objects"] == [{"confidence": 0.95}]
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition("private.")[2][0] for line in printed] == ["3", "4", "0"]
    assert "its picture is not 200 × 100 pixels" in printed[2]


def test_a_job_without_labels_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="give it labels"):
        called(monkeypatch, "polygons", [], labelCategories=None)
    result, _ = called(monkeypatch, "polygons", [{}])
    assert result == [], "no answer can be used"
    assert module.read_drawing("polygons", ANSWERS["polygons"], {"stork": 0}).size == (200, 100)
