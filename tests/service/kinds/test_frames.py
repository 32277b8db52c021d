"""Video frames: what workers answer, what becomes of it, and what simulated workers do."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.frame_tools import TOOLS
from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.kind import Answered, AnswerError, Kind, WorkerAnswer
from tests.service.in_process import InProcess
from tests.service.kinds.some_jobs import LABELS, former_sequence, make_kind
from tests.service.kinds.some_sequences import (
    ATTRIBUTES,
    NAMES,
    PREFIX,
    URI,
    WEATHER,
    sequence_file,
    sequence_label,
    sequence_objects,
    shape,
)

STAMP = "2026-01-02T03:04:05.000006"
DETECTION, TRACKING = "video-object-detection", "video-object-tracking"
LINE = {"source-ref": URI}


def tracked(label: str, number: int, left: float, **attributes: Any) -> dict[str, Any]:
    """A box in a worker's answer."""
    ids = {"objectId": f"id-{label}-{number}", "objectName": f"{label}:{number}"}
    return {"label": label, **ids, "labelCategoryAttributes": attributes, **shape("BoundingBox", left, 4)}


def frame(number: int, *boxes: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {"frameNumber": number, "frame": NAMES[number], "frameAttributes": attributes, "boundingBoxes": list(boxes)}


def label_of(kind: Kind, content: dict[str, Any], line: dict[str, Any] = LINE) -> tuple[Any, dict[str, Any]]:
    """The label, and the content of its file."""
    kind.check_answer(content, line)
    consolidated = kind.consolidate([Answered(7, line, [WorkerAnswer("private.a", content)])], STAMP)
    assert consolidated is not None
    assert consolidated.failed == {}
    label = consolidated.labels[7]
    ((uri, (body, kind_of)),) = label.files.items()
    assert (uri, kind_of) == (label.value, "application/json")
    return label, json.loads(body)


def test_the_label_of_a_tracking_job_is_a_file_as_amazon_writes_it() -> None:
    kind = make_kind(TRACKING, categoryGlobalAttributes=ATTRIBUTES, frameAttributes=WEATHER)
    boxes = [tracked("cow", 1, 3, parked="yes"), tracked("ant", 1, 9, parked="no")]
    content = {kind.key: {"frames": [frame(1, *boxes, weather="wet"), frame(2, tracked("cow", 1, 5, parked="yes"))]}}
    label, document = label_of(kind, content)
    assert label.value == "s3://lab/out/job/annotations/consolidated-annotation/output/7/SeqLabel.json"
    assert label.metadata == {"class-map": {"0": "ant", "2": "cow"}}
    frames = document["tracking-annotations"]
    assert [frame["frame-no"] for frame in frames] == ["0", "1", "2", "3", "4"], "no frame is left out"
    assert frames[0] == {"annotations": [], "frame-no": "0", "frame": "000.jpg", "frame-attributes": {}}
    assert frames[1]["frame-attributes"] == {"weather": "wet"}
    assert frames[1]["annotations"][0] == {
        "left": 3,
        "top": 4,
        "width": 8,
        "height": 8,
        "class-id": "2",
        "label-category-attributes": {"parked": "yes"},
        "object-id": "id-cow-1",
        "object-name": "cow:1",
    }


def test_the_label_of_a_detection_job_has_no_ids() -> None:
    kind = make_kind(DETECTION)
    box = {"label": "bee", "labelCategoryAttributes": {}, **shape("BoundingBox", 1, 2)}
    _, document = label_of(kind, {"detectionAnnotations": {"frames": [frame(0, box, box)]}})
    first = document["detection-annotations"][0]
    assert first["annotations"][0] == {
        **shape("BoundingBox", 1, 2),
        "class-id": "1",
        "label-category-attributes": {},
    }
    assert "frame-attributes" not in first


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", [DETECTION, TRACKING])
@given(seed=st.integers(0, 10**6))
def test_each_tool_has_its_list(name: str, tool: str, seed: int) -> None:
    kind = make_kind(name, annotationType=tool, categoryGlobalAttributes=ATTRIBUTES, frameAttributes=WEATHER)
    truth = sequence_label(kind.key, Random(seed), LABELS, tool)
    content = kind.simulate(LINE, truth, True, Random(seed))
    assert content is not None
    assert label_of(kind, json.loads(json.dumps(content)))[1] == truth, "what is right comes out as it went in"


def test_frames_are_in_the_order_of_their_names_bytes() -> None:
    kind = make_kind(DETECTION)
    kind.job.object_store.write({URI: (sequence_file(["f10.jpg", "f2.jpg", "F3.jpg"]), "")})
    assert [frame["frame"] for frame in kind.own_input(LINE)["frames"]] == ["F3.jpg", "f10.jpg", "f2.jpg"]
    assert kind.own_input(LINE)["frames"][1] == {"frame-no": 0, "frame": "f10.jpg", "uri": f"{PREFIX}f10.jpg"}


COW = tracked("cow", 1, 3, parked="no")


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (3, "frames is missing or not a list"),
        ([{**frame(0), "frameNumber": 9}], r"frames\[0\].frameNumber is not the number of a frame"),
        ([frame(0), frame(0)], "frameNumber is 0, which another frame has"),
        ([{**frame(0), "frame": "else.jpg"}], r"frames\[0\].frame is not the name of frame 0"),
        ([frame(0, {**COW, "label": "gnu"})], r"boundingBoxes\[0\].label is 'gnu'"),
        ([frame(0, {**COW, "width": 0})], r"boundingBoxes\[0\].width is 0; a box has"),
        ([frame(0, {**COW, "left": "3"})], r"boundingBoxes\[0\].left is '3'; write a number of pixels"),
        ([frame(0, COW, COW)], "frame 0: an object is in it twice"),
        ([frame(0, COW), frame(1, {**COW, "objectName": "cow:2"})], "one objectId and one objectName"),
        ([frame(0, COW, {**COW, "objectId": "other"})], "one objectId and one objectName"),
        ([frame(0, {**COW, "objectName": "bee:1"})], "objectName is not the label and a number, such as 'cow:1'"),
        ([frame(0, tracked("cow", 1, 3))], "frame 0: cow:1: the attribute parked is required"),
        ([frame(0, tracked("cow", 1, 3, parked="maybe"))], "parked is 'maybe', which is not one of its choices"),
        ([frame(0, tracked("cow", 1, 3, parked="no", size="l"))], "has 'size', which is not one of its attributes"),
        ([frame(0, weather="dry"), frame(2, COW)], "frame 1: the attribute weather is required"),
        ([frame(0, weather=7)], "frameAttributes.weather is not a text"),
    ],
)
def test_a_wrong_answer_is_told_where_it_is_wrong(frames: Any, words: str) -> None:
    required = [{**WEATHER[0], "isRequired": "required" in words and "weather" in words}]
    kind = make_kind(TRACKING, categoryGlobalAttributes=ATTRIBUTES, frameAttributes=required)
    with pytest.raises(AnswerError, match=words):
        kind.check_answer({kind.key: {"frames": frames}}, LINE)


@pytest.mark.parametrize("body", [None, b"{", b'{"seq-no": 1}'])
def test_an_object_without_a_sequence_is_kept_from_people(body: bytes | None) -> None:
    kind = make_kind(TRACKING)
    if body is None:
        assert kind.obstacle({"source-ref": "s3://lab/none.json"}) == "There is no sequence file s3://lab/none.json."
        return
    kind.job.object_store.write({URI: (body, "")})
    assert f"The sequence file can't be used. {URI}: " in str(kind.obstacle(LINE))


def test_a_sequence_with_a_frame_that_is_missing_is_kept_from_people() -> None:
    kind = make_kind(TRACKING)
    assert kind.obstacle(LINE) is None
    kind = make_kind(TRACKING)
    kind.job.object_store.write({URI: (sequence_file([*NAMES, "gone.jpg"]), "")})
    assert kind.obstacle(LINE) == f"There is no picture {PREFIX}gone.jpg for frame 5."


@pytest.mark.parametrize("truth", [3, [], {}, {"tracking-annotations": [{"frame-no": "0"}, 3]}])
def test_a_truth_that_is_none_is_declined(truth: Any) -> None:
    assert make_kind(TRACKING).simulate(LINE, truth, True, Random(1)) is None


def test_the_truth_may_be_a_file_and_a_missing_one_is_told() -> None:
    kind = make_kind(TRACKING)
    truth = sequence_label(kind.key, Random(3), LABELS)
    kind.job.object_store.write({"s3://lab/truth.json": (json.dumps(truth).encode(), "")})
    assert kind.simulate(LINE, "s3://lab/truth.json", True, Random(1)) == kind.simulate(LINE, truth, True, Random(1))
    with pytest.raises(ObjectFailure, match=r"there is no file s3://lab/no\.json with the truth"):
        kind.simulate(LINE, "s3://lab/no.json", True, Random(1))


def test_careless_workers_are_wrong_but_plausible() -> None:
    kind = make_kind(TRACKING)
    truth = sequence_label(kind.key, Random(3), LABELS)
    right = kind.simulate(LINE, truth, True, Random(1))
    for seed in range(6):
        wrong = kind.simulate(LINE, truth, False, Random(seed))
        assert wrong != right
        kind.check_answer(wrong, LINE)


# Audits


def audit(label: dict[str, Any], name: str = TRACKING, **categories: Any) -> tuple[Kind, dict[str, Any]]:
    kind = make_kind(f"adjustment-{name}", auditLabelAttributeName="before-ref", **categories)
    return kind, {**LINE, **former_sequence(kind, label)}


@given(st.integers(0, 10**6))
def test_a_good_worker_leaves_what_is_right_and_corrects_the_rest(seed: int) -> None:
    truth = sequence_label("trackingAnnotations", Random(seed), LABELS)
    kind, line = audit(truth)
    label, document = label_of(kind, kind.simulate(line, truth, True, Random(seed)) or {}, line)
    assert label.metadata["adjustment-status"] == "unadjusted"
    assert document == truth, "attributes that this job does not offer are kept"


def test_corrections_keep_the_ids_of_objects() -> None:
    truth = sequence_label("trackingAnnotations", Random(3), LABELS)
    before = json.loads(json.dumps(truth).replace("id-", "old-"))
    moved = before["tracking-annotations"][2]["annotations"][0]
    moved["left"] += 50
    kind, line = audit(before)
    label, document = label_of(kind, kind.simulate(line, truth, True, Random(1)) or {}, line)
    assert label.metadata["adjustment-status"] == "adjusted"
    boxes = document["tracking-annotations"][2]["annotations"]
    assert {box["object-id"] for box in boxes} == {
        box["object-id"] for box in before["tracking-annotations"][2]["annotations"]
    }
    assert moved["left"] - 50 in [box["left"] for box in boxes if box["object-id"] == moved["object-id"]]


def test_what_the_category_file_locks_comes_back_as_it_was() -> None:
    truth = sequence_label("trackingAnnotations", Random(3), ["cow"])
    labels = [{"label": label, "editsAllowed": "none"} for label in LABELS]
    kind, line = audit(truth, labels=labels, categoryGlobalAttributes=ATTRIBUTES)
    initial = kind.own_input(line)["initial"]
    same = {**initial, "initialValueModified": False}
    kind.check_answer({kind.key: same}, line)
    with pytest.raises(AnswerError, match="frame 0: shapes that the category file locks were changed"):
        kind.check_answer({kind.key: {"frames": initial["frames"][1:]}}, line)
    initial["frames"][0]["boundingBoxes"][0]["labelCategoryAttributes"] = {"parked": "yes"}
    label, _ = label_of(kind, {kind.key: initial}, line)
    assert label.metadata["adjustment-status"] == "adjusted", "attributes may change"


def test_labels_of_another_tool_can_not_be_audited() -> None:
    truth = sequence_label("trackingAnnotations", Random(3), LABELS, "Polygon")
    kind, line = audit(truth)
    assert "was drawn with Polygon, but annotationType is BoundingBox" in str(kind.obstacle(line))
    kind, line = audit({"tracking-annotations": 3})
    assert "tracking-annotations is missing or not a list" in str(kind.obstacle(line))


def test_a_whole_job_writes_the_files_that_amazon_writes(tmp_path: Path) -> None:
    service = InProcess(tmp_path)
    truth = sequence_label("trackingAnnotations", Random(3), ["van"])
    service.storage.objects |= sequence_objects()
    lines = [{"source-ref": URI, "truth": truth}, {"source-ref": "s3://lab/none.json"}]
    manifest = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    arguments = {"labels": ["van"], "label_attribute_name": "track-ref", "workers_per_object": 1}
    try:
        description, output = service.run(manifest, name="yard", task_type=TRACKING, **arguments)
        objects = dict(service.storage.objects)
        again = {"name": "check", "audited_attribute": "track-ref", "task_type": f"adjustment-{TRACKING}"}
        _, checked = service.run(
            json.dumps(output[0]).encode(), **{**arguments, **again, "label_attribute_name": "b-ref"}
        )
    finally:
        service.close()
    assert description["LabelCounters"]["HumanLabeled"] == 1
    assert output[1]["track-ref-metadata"]["failure-reason"] == "There is no sequence file s3://lab/none.json."
    assert json.loads(objects[output[0]["track-ref"]])["tracking-annotations"][4]["frame"] == NAMES[4]
    metadata = output[0]["track-ref-metadata"]
    assert (metadata["type"], metadata["class-map"]) == ("groundtruth/video-object-tracking", {"0": "van"})
    (response,) = [uri for uri in objects if "/worker-response/" in uri and "/20" in uri and uri.count("/") == 9]
    (answer,) = json.loads(objects[response])["answers"]
    data = answer["answerContent"]["trackingAnnotations"]["frameData"]
    assert data["s3Prefix"] == response.removesuffix(".json") + "/"
    assert data["entries"] == [f"{number}.json" for number in range(5)]
    first = json.loads(objects[data["s3Prefix"] + "0.json"])
    assert first["trackingAnnotations"][0]["boundingBoxes"][0]["objectName"].startswith("van:")
    assert checked[0]["b-ref-metadata"]["adjustment-status"] == "unadjusted"
    assert checked[0]["track-ref"] == output[0]["track-ref"]
