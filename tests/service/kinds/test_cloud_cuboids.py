"""Cuboids in point clouds: what workers answer, what becomes of it, and what simulated workers do."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.frame_tools import CUBOID
from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.kind import AnswerError, Kind, ObjectLabel
from tests.service.in_process import InProcess
from tests.service.kinds.some_clouds import (
    LINE,
    NAMES,
    SEQUENCE_LINE,
    URI,
    WEATHER,
    cloud_objects,
    cuboid,
    cuboids_label,
    tracks_label,
)
from tests.service.kinds.some_jobs import LABELS, former_cloud, label_of, make_kind
from tests.service.kinds.some_sequences import ATTRIBUTES

DETECTION, TRACKING = "3d-point-cloud-object-detection", "3d-point-cloud-object-tracking"
SIDES = {"length": 4, "width": 2, "height": 1.5, "roll": 0, "pitch": 0, "yaw": 0.5}


def box(label: str, name: str, x: float, object_id: str = "", **attributes: Any) -> dict[str, Any]:
    """A cuboid in a worker's answer."""
    ids = {"objectId": object_id} if object_id else {}
    place = {"centerX": x, "centerY": 3.25, "centerZ": 1, **SIDES}
    return {"label": label, "objectName": name, **ids, "labelCategoryAttributes": attributes, **place}


def frame(place: int, *boxes: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    about = {"frameNumber": place, "frameName": NAMES[place], "frameAttributes": attributes}
    return {**about, "boundingCuboids": list(boxes)}


def content_of(label: ObjectLabel) -> Any:
    """The content of a label's file."""
    ((uri, (body, kind_of)),) = label.files.items()
    assert (uri, kind_of) == (label.value, "application/json")
    return json.loads(body)


def test_the_label_of_a_cloud_is_in_the_line_as_amazon_writes_it() -> None:
    kind = make_kind(DETECTION, categoryGlobalAttributes=ATTRIBUTES, frameAttributes=WEATHER)
    cuboids = [box("cow", "cow:4", 7.5, parked="yes"), box("ant", "ant:1", 2, parked="no")]
    content = {"boundingCuboids": {"boundingCuboids": cuboids, "frameAttributes": {"weather": "wet"}}}
    label = label_of(kind, content, LINE)
    assert label.files == {}
    assert label.metadata == {
        "objects": [],
        "class_map": {"0": "ant", "2": "cow"},
        "dataset-object-attributes": {"weather": "wet"},
    }
    assert label.value["annotations"][0] == {
        "label-category-attributes": {"parked": "yes"},
        "object-name": "cow:4",
        "class-id": 2,
        "center-x": 7.5,
        "center-y": 3.25,
        "center-z": 1,
        **SIDES,
    }
    assert len(label.value["annotations"]) == 2


def test_the_label_of_a_sequence_is_a_file_as_amazon_writes_it() -> None:
    kind = make_kind(TRACKING, frameAttributes=WEATHER)
    frames = [frame(1, box("cow", "cow:1", 3, "id-1"), weather="wet"), frame(2, box("cow", "cow:1", 4, "id-1"))]
    label = label_of(kind, {"trackingAnnotations": {"frames": frames}}, SEQUENCE_LINE)
    assert label.value == "s3://lab/out/job/annotations/consolidated-annotation/output/7/SeqLabel.json"
    objects = [{"frame-no": place, "confidence": []} for place in range(3)]
    assert label.metadata == {"objects": objects, "class-map": {"2": "cow"}}
    first, second, _ = content_of(label)["tracking-annotations"]
    assert first == {"frame-number": 0, "frame-name": "0.bin", "annotations": []}, "no frame is left out"
    assert second["frame-attributes"] == {"weather": "wet"}
    assert second["annotations"] == [cuboid(2, "cow:1", 3, **{"object-id": "id-1"})]


def test_the_page_gets_the_frames_with_their_places_cameras_and_poses() -> None:
    given = make_kind(TRACKING).own_input(SEQUENCE_LINE)
    assert (given["kind"], given["tracks"], given["answerKey"]) == ("cuboids", True, "trackingAnnotations")
    first, second, _ = given["frames"]
    assert [frame["frame-no"] for frame in given["frames"]] == [0, 1, 2], "whatever frame-no says"
    assert (second["uri"], second["frame"], second["images"]) == ("s3://lab/street/1.bin", "1.bin", [])
    assert second["about"] == {"unix-timestamp": 11.5, "format": "binary/xyzi"}
    assert first["about"]["ego-vehicle-pose"]["heading"]["qw"] == 1
    (image,) = first["images"]
    assert image["uri"] == "s3://lab/street/cam/0.jpg"
    assert image["about"]["fx"] == 800


COW = box("cow", "cow:1", 3)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "boundingCuboids is missing"),
        ({"boundingCuboids": {}}, "boundingCuboids is not a list of at most 500 shapes"),
        ({"boundingCuboids": [{}] * 501}, "boundingCuboids is not a list of at most 500 shapes"),
        ({"boundingCuboids": [{**COW, "label": "gnu"}]}, r"boundingCuboids\[0\].label is 'gnu'"),
        ({"boundingCuboids": [{**COW, "height": 0}]}, r"\[0\].height is 0; a cuboid has a length, a width"),
        ({"boundingCuboids": [{**COW, "yaw": None}]}, r"\[0\].yaw is null; write a number of meters or radians"),
        ({"boundingCuboids": [{**COW, "centerZ": 2e9}]}, r"\[0\].centerZ is 2000000000.0; write a number"),
        ({"boundingCuboids": [COW, COW]}, "two objects have the same objectName"),
        ({"boundingCuboids": [{**COW, "objectName": "bee:1"}]}, "objectName is not the label and a number"),
        ({"boundingCuboids": [box("cow", "cow:1", 3, parked="up")]}, "parked is 'up', which is not one of its choices"),
        ({"boundingCuboids": [], "frameAttributes": {"weather": 3}}, "frameAttributes.weather is not a string"),
        ({"boundingCuboids": []}, "the attribute weather is required"),
    ],
)
def test_a_wrong_answer_is_told_where_it_is_wrong(form: Any, words: str) -> None:
    attributes = [{**attribute, "isRequired": False} for attribute in ATTRIBUTES]
    weather = [{**WEATHER[0], "isRequired": "required" in words}]
    kind = make_kind(DETECTION, categoryGlobalAttributes=attributes, frameAttributes=weather)
    with pytest.raises(AnswerError, match=words):
        kind.check_answer({kind.key: form}, LINE)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([{**frame(0), "frameName": "else"}], r"frames\[0\].frameName is not the name of frame 0"),
        ([frame(0, {**box("cow", "cow:1", 3)})], "objectId is not a string"),
        ([frame(0, box("cow", "cow:1", 3, "a")), frame(1, box("cow", "cow:2", 3, "a"))], "one objectId and one"),
        ([{"frameNumber": 7}], "frameNumber is not the number of a frame"),
    ],
)
def test_a_wrong_answer_about_a_sequence_is_told_as_well(frames: Any, words: str) -> None:
    kind = make_kind(TRACKING)
    with pytest.raises(AnswerError, match=words):
        kind.check_answer({kind.key: {"frames": frames}}, SEQUENCE_LINE)


def test_cuboids_without_a_name_get_the_first_number_that_is_free() -> None:
    kind = make_kind(DETECTION)
    nameless = {key: value for key, value in COW.items() if key != "objectName"}
    label = label_of(kind, {kind.key: {"boundingCuboids": [nameless, COW, nameless]}}, LINE)
    assert [shape["object-name"] for shape in label.value["annotations"]] == ["cow:2", "cow:1", "cow:3"]


# Simulated workers


@pytest.mark.parametrize("name", [DETECTION, TRACKING])
@given(seed=st.integers(0, 10**6))
def test_what_is_right_comes_out_as_it_went_in(name: str, seed: int) -> None:
    kind = make_kind(name)
    line, made = (LINE, cuboids_label) if name == DETECTION else (SEQUENCE_LINE, tracks_label)
    truth = made(Random(seed), LABELS)
    content = kind.simulate(line, truth, True, Random(seed))
    assert content is not None
    label = label_of(kind, json.loads(json.dumps(content)), line)
    assert (label.value if name == DETECTION else content_of(label)) == truth


@pytest.mark.parametrize("name", [DETECTION, TRACKING])
def test_the_truth_may_name_classes_and_be_a_file(name: str) -> None:
    kind = make_kind(name)
    line, made = (LINE, cuboids_label) if name == DETECTION else (SEQUENCE_LINE, tracks_label)
    truth = made(Random(4), LABELS)
    named = json.loads(json.dumps(truth), object_hook=with_name)
    assert named != truth
    right = kind.simulate(line, truth, True, Random(1))
    assert kind.simulate(line, named, True, Random(1)) == right
    kind.job.object_store.write({"s3://lab/truth.json": (json.dumps(named).encode(), "")})
    assert kind.simulate(line, "s3://lab/truth.json", True, Random(1)) == right
    with pytest.raises(ObjectFailure, match=r"there is no file s3://lab/no\.json with the truth"):
        kind.simulate(line, "s3://lab/no.json", True, Random(1))


def with_name(shape: dict[str, Any]) -> dict[str, Any]:
    return {**shape, "label": LABELS[shape.pop("class-id")]} if "class-id" in shape else shape


@pytest.mark.parametrize(
    "truth",
    [
        3,
        [],
        {},
        {"annotations": [{}]},
        {"annotations": [cuboid(9, "a", 1)]},
        {"annotations": [], "frame-attributes": [1]},
        {"tracking-annotations": {}},
        {"tracking-annotations": [3]},
    ],
)
@pytest.mark.parametrize("name", [DETECTION, TRACKING])
def test_a_truth_that_is_none_is_declined(name: str, truth: Any) -> None:
    line = LINE if name == DETECTION else SEQUENCE_LINE
    assert make_kind(name).simulate(line, truth, True, Random(1)) is None


@pytest.mark.parametrize("name", [DETECTION, TRACKING])
def test_careless_workers_are_wrong_but_plausible(name: str) -> None:
    kind = make_kind(name)
    line, made = (LINE, cuboids_label) if name == DETECTION else (SEQUENCE_LINE, tracks_label)
    truth = made(Random(4), LABELS)
    right = kind.simulate(line, truth, True, Random(1))
    for seed in range(6):
        wrong = kind.simulate(line, truth, False, Random(seed))
        assert wrong != right
        kind.check_answer(wrong, line)


# Audits


def audit(truth: dict[str, Any], name: str, **categories: Any) -> tuple[Kind, dict[str, Any]]:
    attribute = "before" if name == DETECTION else "before-ref"
    kind = make_kind(f"adjustment-{name}", auditLabelAttributeName=attribute, **categories)
    line = LINE if name == DETECTION else SEQUENCE_LINE
    return kind, {**line, **former_cloud(kind, truth)}


@pytest.mark.parametrize("name", [DETECTION, TRACKING])
@given(seed=st.integers(0, 10**6))
def test_a_good_worker_leaves_what_is_right(name: str, seed: int) -> None:
    truth = (cuboids_label if name == DETECTION else tracks_label)(Random(seed), LABELS)
    kind, line = audit(truth, name)
    label = label_of(kind, kind.simulate(line, truth, True, Random(seed)) or {}, line)
    assert label.metadata["adjustment-status"] == "unadjusted"
    assert (label.value if name == DETECTION else content_of(label)) == truth


def test_a_good_worker_corrects_the_rest_and_keeps_ids() -> None:
    truth = tracks_label(Random(4), LABELS)
    before = json.loads(json.dumps(truth).replace('"id-', '"old-'))
    before["tracking-annotations"][1]["annotations"][0]["center-x"] += 3
    kind, line = audit(before, TRACKING)
    label = label_of(kind, kind.simulate(line, truth, True, Random(1)) or {}, line)
    assert label.metadata["adjustment-status"] == "adjusted"
    assert json.loads(json.dumps(content_of(label)).replace('"old-', '"id-')) == truth


def test_frames_under_other_names_keep_their_places() -> None:
    """Source: developer guide, "3D Point Cloud Object Tracking Output", which calls the frame 0.txt ``0.txt.pcd``."""
    truth = tracks_label(Random(4), LABELS)
    kind, line = audit(json.loads(json.dumps(truth).replace(".bin", ".bin.pcd")), TRACKING)
    label = label_of(kind, kind.simulate(line, truth, True, Random(1)) or {}, line)
    assert label.metadata["adjustment-status"] == "unadjusted"
    assert content_of(label) == truth


def test_objects_of_a_former_label_that_have_no_name_are_told_apart_by_their_ids() -> None:
    nameless = [cuboid(0, "", place * 10.5, **{"object-id": f"id-{place}"}) for place in range(2)]
    frames = [{"frame-number": 0, "frame-name": "0.bin", "annotations": nameless}]
    kind, line = audit({"tracking-annotations": frames}, TRACKING)
    initial = kind.own_input(line)["initial"]
    assert [shape["objectName"] for shape in initial["frames"][0]["boundingCuboids"]] == ["id-0", "id-1"]
    kind.check_answer({kind.key: initial}, line)


@pytest.mark.parametrize("name", [DETECTION, TRACKING])
def test_a_verification_locks_cuboids_but_not_their_attributes(name: str) -> None:
    truth = (cuboids_label if name == DETECTION else tracks_label)(Random(4), LABELS)
    labels = [{"label": label, "editsAllowed": "none"} for label in LABELS]
    attributes = [{**attribute, "isRequired": False} for attribute in ATTRIBUTES]
    kind, line = audit(truth, name, labels=labels, categoryGlobalAttributes=attributes)
    initial = kind.own_input(line)["initial"]
    kind.check_answer({kind.key: {**initial, "initialValueModified": False}}, line)
    cuboids = (initial["frames"][0] if name == TRACKING else initial)["boundingCuboids"]
    cuboids[0]["labelCategoryAttributes"] = {"parked": "yes"}
    assert label_of(kind, {kind.key: initial}, line).metadata["adjustment-status"] == "adjusted"
    cuboids[0]["yaw"] += 0.1
    with pytest.raises(AnswerError, match="frame 0: shapes that the category file locks were changed"):
        kind.check_answer({kind.key: initial}, line)


def test_attributes_of_a_cloud_are_kept_by_its_adjustment() -> None:
    kind = make_kind(f"adjustment-{DETECTION}", auditLabelAttributeName="before", frameAttributes=WEATHER)
    truth = cuboids_label(Random(4), LABELS)
    line = {**LINE, **former_cloud(kind, truth, **{"dataset-object-attributes": {"weather": "wet"}})}
    assert kind.own_input(line)["initial"]["frameAttributes"] == {"weather": "wet"}
    label = label_of(kind, kind.simulate(line, truth, True, Random(1)) or {}, line)
    assert label.metadata["dataset-object-attributes"] == {"weather": "wet"}
    kind, line = audit(truth, DETECTION)
    line["before-metadata"]["dataset-object-attributes"] = {"weather": ["wet"]}
    assert "are not an object of strings and numbers" in str(kind.obstacle(line))


def test_labels_that_can_not_be_audited_are_told() -> None:
    kind, line = audit({"tracking-annotations": 3}, TRACKING)  # type: ignore[dict-item]
    assert "Expected `array`, got `int`" in str(kind.obstacle(line))
    kind, line = audit({"annotations": [cuboid(0, "ant:1", 3, length=-1)]}, DETECTION)
    assert "length is -1" in str(kind.obstacle(line))
    assert "has no label under 'before' that could be audited" in str(kind.obstacle(LINE))


def test_the_numbers_of_a_cuboid_are_those_that_are_documented() -> None:
    assert {key for key in COW if key not in {"label", "objectName", "labelCategoryAttributes"}} == set(CUBOID.keys)


# Jobs


def test_whole_jobs_write_what_amazon_writes(tmp_path: Path) -> None:
    service = InProcess(tmp_path)
    service.storage.objects |= cloud_objects()
    tracks, cuboids = tracks_label(Random(4), ["van"]), cuboids_label(Random(4), ["van"])
    lines = [{"source-ref": URI, "truth": tracks}, {"source-ref": "s3://lab/none.json"}]
    manifest = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    given = {"labels": ["van"], "label_attribute_name": "track-ref", "workers_per_object": 1}
    arguments = {**given, "name": "one", "task_type": DETECTION, "label_attribute_name": "cuboids"}
    again = {**given, "label_attribute_name": "b-ref", "name": "check", "audited_attribute": "track-ref"}
    try:
        description, output = service.run(manifest, name="street", task_type=TRACKING, **given)
        _, (detected,) = service.run(json.dumps({**LINE, "truth": cuboids}).encode(), **arguments)
        objects = dict(service.storage.objects)
        _, checked = service.run(json.dumps(output[0]).encode(), task_type=f"adjustment-{TRACKING}", **again)
    finally:
        service.close()
    assert description["LabelCounters"]["HumanLabeled"] == 1
    assert output[1]["track-ref-metadata"]["failure-reason"] == "There is no sequence file s3://lab/none.json."
    assert json.loads(objects[output[0]["track-ref"]]) == tracks
    assert output[0]["track-ref-metadata"]["type"] == "groundtruth/point_cloud_object_tracking"
    assert detected["cuboids"] == cuboids
    assert detected["cuboids-metadata"]["type"] == "groundtruth/point_cloud_object_detection"
    assert detected["cuboids-metadata"]["class_map"] == {"0": "van"}
    (response,) = [uri for uri in objects if "/street/annotations/worker-response/" in uri and uri.count("/") == 9]
    (answer,) = json.loads(objects[response])["answers"]
    data = answer["answerContent"]["trackingAnnotations"]["frameData"]
    assert data["entries"] == [f"{number}.json" for number in range(3)]
    first = json.loads(objects[data["s3Prefix"] + "0.json"])["trackingAnnotations"][0]
    assert (first["frameName"], first["boundingCuboids"][0]["objectName"]) == ("0.bin", "van:1")
    assert checked[0]["b-ref-metadata"]["adjustment-status"] == "unadjusted"
