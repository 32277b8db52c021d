"""Video frames: what workers answer, what becomes of it, and what simulated workers do."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.frame_tools import TOOLS
from tests.service.in_process import InProcess
from tests.service.kinds.some_frames import DETECTION, LINE, TRACKING, audit, frame, label_and_content, tracked
from tests.service.kinds.some_jobs import LABELS, make_kind
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


def test_the_label_of_a_tracking_job_is_a_file_as_amazon_writes_it() -> None:
    kind = make_kind(TRACKING, categoryGlobalAttributes=ATTRIBUTES, frameAttributes=WEATHER)
    boxes = [tracked("cow", 1, 3, parked="yes"), tracked("ant", 1, 9, parked="no")]
    content = {kind.key: {"frames": [frame(1, *boxes, weather="wet"), frame(2, tracked("cow", 1, 5, parked="yes"))]}}
    label, document = label_and_content(kind, content)
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
    _, document = label_and_content(kind, {"detectionAnnotations": {"frames": [frame(0, box, box)]}})
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
    assert label_and_content(kind, json.loads(json.dumps(content)))[1] == truth, "what is right comes out as it went in"


def test_frames_are_in_the_order_of_their_names_bytes() -> None:
    kind = make_kind(DETECTION)
    kind.job.object_store.write({URI: (sequence_file(["f10.jpg", "f2.jpg", "F3.jpg"]), "")})
    assert [frame["frame"] for frame in kind.own_input(LINE)["frames"]] == ["F3.jpg", "f10.jpg", "f2.jpg"]
    assert kind.own_input(LINE)["frames"][1] == {"frame-no": 0, "frame": "f10.jpg", "uri": f"{PREFIX}f10.jpg"}


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


# Audits


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
